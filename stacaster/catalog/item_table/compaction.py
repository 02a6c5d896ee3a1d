"""How the parts of a collection change: full ones stay as they are, small ones are joined."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stacaster.catalog.item_table.canonical_order import arrange
from stacaster.catalog.item_table.parts import (
    FIRST_PART,
    PART_ROWS,
    count_rows,
    list_parts,
    name_of,
    number_of,
    read_items_parquet,
)
from stacaster.catalog.item_table.rows import conform, join, merge_tables, parse_items

SMALL_ROWS = 2_000
"""A part of so few rows is written again when rows come; a collection of so few rows is always one part."""


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
        CatalogError: An item is none, or a part cannot be read.
    """
    sizes = {path.name: count_rows(path) for path in list_parts(folder)}
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
    names = sorted(plan.sizes, key=number_of)
    whole = plan.written[names[0]] if len(names) == 1 and names[0] in plan.written else None
    gone = [name for name in sizes if name not in plan.sizes]
    return PartChanges(written=plan.written, removed=gone, names=names, whole=whole, fresh=rows)


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
        names = sorted(self.sizes, key=number_of)
        if rows is None and len(names) <= 1:
            return
        tables = [self._read(name) for name in names] + ([] if rows is None else [rows])
        for name in names:
            self._drop_part(name)
        self._put(FIRST_PART, arrange(join(tables)))

    def append(self, rows: pa.Table) -> None:
        """Put rows into a part of their own, or into the last one when that is small."""
        last = max(self.sizes, key=number_of, default=None)
        if last is not None:
            # All parts are read as one table: a later one has the types of those before it.
            rows = conform(rows, self._read(last).schema)
        if last is not None and self.sizes[last] + rows.num_rows <= SMALL_ROWS:
            self._put(last, arrange(join([self._read(last), rows])))
            return
        number = 0 if last is None else number_of(last) + 1
        for start in range(0, rows.num_rows, PART_ROWS):
            self._put(name_of(number), rows.slice(start, PART_ROWS))
            number += 1
        if sum(size < PART_ROWS for size in self.sizes.values()) > PART_ROWS // SMALL_ROWS:
            self.settle()

    def settle(self) -> None:
        """Join parts that are not full."""
        names = sorted((name for name, size in self.sizes.items() if size < PART_ROWS), key=number_of)
        if len(names) <= 1:
            return
        joined = arrange(join([self._read(name) for name in names]))
        for name in names:
            self._drop_part(name)
        free = iter(number for number in range(len(self.sizes) + len(names)) if name_of(number) not in self.sizes)
        for start in range(0, joined.num_rows, PART_ROWS):
            self._put(name_of(next(free)), joined.slice(start, PART_ROWS))

    def keep_first(self) -> None:
        """Give the last part the first name when that part went."""
        if self.sizes and FIRST_PART not in self.sizes:
            last = max(self.sizes, key=number_of)
            table = self._read(last)
            self._drop_part(last)
            self._put(FIRST_PART, table)
