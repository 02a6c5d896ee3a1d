"""What SQL over a catalog returns: rows, and the items and cubes that they stand for."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from stacaster.catalog import item_table
from stacaster.catalog.search import absolute, read_item
from stacaster.errors import NothingFoundError, UsageError
from stacaster.files.atomic import complete_file
from stacaster.files.vector_files import read_vector_file
from stacaster.model.options import LoadOptions
from stacaster.network.objects import Objects

_LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import pyarrow as pa
    import pystac
    import xarray as xr

    from stacaster.cube.report import LoadReport


@dataclass(frozen=True)
class SqlResult:
    """Rows that an SQL query found."""

    table: pa.Table
    """The rows as an Arrow table."""
    root: Path | None = None
    """Folder of the catalog that was asked."""
    objects: Objects | None = None
    """Where a published catalog lies; None for one on this disk."""
    epsg: int | None = 4326
    """CRS of the column ``geometry``; None when points of several reference frames were asked."""

    def to_dataframe(self) -> pd.DataFrame:
        """Return the rows as a pandas DataFrame."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    def to_geodataframe(self) -> gpd.GeoDataFrame:
        """Return the rows as a GeoDataFrame in degrees; points of tracks are in their own reference frame.

        Raises:
            UsageError: The query gave no column ``geometry``.
        """
        import geopandas

        if "geometry" not in self.table.column_names:
            raise UsageError("the query gives no column geometry")
        frame = self.table.to_pandas()
        if self.epsg is None:
            _LOG.warning(
                "the points are of several reference frames (such as ITRF2014 and ITRF2020), so that the table has no "
                "CRS; choose one release, or move one of them before heights are compared"
            )
        shapes = geopandas.GeoSeries.from_wkb(frame.pop("geometry").map(bytes), crs=self.epsg)
        return geopandas.GeoDataFrame(frame, geometry=shapes)

    def to_parquet(self, output: str | os.PathLike[str]) -> Path:
        """Write the rows to a parquet file, which appears under its name only when it is complete.

        Raises:
            ExportError: The file cannot be written.
        """
        import pyarrow.parquet as pq

        path = Path(output)
        with complete_file(path) as part:
            pq.write_table(self.table, part, compression="zstd", write_page_checksum=True)
        return path

    def items(self) -> list[pystac.Item]:
        """Return the items of the rows, in their order, each once; they are made from the table, not from JSON files.

        Raises:
            UsageError: The query gave no column ``id``, or ids that the catalog does not have or has several times.
        """
        import pystac

        if self.root is None or "id" not in self.table.column_names:
            raise UsageError("the query gives no column id, so its rows stand for no items")
        wanted = dict.fromkeys(str(value) for value in self.table["id"].to_pylist())
        allowed = None
        if "collection" in self.table.column_names:
            allowed = {str(value) for value in self.table["collection"].to_pylist()}
        found: dict[str, pystac.Item] = {}
        for document in self._documents(list(wanted)):
            name, collection = document["id"], document["collection"]
            if allowed is not None and collection not in allowed:
                continue
            # While a part is joined with another one, a row may stand in both.
            if name in found and found[name].collection_id != collection:
                raise UsageError(f"{name} is in several collections; select the column collection as well")
            found[name] = pystac.Item.from_dict(document, migrate=False)
        missing = [name for name in wanted if name not in found]
        if missing:
            raise UsageError(f"the catalog has no item {missing[0]!r}")
        return [found[name] for name in wanted]

    def _documents(self, ids: list[str]) -> Iterator[dict[str, Any]]:
        """Yield the items with absolute hrefs: from parquet, or of a published catalog from their JSON."""
        assert self.root is not None
        if self.objects is not None:
            query = "select href from items where list_contains(?, id)"
            for href in item_table.run_sql(self.root / item_table.DATABASE, query, parameters=[ids])[
                "href"
            ].to_pylist():
                document = read_item(self.root, self.objects, href)
                if document is not None:
                    yield document
            return
        for folder in sorted(path.parent for path in self.root.glob(f"*/{item_table.FIRST_PART}")):
            for part in item_table.list_parts(folder):
                for document in item_table.table_to_items(item_table.read_items_parquet(part, ids=ids)):
                    place = folder / item_table.year_of(document) / document["id"] / f"{document['id']}.json"
                    yield absolute(document, str(place))

    @overload
    def load(self, *, report: Literal[True], **options: Unpack[LoadOptions]) -> tuple[xr.Dataset, LoadReport]: ...

    @overload
    def load(self, *, report: Literal[False] = False, **options: Unpack[LoadOptions]) -> xr.Dataset: ...

    def load(
        self, *, report: bool = False, **options: Unpack[LoadOptions]
    ) -> xr.Dataset | tuple[xr.Dataset, LoadReport]:
        """Load the items of the rows as a cube.

        Args:
            report: Return the report as well, as for ``stacaster.load``.
            **options: Those of ``stacaster.load``.

        Raises:
            NothingFoundError: There is no row.
        """
        from stacaster import cube

        if not len(self):
            raise NothingFoundError("the query gives no row, so there is nothing to load")
        return cube.load(self.items(), report=True, **options) if report else cube.load(self.items(), **options)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def _repr_html_(self) -> str:
        return str(self.to_dataframe().to_html(max_rows=20, escape=True))


def check_query(text: Any, tables: Any) -> None:
    """Refuse a query that is no text, and tables that have no names.

    Raises:
        UsageError: It is so.
    """
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f"the query is {text!r}, but a text in SQL is needed")
    if tables is not None and not isinstance(tables, Mapping):
        raise UsageError(f"tables is {tables!r}, but a table of names and what they stand for is needed")


def as_table(value: Any, name: str) -> pa.Table:
    """Return a vector file, GeoDataFrame or DataFrame as a table whose geometry is WKB in degrees.

    Raises:
        UsageError: The file is missing or cannot be read, or its CRS is not known.
    """
    import geopandas
    import pandas as pd
    import pyarrow as pa

    frame = value
    if isinstance(value, (str, os.PathLike)):
        frame = read_vector_file(Path(value), what=f"table {name}", kind="a table")
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"table {name} is {value!r}, but a file, a DataFrame or a GeoDataFrame is needed")
    if not isinstance(frame, geopandas.GeoDataFrame):
        return pa.Table.from_pandas(frame, preserve_index=False)
    if frame.crs is None:
        raise UsageError(f"table {name} does not say in which CRS its coordinates are")
    frame = frame.to_crs(4326)
    shapes = frame.geometry.to_wkb().tolist()
    plain = frame.drop(columns=[frame.geometry.name, *({"geometry"} & set(frame.columns) - {frame.geometry.name})])
    table = pa.Table.from_pandas(pd.DataFrame(plain), preserve_index=False)
    return table.append_column("geometry", pa.array(shapes, pa.binary()))
