"""Items as rows of an Arrow table in the form of stac-geoparquet, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from stacaster.catalog.item_table.canonical_order import arrange, without_empty_fields, without_nulls
from stacaster.catalog.item_table.column_types import (
    REMAINDER,
    STAC_TYPES,
    TIMES,
    common_type,
    is_of_type,
    is_storable,
    merged_schema,
)
from stacaster.catalog.item_table.hrefs import rebase_hrefs, year_of
from stacaster.catalog.item_table.remainder import as_text, fit_rows, put_back
from stacaster.errors import CatalogError
from stacaster.model import ITEM_FIELDS, format_datetime

_TIME_TYPE = pa.timestamp("us", tz="UTC")
_BOX = {4: ("xmin", "ymin", "xmax", "ymax"), 6: ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")}
_INFERRED_ANEW = 2_000
_BATCH = 500


def merge_items(old: pa.Table | None, items: Sequence[Mapping[str, Any]], *, removed: Collection[str] = ()) -> pa.Table:
    """Add items to a table; items replace rows of the same id.

    Args:
        old: Table of the collection, or None.
        items: STAC items with hrefs relative to their own file.
        removed: Ids of rows to leave out.

    Returns:
        The same table for the same set of items, whatever their order and history, provided that a property has one
        type in all of them. Where one has not, the types of the items that came first stay, and what does not fit
        them stands in the column ``REMAINDER``. Relative hrefs are relative to the place of the parquet file, the
        folder of the collection.

    Raises:
        CatalogError: An item is none.
    """
    fresh = parse_items(items) if items else None
    if old is None:
        assert fresh is not None
        return arrange(fresh)
    return merge_tables([old, *([] if fresh is None else [fresh])], removed=[{*removed, *_ids(items)}, set()])


def merge_tables(tables: Sequence[pa.Table], *, removed: Sequence[Collection[str]] = ()) -> pa.Table:
    """Join tables of one collection.

    Args:
        tables: At least one.
        removed: Ids that are left out of each table; empty leaves out none.
    """
    kept = list(tables)
    is_less = False
    for number, gone in enumerate(removed[: len(kept)]):
        if gone:
            table = kept[number]
            kept[number] = table.filter(pc.invert(pc.is_in(table["id"], pa.array(sorted(gone), table["id"].type))))
            is_less |= kept[number].num_rows < table.num_rows
    filled = [table for table in kept if table.num_rows]
    if not filled:
        return tables[0].slice(0, 0)
    if len(filled) == 1 and filled[0] is tables[0]:
        return filled[0]
    if is_less and sum(table.num_rows for table in filled) <= _INFERRED_ANEW:
        # A column may have lost its only value: infer the columns anew from what is left.
        return arrange(_parse([item for table in filled for item in _plain_items(table)]))
    joined = join(filled)
    return arrange(without_empty_fields(joined) if is_less else joined)


def join(tables: Sequence[pa.Table]) -> pa.Table:
    """Put the rows of tables of one collection one after the other; the types of the first ones stay."""
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException:
        schema = tables[0].schema
        for table in tables[1:]:
            schema = merged_schema(schema, table.schema)
        return pa.concat_tables([conform(table, schema) for table in tables], promote_options="permissive")


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows whose columns can stand below those of a schema: what does not fit goes into ``REMAINDER``."""
    try:
        pa.unify_schemas([schema, table.schema], promote_options="permissive")
    except pa.ArrowException:
        merged = merged_schema(schema, table.schema)
        return _parse(list(_plain_items(table)), schema=merged) if table.num_rows else merged.empty_table()
    return table


def _ids(items: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(item["id"]) for item in items]


