"""One canonical Arrow form for a set of items, whatever the order in which they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST = ("id", "collection", "datetime", "start_datetime", "end_datetime", "bbox", "geometry")
# GeoParquet wants the sides of a box in this order.
_SIDES = ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")
_HILBERT_BITS = 16


def arrange(table: pa.Table) -> pa.Table:
    """Sort columns, struct fields and rows.

    Args:
        table: stac-geoparquet table.

    Returns:
        One chunk with the rows along a Hilbert curve over the centres of their boxes, then by time and id.
    """
    # Parquet has no structs without fields, such as the assets of items that have none.
    there = [field.name for field in table.schema if not pa.types.is_struct(field.type) or field.type.num_fields]
    names = [name for name in _FIRST if name in there]
    names += sorted(set(there) - set(names))
    columns = [
        _box_in_order(_one_chunk(table[name])) if name == "bbox" else _sorted_fields(_one_chunk(table[name]))
        for name in names
    ]
    arranged = pa.table(dict(zip(names, columns, strict=True)))
    return arranged.take(_order(arranged))


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    joined = column.combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined


def _box_in_order(array: pa.StructArray) -> pa.Array:
    names = [name for name in _SIDES if array.type.get_field_index(name) >= 0]
    children = dict(zip((field.name for field in array.type), array.flatten(), strict=True))
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays([children[name] for name in names], names=names, mask=mask)


def _sorted_fields(array: pa.Array) -> pa.Array:
    """Return an array whose struct fields are sorted by name at every depth."""
    kind = array.type
    if pa.types.is_struct(kind):
        fields = sorted(range(kind.num_fields), key=lambda i: kind.field(i).name)
        # A sliced struct keeps its offset in ``field`` only after flattening.
        children = array.flatten()
        arrays = [_sorted_fields(children[i]) for i in fields]
        names = [kind.field(i).name for i in fields]
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(arrays, names=names, mask=mask)
    if pa.types.is_list(kind):
        values = _sorted_fields(array.flatten())
        lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), type=pa.int32())
        mask = array.is_null() if array.null_count else None
        return pa.ListArray.from_arrays(offsets, values, mask=mask)
    return array


def curve_positions(table: pa.Table) -> NDArray[np.int64]:
    """Return where the centres of the items' boxes lie along the Hilbert curve."""
    box = table["bbox"].combine_chunks()
    west, south, east, north = (_numbers(box, name) for name in ("xmin", "ymin", "xmax", "ymax"))
    east = np.where(east < west, east + 360.0, east)
    return hilbert_index(((west + east) / 2 + 180.0) % 360.0 / 360.0, ((south + north) / 2 + 90.0) / 180.0)


def _order(table: pa.Table) -> pa.Array:
    keys = {
        "curve": pa.array(curve_positions(table)),
        "time": table["datetime"].cast(pa.int64()).fill_null(0),
        "id": table["id"],
    }
    return pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])


def _numbers(box: Any, name: str) -> NDArray[np.float64]:
    array = box.chunk(0) if isinstance(box, pa.ChunkedArray) else box
    return np.asarray(array.field(name).to_numpy(zero_copy_only=False), dtype=np.float64)


def hilbert_index(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return positions along a Hilbert curve of order 16 over the unit square (Hilbert 1891; Wikipedia's xy2d)."""
    side = 1 << _HILBERT_BITS
    column = np.clip((x * side).astype(np.int64), 0, side - 1)
    row = np.clip((y * side).astype(np.int64), 0, side - 1)
    position = np.zeros_like(column)
    step = side >> 1
    while step:
        right = (column & step) > 0
        upper = (row & step) > 0
        position += step * step * ((3 * right) ^ upper)
        flip = ~upper & right
        column, row = np.where(flip, side - 1 - column, column), np.where(flip, side - 1 - row, row)
        column, row = np.where(~upper, row, column), np.where(~upper, column, row)
        step >>= 1
    return position


def without_nulls(value: Any) -> Any:
    """Return plain data without the keys whose value is null: Arrow has them where another item has a value."""
    if isinstance(value, dict):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [without_nulls(part) for part in value]
    return value


def without_empty_fields(table: pa.Table) -> pa.Table:
    """Return a table without columns, and without fields of structs, that hold no value at all."""
    columns = {name: _pruned(_one_chunk(table[name])) for name in table.column_names}
    kept = {name: array for name, array in columns.items() if array.null_count < len(array) or name == "datetime"}
    return pa.table(kept)


def _pruned(array: pa.Array) -> pa.Array:
    if not pa.types.is_struct(array.type):
        return array
    children = [_pruned(child) for child in array.flatten()]
    names = [field.name for field in array.type]
    kept = [number for number, child in enumerate(children) if child.null_count < len(child)]
    if not kept:
        return pa.nulls(len(array))
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays([children[n] for n in kept], names=[names[n] for n in kept], mask=mask)
