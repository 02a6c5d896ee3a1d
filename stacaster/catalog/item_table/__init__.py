"""The item table: all items of a collection as stac-geoparquet, and of a catalog in a DuckDB database."""

from stacaster.catalog.item_table.column_types import REMAINDER, STAC_TYPES, TIMES, is_of_type
from stacaster.catalog.item_table.compaction import PartChanges, change_parts
from stacaster.catalog.item_table.connection import DATABASE, RECENT, item_columns, run_sql
from stacaster.catalog.item_table.connections import close_databases
from stacaster.catalog.item_table.cql2 import column_of
from stacaster.catalog.item_table.database import append_recent, build_database, is_unsettled, refresh_database
from stacaster.catalog.item_table.find import FoundItem, ItemQuery, find_items
from stacaster.catalog.item_table.hrefs import rebase_hrefs, year_of
from stacaster.catalog.item_table.parts import (
    FIRST_PART,
    has_small_parts,
    iter_parts,
    iter_rows,
    list_parts,
    name_addresses,
    part_names,
    read_items_parquet,
    write_items_parquet,
    write_parts,
    write_rows,
)
from stacaster.catalog.item_table.points import PointView
from stacaster.catalog.item_table.remainder import put_back
from stacaster.catalog.item_table.rows import (
    conform,
    join,
    merge_items,
    parse_items,
    shapes_of,
    table_to_items,
)
from stacaster.catalog.item_table.summary import TableSummary, count_items, ids_of_year, known_items, summarise
from stacaster.catalog.item_table.unions import quoted

__all__ = [
    "DATABASE",
    "FIRST_PART",
    "RECENT",
    "REMAINDER",
    "STAC_TYPES",
    "TIMES",
    "FoundItem",
    "ItemQuery",
    "PartChanges",
    "PointView",
    "TableSummary",
    "append_recent",
    "build_database",
    "change_parts",
    "close_databases",
    "column_of",
    "conform",
    "count_items",
    "find_items",
    "has_small_parts",
    "ids_of_year",
    "is_of_type",
    "is_unsettled",
    "item_columns",
    "iter_parts",
    "iter_rows",
    "join",
    "known_items",
    "list_parts",
    "merge_items",
    "name_addresses",
    "parse_items",
    "part_names",
    "put_back",
    "quoted",
    "read_items_parquet",
    "rebase_hrefs",
    "refresh_database",
    "run_sql",
    "shapes_of",
    "summarise",
    "table_to_items",
    "write_items_parquet",
    "write_parts",
    "write_rows",
    "year_of",
]
