"""Results of a search as files, from which later commands take the same granules."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stacaster.errors import UsageError
from stacaster.files.atomic import complete_file
from stacaster.files.vector_files import write_geopackage
from stacaster.model import Granule

SUFFIXES = (".json", ".geojson", ".parquet", ".gpkg")
"""How names of such files end."""

_GRANULE = "stacaster:granule"
_COLUMNS = ("id", "product", "version", "start", "end", "cloud_cover", "day_night", "size")


def write_granules(granules: Iterable[Granule], output: str | os.PathLike[str]) -> Path:
    """Write granules as GeoJSON (.json, .geojson), GeoParquet or GeoPackage; ``read_granules`` takes them back.

    Args:
        granules: From a search.
        output: The file.

    Raises:
        UsageError: The name ends in something else.
        ExportError: The file cannot be written.
    """
    path = Path(output)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"output is {str(path)!r}, but a name ending in {', '.join(SUFFIXES)} is needed")
    listed = list(granules)
    with complete_file(path) as part:
        if suffix in (".json", ".geojson"):
            features = [{**granule.to_feature(), _GRANULE: granule.to_dict()} for granule in listed]
            document = {"type": "FeatureCollection", "features": features}
            part.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        elif suffix == ".parquet":
            _frame(listed).to_parquet(part, write_page_checksum=True)
        else:
            write_geopackage(_frame(listed), part, layer="granules")
    return path


def _frame(granules: list[Granule]) -> Any:
    import geopandas
    import shapely

    shapes = [None if g.geometry is None else shapely.geometry.shape(dict(g.geometry)) for g in granules]
    table: dict[str, list[Any]] = {name: [] for name in (*_COLUMNS, _GRANULE)}
    for granule in granules:
        properties = {**granule.to_feature()["properties"], _GRANULE: json.dumps(granule.to_dict())}
        for name, values in table.items():
            values.append(properties[name])
    return geopandas.GeoDataFrame(table, geometry=shapes, crs="EPSG:4326")


def is_granule_file(value: Any) -> bool:
    """Tell whether a value names a file of granules: by its ending, and that it exists."""
    return isinstance(value, (str, os.PathLike)) and Path(value).suffix.lower() in SUFFIXES and Path(value).is_file()


def read_granules(path: str | os.PathLike[str]) -> list[Granule]:
    """Return the granules of a file that ``write_granules`` made.

    Raises:
        UsageError: There is no such file, or it holds something else.
    """
    name = Path(path)
    if name.suffix.lower() not in SUFFIXES or not name.is_file():
        raise UsageError(f"granules is {str(name)!r}, but a result of search, or the file of one, is needed")
    try:
        if name.suffix.lower() in (".json", ".geojson"):
            features = json.loads(name.read_text(encoding="utf-8"))["features"]
            documents: list[Mapping[str, Any]] = [feature[_GRANULE] for feature in features]
        else:
            import geopandas

            is_parquet = name.suffix.lower() == ".parquet"
            frame = geopandas.read_parquet(name) if is_parquet else geopandas.read_file(name)
            documents = [json.loads(text) for text in frame[_GRANULE]]
        return [Granule.from_dict(document) for document in documents]
    except Exception as error:
        raise UsageError(
            f"{name} holds no granules of a search ({type(error).__name__}: {error}); 'stacaster search -o' writes such"
        ) from error


def as_granules(value: Any) -> list[Granule]:
    """Return granules: a result of a search, a list, one granule, or the file of a result.

    Raises:
        UsageError: It is something else.
    """
    if isinstance(value, Granule):
        return [value]
    if isinstance(value, (str, os.PathLike)):
        return read_granules(value)
    if not isinstance(value, Iterable):
        raise UsageError(f"granules is {value!r}, but a result of search, or the file of one, is needed")
    listed = list(value)
    wrong = next((entry for entry in listed if not isinstance(entry, Granule)), None)
    if wrong is not None:
        raise UsageError(f"granules has {str(wrong)[:80]!r}, but results of search are needed")
    return listed
