"""Parquet parts of a collection's table: full ones stay as they are, small ones are joined."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import stac_geoparquet.arrow as stac_arrow

from stacaster.errors import CatalogError
from stacaster.item_table.arrange import arrange
from stacaster.item_table.rows import join, merge_tables, parse_items

FIRST_PART = "items.parquet"
"""Name of the only part of a small collection, and of the first one of a large collection."""

PART_ROWS = 50_000
"""Rows of a full part."""

SMALL_ROWS = 2_000
"""A part of so few rows is written again when rows come; a collection of so few rows is always one part."""

_ROW_GROUP = 5_000
_NAME = re.compile(r"items(?:-(\d{4,}))?\.parquet")


def list_parts(folder: Path) -> list[Path]:
    """Return the parts of a collection's table in their order."""
    return sorted(
        (path for path in folder.glob("items*.parquet") if _NAME.fullmatch(path.name)), key=lambda p: _number(p.name)
    )


def _number(name: str) -> int:
    found = _NAME.fullmatch(name)
    assert found is not None
    return int(found[1] or 0)


def _name(number: int) -> str:
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


def write_items_parquet(table: pa.Table, path: Path, *, collection: Mapping[str, Any]) -> None:
    """Write a part as stac-geoparquet 1.1 with the collection in its metadata."""
    collections = {str(collection["id"]): dict(collection)}
    # One row group is written for each chunk of the table.
    chunked = pa.Table.from_batches(table.to_batches(max_chunksize=_ROW_GROUP), schema=table.schema)
    stac_arrow.to_parquet(chunked, path, collections=collections, compression="zstd")


def name_addresses(path: Path, address: str) -> None:
    """Write a part anew with addresses in place of relative hrefs, of links and assets.

    Args:
        path: The parquet file.
        address: Address of the folder of the collection.
    """
    table = read_items_parquet(path)
    items = pq.read_schema(path).metadata or {}
    columns = {name: _with_addresses(table[name].combine_chunks(), address) for name in ("links", "assets")}
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    with pq.ParquetWriter(path, table.schema.with_metadata(items), compression="zstd") as writer:
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


@dataclass(frozen=True, kw_only=True)
class PartChanges:
    """What happens to the parts of one collection."""

    written: Mapping[str, pa.Table]
    """New content by name of the part."""
    removed: Sequence[str]
    """Names of parts that go."""
    names: Sequence[str]
    """All parts afterwards."""
    whole: pa.Table | None
    """The whole table where it is one new part."""
    fresh: pa.Table | None
    """Rows that came."""


def write_parts(folder: Path, batches: Iterable[pa.Table], *, collection: Mapping[str, Any]) -> list[str]:
    """Write the parts of a collection that has none yet, full ones and a last one; a part at a time is in memory.

    Args:
        folder: Folder of the collection.
        batches: stac-geoparquet rows in any order; ids occur once.
        collection: Document of the collection.

    Returns:
        Names of the parts.

    Raises:
        CatalogError: Rows contradict each other.
    """
    names: list[str] = []
    waiting: list[pa.Table] = []

    def write(table: pa.Table) -> None:
        names.append(_name(len(names)))
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
    return len(parts) > 1 and sum(_rows(path) < PART_ROWS for path in parts) > 1


def make_parts(table: pa.Table) -> dict[str, pa.Table]:
    """Cut an arranged table into full parts and a last one, by name."""
    starts = range(0, table.num_rows, PART_ROWS)
    return {_name(number): table.slice(start, PART_ROWS) for number, start in enumerate(starts)}


def change_parts(
    folder: Path, fresh: Sequence[Mapping[str, Any]], *, removed: Collection[str] = (), settle: bool = False
) -> PartChanges:
    """Plan how rows are added and removed; nothing is written.

    A collection of few rows is one part, the same for the same items whatever their history. Beyond that, rows
    that come go into a small part, and full parts are only written again when they lose a row.

    Args:
        folder: Folder of the collection.
        fresh: Items that come, with hrefs relative to their own files; none is in the table.
        removed: Ids of rows that go.
        settle: Join small parts until all but one are full.

    Raises:
        CatalogError: Items contradict each other, or a part cannot be read.
    """
    sizes = {path.name: _rows(path) for path in list_parts(folder)}
    plan = _Plan(folder, sizes)
    if removed:
        plan.drop(set(removed))
    rows = parse_items(fresh) if fresh else None
    count = 0 if rows is None else rows.num_rows
    if sum(plan.sizes.values()) + count <= SMALL_ROWS:
        plan.join_all(rows)
    elif rows is not None:
        plan.append(arrange(rows))
    if settle:
        plan.settle()
    plan.keep_first()
    names = sorted(plan.sizes, key=_number)
    whole = plan.written[names[0]] if len(names) == 1 and names[0] in plan.written else None
    gone = [name for name in sizes if name not in plan.sizes]
    return PartChanges(written=plan.written, removed=gone, names=names, whole=whole, fresh=rows)


