"""Items that wait on disk as rows, so that a whole collection need not be in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.catalog import item_table

if TYPE_CHECKING:
    import pyarrow as pa


class Spool:
    """Rows of one collection; iterating gives table after table, all of one schema."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[Path] = []
        self._schema: pa.Table | None = None
        self.rows = 0

    def add(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Write items down.

        Raises:
            CatalogError: They contradict each other, or those that came before.
        """
        if not items:
            return
        table = item_table.merge_items(None, items)
        # A slice of no rows would keep all of them in memory.
        empty = table.schema.empty_table()
        self._schema = empty if self._schema is None else item_table.join([self._schema, empty])
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{len(self._files)}.parquet"
        item_table.write_rows(table, path)
        self._files.append(path)
        self.rows += table.num_rows

    def __iter__(self) -> Iterator[pa.Table]:
        for path in self._files:
            assert self._schema is not None
            yield item_table.join([self._schema, item_table.read_items_parquet(path)])
