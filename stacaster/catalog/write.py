"""A search written to a file: item collection, stac-geoparquet, CSV or GeoPackage."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.catalog import item_table
from stacaster.errors import NothingFoundError, UsageError
from stacaster.files.atomic import complete_file
from stacaster.files.csv_files import write_csv
from stacaster.files.vector_files import write_geopackage
from stacaster.model.values import read_path

if TYPE_CHECKING:
    from stacaster.catalog.item_source import ItemSource


def write_search(search: ItemSource, output: str | os.PathLike[str]) -> Path:
    """Write the items of a search; the file appears under its name only when it is complete.

    Args:
        search: What was found.
        output: ``.json`` or ``.geojson`` (STAC item collection), ``.parquet`` (stac-geoparquet), ``.csv`` (flat
            columns, footprint as WKT), ``.gpkg`` (flat columns and footprint).

    Returns:
        The file.

    Raises:
        UsageError: The name ends in something else.
        NothingFoundError: The search found nothing.
        ExportError: The file cannot be written.
    """
    path = read_path("output", output)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise UsageError(f"output is {path.name!r}, but a name ending in {', '.join(_WRITERS)} is needed")
    if not len(search):
        raise NothingFoundError("the search found nothing to write")
    with complete_file(path) as part:
        writer(search, part)
    return path


def _item_collection(search: ItemSource, path: Path) -> None:
    document = search.item_collection().to_dict(transform_hrefs=False)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _parquet(search: ItemSource, path: Path) -> None:
    documents = [item.to_dict(transform_hrefs=False) for item in search.items()]
    item_table.write_items_parquet(item_table.parse_items(documents), path)


def _csv(search: ItemSource, path: Path) -> None:
    write_csv(search.to_geodataframe().to_wkt(), path)


def _geopackage(search: ItemSource, path: Path) -> None:
    frame = search.to_geodataframe()
    for name in frame.columns:
        if name != "geometry" and frame[name].map(_is_list).any():
            frame[name] = frame[name].map(lambda value: " ".join(map(str, value)) if _is_list(value) else None)
    write_geopackage(frame, path, layer="items")


def _is_list(value: Any) -> bool:
    # GeoPackage has no lists.
    return isinstance(value, (list, np.ndarray))


_WRITERS: dict[str, Callable[[ItemSource, Path], None]] = {
    ".json": _item_collection,
    ".geojson": _item_collection,
    ".parquet": _parquet,
    ".csv": _csv,
    ".gpkg": _geopackage,
}