def _rows(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{path.parent.name}/{path.name} cannot be read: {error}") from error


def contradictions(folder: Path, items: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return, by id, why items cannot stand in one table with the others; the first ones win.

    Args:
        folder: Folder of their collection.
        items: Items that come.
    """
    parts = list_parts(folder)
    schema = [] if not parts else [pq.read_schema(parts[-1]).empty_table()]
    try:
        join([*schema, parse_items(items).slice(0, 0)])
    except CatalogError:
        pass
    else:
        return {}
    found: dict[str, str] = {}
    for item in items:
        try:
            row = parse_items([item]).slice(0, 0)
            schema = [join([*schema, row]).slice(0, 0)]
        except CatalogError as error:
            found[str(item["id"])] = str(error)
    return found


class _Plan:
    """Parts as they will be."""

    def __init__(self, folder: Path, sizes: Mapping[str, int]) -> None:
        self._folder = folder
        self.sizes = dict(sizes)
        self.written: dict[str, pa.Table] = {}

    def _read(self, name: str) -> pa.Table:
        return self.written[name] if name in self.written else read_items_parquet(self._folder / name)

    def _put(self, name: str, table: pa.Table) -> None:
        self._drop_part(name)
        if table.num_rows:
            self.written[name] = table
            self.sizes[name] = table.num_rows

    def _drop_part(self, name: str) -> None:
        self.written.pop(name, None)
        self.sizes.pop(name, None)

    def drop(self, removed: set[str]) -> None:
        """Take rows out of the parts that have them."""
        wanted = pa.array(sorted(removed), pa.string())
        for name in list(self.sizes):
            ids = pq.read_table(self._folder / name, columns=["id"], partitioning=None)["id"]
            if pa.compute.any(pa.compute.is_in(ids, wanted)).as_py():
                self._put(name, merge_tables([self._read(name)], removed=[removed]))

    def join_all(self, rows: pa.Table | None) -> None:
        """Make one part of everything."""
        names = sorted(self.sizes, key=_number)
        if rows is None and len(names) <= 1:
            return
        tables = [self._read(name) for name in names] + ([] if rows is None else [rows])
        for name in names:
            self._drop_part(name)
        self._put(FIRST_PART, arrange(join(tables)))

    def append(self, rows: pa.Table) -> None:
        """Put rows into a part of their own, or into the last one when that is small."""
        last = max(self.sizes, key=_number, default=None)
        if last is not None:
            # Types that do not go together are an error here, not when somebody reads all parts.
            join([self._read(last).slice(0, 0), rows.slice(0, 0)])
        if last is not None and self.sizes[last] + rows.num_rows <= SMALL_ROWS:
            self._put(last, arrange(join([self._read(last), rows])))
            return
        number = 0 if last is None else _number(last) + 1
        for start in range(0, rows.num_rows, PART_ROWS):
            self._put(_name(number), rows.slice(start, PART_ROWS))
            number += 1
        if sum(size < PART_ROWS for size in self.sizes.values()) > PART_ROWS // SMALL_ROWS:
            self.settle()

    def settle(self) -> None:
        """Join parts that are not full."""
        names = sorted((name for name, size in self.sizes.items() if size < PART_ROWS), key=_number)
        if len(names) <= 1:
            return
        joined = arrange(join([self._read(name) for name in names]))
        for name in names:
            self._drop_part(name)
        free = iter(number for number in range(len(self.sizes) + len(names)) if _name(number) not in self.sizes)
        for start in range(0, joined.num_rows, PART_ROWS):
            self._put(_name(next(free)), joined.slice(start, PART_ROWS))

    def keep_first(self) -> None:
        """Give the last part the first name when that part went."""
        if self.sizes and FIRST_PART not in self.sizes:
            last = max(self.sizes, key=_number)
            table = self._read(last)
            self._drop_part(last)
            self._put(FIRST_PART, table)
