"""Parquet parts of a collection's table: their names, how they are read and written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stacaster.catalog.item_table.canonical_order import arrange
from stacaster.catalog.item_table.rows import conform, join
from stacaster.errors import CatalogError

FIRST_PART = "items.parquet"
"""Name of the only part of a small collection, and of the first one of a large collection."""

PART_ROWS = 50_000
"""Rows of a full part."""

_ROW_GROUP = 5_000
# Hrefs and checksums are all different, and zstd finds what repeats: dictionaries made files larger and slower.
_WRITTEN: dict[str, Any] = {"compression": "zstd", "use_dictionary": False}
_GEOMETRIES = {
    1: "Point", 2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString", 6: "MultiPolygon",
    7: "GeometryCollection",
}  # fmt: skip
_STAC_GEOPARQUET = "1.0.0"
_NAME = re.compile(r"items(?:-(\d{4,}))?\.parquet")


def list_parts(folder: Path) -> list[Path]:
    """Return the parts of a collection's table in their order."""
    return sorted(
        (path for path in folder.glob("items*.parquet") if _NAME.fullmatch(path.name)), key=lambda p: number_of(p.name)
    )


def number_of(name: str) -> int:
    """Return the number of a part by its name."""
    found = _NAME.fullmatch(name)
    assert found is not None
    return int(found[1] or 0)


def name_of(number: int) -> str:
    """Return the name of a part by its number."""
    return FIRST_PART if number == 0 else f"items-{number:04d}.parquet"


def read_items_parquet(path: Path, *, ids: Sequence[str] | None = None) -> pa.Table:
    """Read one part.

    Args:
        path: The parquet file.
        ids: Only these items; None reads all.

    Raises:
        CatalogError: The file is no parquet file.
    """
    try:
        return pq.read_table(
            path, filters=None if ids is None else pa.compute.field("id").isin(list(ids)), partitioning=None
        )
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{path.parent.name}/{path.name} cannot be read: {error}") from error


def iter_parts(folder: Path) -> Iterator[pa.Table]:
    """Yield the table of each part.

    Raises:
        CatalogError: A part cannot be read.
    """
    for path in list_parts(folder):
        yield read_items_parquet(path)


def iter_rows(path: Path, count: int) -> Iterator[pa.Table]:
    """Yield the rows of one part, so many at a time.

    Raises:
        CatalogError: The file is no parquet file, or is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=count):
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{path.parent.name}/{path.name} cannot be read: {error}") from error


def write_rows(table: pa.Table, path: Path) -> None:
    """Write rows that are read again soon."""
    pq.write_table(table, path, compression="lz4")


def write_items_parquet(table: pa.Table, path: Path, *, collection: Mapping[str, Any] | None = None) -> None:
    """Write rows as stac-geoparquet and GeoParquet 1.1, with the collection in the metadata."""
    collections = {} if collection is None else {str(collection["id"]): dict(collection)}
    # Parquet has no structs without fields, such as the assets of items that have none.
    bare = [field.name for field in table.schema if pa.types.is_struct(field.type) and not field.type.num_fields]
    table = table.drop_columns(bare)
    metadata = {
        "geo": json.dumps(_geo_metadata(table)),
        "stac-geoparquet": json.dumps({"version": _STAC_GEOPARQUET, "collections": collections}),
    }
    with pq.ParquetWriter(path, table.schema.with_metadata(metadata), **_WRITTEN) as writer:
        writer.write_table(table, row_group_size=_ROW_GROUP)


def _geo_metadata(table: pa.Table) -> dict[str, Any]:
    column = {
        "encoding": "WKB",
        "geometry_types": _geometry_types(table["geometry"]),
        "crs": _degrees(),
        "edges": "planar",
        "covering": {"bbox": {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}},
    }
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


@cache
def _degrees() -> dict[str, Any]:
    from pyproj import CRS

    return CRS.from_epsg(4326).to_json_dict()


def _geometry_types(column: pa.ChunkedArray) -> list[str]:
    """Return the types of geometries (WKB) as GeoParquet names them."""
    # Byte order is that of this program: the type stands in the four bytes after the first.
    kinds = {int.from_bytes(wkb[1:5], "little") for wkb in column.to_pylist()}
    plain = [(_GEOMETRIES[kind % 1000], " Z" if kind // 1000 in (1, 3) else "") for kind in kinds]
    return sorted(f"{name}{dimension}" for name, dimension in plain)


def name_addresses(path: Path, address: str) -> None:
    """Write a part anew with addresses in place of relative hrefs, of links and assets.

    Args:
        path: The parquet file.
        address: Address of the folder of the collection.
    """
    table = read_items_parquet(path)
    items = pq.read_schema(path).metadata or {}
    named = [name for name in ("links", "assets") if name in table.column_names]
    columns = {name: _with_addresses(table[name].combine_chunks(), address) for name in named}
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    with pq.ParquetWriter(path, table.schema.with_metadata(items), **_WRITTEN) as writer:
        writer.write_table(table, row_group_size=_ROW_GROUP)


def _with_addresses(array: Any, address: str, name: str = "") -> Any:
    kind = array.type
    if pa.types.is_struct(kind):
        fields = [field.name for field in kind]
        children = [
            _with_addresses(child, address, field) for child, field in zip(array.flatten(), fields, strict=True)
        ]
        return pa.StructArray.from_arrays(children, names=fields, mask=array.is_null())
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        values = _with_addresses(array.values, address)
        return pa.ListArray.from_arrays(array.offsets, values, mask=array.is_null() if array.null_count else None)
    if name != "href" or not pa.types.is_string(kind):
        return array
    outer = address.rpartition("/")[0]
    inside = pa.compute.replace_substring_regex(array, r"^\./", f"{address}/")
    return pa.compute.replace_substring_regex(inside, r"^\.\./", f"{outer}/")


def write_parts(folder: Path, batches: Iterable[pa.Table], *, collection: Mapping[str, Any]) -> list[str]:
    """Write the parts of a collection that has none yet, full ones and a last one; a part at a time is in memory.

    Args:
        folder: Folder of the collection.
        batches: stac-geoparquet rows in any order; ids occur once.
        collection: Document of the collection.

    Returns:
        Names of the parts.
    """
    names: list[str] = []
    waiting: list[pa.Table] = []
    schema: pa.Schema | None = None

    def write(table: pa.Table) -> None:
        nonlocal schema
        table = table if schema is None else conform(table, schema)
        schema = table.schema
        names.append(name_of(len(names)))
        write_items_parquet(arrange(table), folder / names[-1], collection=collection)

    for batch in batches:
        waiting.append(batch)
        while sum(table.num_rows for table in waiting) >= PART_ROWS:
            joined = join(waiting)
            write(joined.slice(0, PART_ROWS))
            waiting = [joined.slice(PART_ROWS)]
    if any(table.num_rows for table in waiting):
        write(join(waiting))
    return names


def has_small_parts(folder: Path) -> bool:
    """Tell whether there are parts to be joined."""
    parts = list_parts(folder)
    return len(parts) > 1 and sum(count_rows(path) < PART_ROWS for path in parts) > 1


def part_names(rows: int) -> list[str]:
    """Return the names of the parts that ``write_parts`` makes of so many rows."""
    return [name_of(number) for number in range(-(-rows // PART_ROWS))]


def count_rows(path: Path) -> int:
    """Return the number of rows of a part.

    Raises:
        CatalogError: The file is no parquet file.
    """
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{path.parent.name}/{path.name} cannot be read: {error}") from error
