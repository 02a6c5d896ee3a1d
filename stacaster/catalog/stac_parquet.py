"""Items of stac-geoparquet as any program writes it: boxes as struct or list, times as text, documents as JSON text."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stacaster.catalog.item_table import TIMES, put_back
from stacaster.errors import CatalogError, ReadError
from stacaster.model import ITEM_FIELDS, format_datetime

_BATCH = 1_000
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_NESTED = ("assets", "links", "stac_extensions", "properties", "bbox", "geometry")
_KEPT = {"datetime", "assets", "properties"}


def read_stac_parquet(path: Path, collections: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any] | ReadError]:
    """Yield the items of a file, and in place of rows that are none the error.

    Args:
        path: The file.
        collections: Takes the collections that the file describes, by id.

    Raises:
        CatalogError: It is no stac-geoparquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            metadata = file.schema_arrow.metadata or {}
            known = json.loads(metadata.get(b"stac-geoparquet", b"{}"))
            more = known.get("collections") or {}
            collections |= more if isinstance(more, dict) else {str(part.get("id")): part for part in more}
            geometry = _geometry_column(file.schema_arrow.names, json.loads(metadata.get(b"geo", b"{}")), path)
            for batch in file.iter_batches(_BATCH):
                for row in batch.to_pylist():
                    try:
                        yield _item_of(row, geometry)
                    except (ValueError, KeyError, TypeError, AttributeError) as error:
                        name = str(row.get("id"))[:100]
                        yield ReadError(f"the row is no STAC item: {error}", granule=name)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise CatalogError(f"{path.name} is no stac-geoparquet: {error}") from error


def _geometry_column(names: list[str], geo: Mapping[str, Any], path: Path) -> str:
    name = str(geo.get("primary_column") or "geometry")
    if "id" not in names or name not in names:
        raise CatalogError(f"{path.name} is no stac-geoparquet: it has no column {'id' if 'id' not in names else name}")
    crs = (geo.get("columns") or {}).get(name, {}).get("crs")
    if crs is not None:
        from pyproj import CRS

        if not CRS.from_user_input(crs).is_geographic:
            raise CatalogError(
                f"{path.name}: its geometries are in {CRS.from_user_input(crs).name}; items need degrees"
            )
    return name


def _item_of(row: dict[str, Any], geometry: str) -> dict[str, Any]:
    values = {key: _plain(key, value) for key, value in row.items() if not key.startswith("__index_level_")}
    outline = values.pop(geometry, None)
    if geometry != "geometry":
        values.pop("geometry", None)
    for key in _NESTED:
        if isinstance(values.get(key), str):
            values[key] = json.loads(values[key])
    inner = values.pop("properties", None) or {}
    box = values.pop("bbox", None)
    merged = put_back({key: value for key, value in values.items() if value is not None})
    inner = {**inner, **merged.pop("properties", {})}
    properties = {key: merged.pop(key) for key in list(merged) if key not in ITEM_FIELDS}
    item = present({**merged, "properties": {"datetime": None, **properties, **inner}})
    # A map of parquet without entries comes as an empty list.
    item["assets"] = item.get("assets") or {}
    return {
        "type": "Feature",
        "links": [],
        **item,
        "geometry": outline if not isinstance(outline, str) else json.loads(outline),
        "bbox": [box[side] for side in _SIDES] if isinstance(box, dict) else box,
    }


def _plain(key: str, value: Any) -> Any:
    """Return a value of a table as JSON has it."""
    if isinstance(value, dict):
        return {name: _plain(name, part) for name, part in value.items()}
    if isinstance(value, list):
        # A map of parquet comes as pairs.
        if value and all(isinstance(part, tuple) for part in value):
            return {str(name): _plain(str(name), part) for name, part in value}
        return [_plain(key, part) for part in value]
    return _outline(value) if isinstance(value, bytes) else _scalar(key, value)


def _scalar(key: str, value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return format_datetime(value if value.tzinfo else value.replace(tzinfo=dt.UTC))
    if isinstance(value, dt.date):
        return f"{value.isoformat()}T00:00:00Z" if key in TIMES else value.isoformat()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _outline(packed: bytes) -> Any:
    import shapely

    try:
        return json.loads(shapely.to_geojson(shapely.from_wkb(packed)))
    except shapely.errors.ShapelyError as error:
        raise ValueError(f"its geometry is no well-known binary ({error})") from error


def present(value: Any) -> Any:
    """Return plain data without nulls, which a table has where another row has a value."""
    if isinstance(value, dict):
        # An object without fields says nothing either, and parquet has no type for it.
        return {key: present(part) for key, part in value.items() if (part is not None and part != {}) or key in _KEPT}
    return [present(part) for part in value] if isinstance(value, list) else value