def parse_items(items: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return items, whose hrefs are relative to their own files, as rows.

    Raises:
        CatalogError: An item is none.
    """
    return _parse([rebase_hrefs(item, f"{year_of(item)}/{item['id']}/", inward=False) for item in items])


def _parse(items: Sequence[Mapping[str, Any]], *, schema: pa.Schema | None = None) -> pa.Table:
    # stac_geoparquet gives the same table, but copies each item deeply: four times slower.
    rows, boxes, shapes = [], [], []
    for item in items:
        rows.append(_row(item))
        boxes.append(item["bbox"])
        shapes.append(item["geometry"])
    try:
        table = _columns(rows, schema)
        table = table.append_column("geometry", pa.array(_wkb(shapes), pa.binary()))
        return table.append_column("bbox", _box(boxes))
    except (pa.ArrowException, ValueError, TypeError, shapely.errors.ShapelyError) as error:
        raise CatalogError(f"items of one collection contradict each other: {error}") from error


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields and properties of an item side by side, but for its box and geometry."""
    row = {key: value for key, value in item.items() if key not in ("geometry", "bbox")}
    # Few items have a null, and to look for one in text is fast.
    if b"null" in orjson.dumps(row):
        row = without_nulls(row)
    properties = {"datetime": None, **row.pop("properties")}
    reserved = {key: properties.pop(key) for key in _RESERVED & set(properties)}
    rest: dict[str, Any] = {"properties": reserved} if reserved else {}
    if "proj:geometry" in properties:
        _pack_outline(properties, rest)
    if any("proj:geometry" in asset for asset in row["assets"].values()):
        row["assets"] = {key: dict(asset) for key, asset in row["assets"].items()}
        for key, asset in row["assets"].items():
            left: dict[str, Any] = {}
            _pack_outline(asset, left)
            if left:
                rest.setdefault("assets", {})[key] = left
    if rest:
        row[REMAINDER] = as_text(rest)
    return row | properties


def _pack_outline(fields: dict[str, Any], rest: dict[str, Any]) -> None:
    """Turn a ``proj:geometry`` into well-known binary; one that does not come back as it was goes into the rest."""
    outline = fields.get("proj:geometry")
    if outline is None:
        return
    try:
        packed = _wkb([outline])[0]
        is_same = _geojson(shapely.from_wkb(packed)) == outline
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        is_same = False
    if is_same:
        fields["proj:geometry"] = packed
    else:
        rest["proj:geometry"] = fields.pop("proj:geometry")


_RESERVED = ITEM_FIELDS | {REMAINDER, "properties"}


def _is_sound(field: pa.Field) -> bool:
    """Tell whether a column has the type that STAC gives it, and one that parquet can hold."""
    is_bare = field.type.num_fields == 0 and field.name == "assets"
    return is_of_type(field.type, STAC_TYPES.get(field.name, field.type)) and (is_bare or is_storable(field.type))


def _columns(rows: Sequence[Mapping[str, Any]], schema: pa.Schema | None) -> pa.Table:
    if schema is None:
        try:
            table = pa.Table.from_struct_array(pa.array(rows))
            if all(_is_sound(kind) for kind in table.schema):
                return _with_times(table)
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            pass  # The rows contradict each other, or one holds what no column can.
        kind = common_type(rows)
    else:
        kind = pa.struct([part for part in schema if part.name not in ("geometry", "bbox")])
    fitted = fit_rows(rows, kind)
    types = {part.name: pa.string() if pa.types.is_timestamp(part.type) else part.type for part in kind}
    types |= {REMAINDER: pa.string()} if any(REMAINDER in row for row in fitted) else {}
    return _with_times(pa.Table.from_struct_array(pa.array(fitted, type=pa.struct(list(types.items())))))


def _with_times(table: pa.Table) -> pa.Table:
    for name in sorted(TIMES & set(table.column_names)):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(pa.string()).cast(_TIME_TYPE))
    return table


def _wkb(shapes: Sequence[Any]) -> list[bytes]:
    found: list[bytes] = shapely.to_wkb(shapes_of(shapes), flavor="iso").tolist()
    return found


def shapes_of(documents: Sequence[Any]) -> Any:
    """Return GeoJSON geometries as an array of shapes.

    Raises:
        shapely.errors.ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError: One is none.
    """
    try:
        return shapely.from_geojson([orjson.dumps(document) for document in documents])
    except (shapely.errors.GEOSException, TypeError):
        # Slower, and does not mind rings that are not closed.
        return np.array([shapely.geometry.shape(document) for document in documents], dtype=object)


def _box(boxes: Sequence[Sequence[float]]) -> pa.Array:
    numbers = np.asarray(boxes, dtype=np.float64)
    return pa.StructArray.from_arrays(list(map(pa.array, numbers.T)), names=_BOX[numbers.shape[1]])


def _plain_items(table: pa.Table) -> Iterator[dict[str, Any]]:
    # stac_geoparquet fails where one item has a proj:geometry and another has none.
    times = [name for name in table.column_names if pa.types.is_timestamp(table[name].type)]
    for batch in table.to_batches(max_chunksize=_BATCH):
        shapes = shapely.from_wkb(np.asarray(batch["geometry"].to_pylist(), dtype=object))
        for row, shape in zip(batch.to_pylist(), shapes, strict=True):
            for name in times:
                if row[name] is not None:
                    row[name] = format_datetime(row[name])
            if row.get("proj:geometry") is not None:
                row["proj:geometry"] = _geojson(shapely.from_wkb(row["proj:geometry"]))
            for asset in (row.get("assets") or {}).values():
                if asset is not None and asset.get("proj:geometry") is not None:
                    asset["proj:geometry"] = _geojson(shapely.from_wkb(asset["proj:geometry"]))
            row["geometry"] = _geojson(shape)
            box = row["bbox"]
            row["bbox"] = [box[name] for name in _BOX[len(box)]]
            plain = put_back(without_nulls(row))
            reserved = plain.pop("properties", {})
            properties = {key: plain.pop(key) for key in list(plain) if key not in ITEM_FIELDS}
            plain.setdefault("assets", {})
            yield {"type": "Feature", **plain, "properties": {"datetime": None, **properties, **reserved}}


def _geojson(shape: Any) -> dict[str, Any]:
    if shape.geom_type == "GeometryCollection":
        return {"type": shape.geom_type, "geometries": [_geojson(part) for part in shape.geoms]}
    mapped = shapely.geometry.mapping(shape)
    return {**mapped, "coordinates": _listed(mapped["coordinates"])}


def _listed(value: Any) -> Any:
    return [_listed(part) for part in value] if isinstance(value, (list, tuple)) else value


def table_to_items(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the items of a table as they stand in their JSON files, hrefs relative to their own file."""
    for item in _plain_items(table):
        yield rebase_hrefs(item, f"{year_of(item)}/{item['id']}/", inward=True)
