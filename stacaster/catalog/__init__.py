"""The catalog as people use it: search items, ask SQL, load cubes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

import lazy_loader

from stacaster.catalog import item_table
from stacaster.catalog.commit import StagedItem, commit_items, settle
from stacaster.catalog.conditions import known_collection, with_cloud_cover
from stacaster.catalog.describe import as_html, describe
from stacaster.catalog.findings import Problem
from stacaster.catalog.item_table import DATABASE
from stacaster.catalog.remote_catalog import keep_tables
from stacaster.catalog.search import ItemSearch
from stacaster.catalog.sql import SqlResult, as_table, check_query
from stacaster.catalog.store import CatalogStore
from stacaster.errors import CatalogError, UsageError
from stacaster.geo import bbox_datetime as query
from stacaster.geo.area_input import read_place
from stacaster.model.checked import checked
from stacaster.model.names import ALIASES, Names, as_names, check_known, option_names, with_one_name
from stacaster.model.options import (
    CatalogLoadOptions,
    CatalogSampleOptions,
    ConditionOptions,
    ExportOptions,
    GeoboxOptions,
    ItemOptions,
    ItemSearchOptions,
    PlaceOptions,
    PointQueryOptions,
)
from stacaster.model.values import read_count
from stacaster.network.objects import Objects, is_address, open_objects

if TYPE_CHECKING:
    import geopandas as gpd
    import pystac
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from stacaster.catalog.check import check_catalog, fix_catalog
    from stacaster.catalog.compare import Difference, diff_catalogs
    from stacaster.catalog.item_import import import_items
    from stacaster.catalog.publish import PublishReport
    from stacaster.catalog.report_page import write_report
    from stacaster.catalog.supersede import Superseded, dedupe
    from stacaster.cube.report import LoadReport

__all__ = [
    "Catalog",
    "Difference",
    "ItemSearch",
    "Problem",
    "PublishReport",
    "SqlResult",
    "StagedItem",
    "Superseded",
    "check_catalog",
    "commit_items",
    "dedupe",
    "diff_catalogs",
    "fix_catalog",
    "import_items",
    "open_catalog",
    "settle",
    "write_report",
]

if not TYPE_CHECKING:  # these modules import this one
    __getattr__, _, _ = lazy_loader.attach(
        __name__,
        submod_attrs={
            "check": ["check_catalog", "fix_catalog"],
            "compare": ["Difference", "diff_catalogs"],
            "item_import": ["import_items"],
            "publish": ["PublishReport"],
            "report_page": ["write_report"],
            "supersede": ["Superseded", "dedupe"],
        },
    )


@dataclass(frozen=True)
class Catalog:
    """A local static STAC catalog; open one with ``stacaster.open_catalog``.

    Example:
        >>> catalog = stacaster.open_catalog("catalogs/demo")
        >>> catalog.collections
        ['aster-l1t-003']
    """

    root: Path
    """Folder of the catalog, or of what is kept here of a published one."""
    objects: Objects | None = None
    """Where a published catalog lies; None for one on this disk."""

    @property
    def name(self) -> str:
        """Folder name or address."""
        return self.root.name if self.objects is None else self.objects.address

    def __fspath__(self) -> str:
        return str(self.root) if self.objects is None else self.objects.address

    def _store(self) -> CatalogStore:
        """Return the files of a catalog on this disk.

        Raises:
            UsageError: It is a published one, which is read only.
        """
        if self.objects is not None:
            raise UsageError(f"{self.name} is read only; change the catalog that it was published from")
        return CatalogStore(self.root)

    @property
    def collections(self) -> list[str]:
        """Ids of the collections, sorted."""
        children = _read_json(self.root / "catalog.json")["links"]
        return sorted(link["href"].split("/")[1] for link in children if link["rel"] == "child")

    def collection(self, name: str) -> dict[str, Any]:
        """Return the document of a collection.

        Raises:
            UsageError: The catalog has no such collection.
        """
        return _read_json(self.root / known_collection(name, self.collections) / "collection.json")

    def search(self, **conditions: Unpack[ItemSearchOptions]) -> ItemSearch:
        """Find items.

        Args:
            **conditions: ``bbox`` (west, south, east, north in degrees; west > east crosses the antimeridian),
                ``intersects`` (GeoJSON, WKT, geometries, pairs of longitude and latitude, a file with polygons),
                ``region`` (by name), ``point`` with ``radius`` in metres; ``datetime`` (``2001``, ``2001-03``,
                ``2001-01-01/2001-06-30``, ``2001/..``, times of Python, pandas and NumPy, pairs and slices of these),
                or ``start`` and ``end``; ``cloud_cover_max`` (percent), ``collections`` and ``ids``, ``filter`` (CQL2
                text such as ``eo:cloud_cover < 10 and platform = 'terra'``, or CQL2 JSON), ``limit`` or ``max_items``
                (largest number of items), ``sortby`` (``-eo:cloud_cover,datetime`` or a list), ``fields`` (columns of
                tables, likewise).

        Raises:
            UsageError: An argument cannot be understood or names an unknown collection.
        """
        check_known("search", conditions, ItemSearchOptions)
        given = with_one_name(conditions)
        where: dict[str, Any] = {key: given.get(key) for key in option_names(PlaceOptions)}
        place = read_place(**where)
        limit = None if given.get("limit") is None else read_count("limit", given["limit"])
        sortby, fields = (tuple(as_names(given.get(key), key) or ()) for key in ("sortby", "fields"))
        names = given.get("collections")
        asked = item_table.ItemQuery(
            bbox=place.bbox,
            datetime=query.time_range(*(given.get(key) for key in ("datetime", "start", "end"))),
            collections=None if names is None else [known_collection(name, self.collections) for name in names],
            ids=given.get("ids"),
            filter=with_cloud_cover(given.get("filter"), given.get("cloud_cover_max")),
            sortby=sortby,
            limit=limit if place.bbox is None else None,
        )
        found = item_table.find_items(self.root / DATABASE, asked)
        box = None if place.area is not None else place.bbox
        shaped = {"bbox": box, "intersects": place.area, "limit": limit, "fields": fields, "objects": self.objects}
        return ItemSearch(root=self.root, found=tuple(found), **shaped)  # type: ignore[arg-type]

    def item_collection(self) -> pystac.ItemCollection:
        """Return every item; use ``search`` to choose some."""
        return self.search().item_collection()

    @overload
    def load(
        self, *, report: Literal[True], **options: Unpack[CatalogLoadOptions]
    ) -> tuple[xr.Dataset, LoadReport]: ...

    @overload
    def load(self, *, report: Literal[False] = False, **options: Unpack[CatalogLoadOptions]) -> xr.Dataset: ...

    def load(
        self, *, report: bool = False, **options: Unpack[CatalogLoadOptions]
    ) -> xr.Dataset | tuple[xr.Dataset, LoadReport]:
        """Search and load in one call.

        Args:
            report: As for ``stacaster.load``.
            **options: ``datetime``, ``collections``, ``ids``, ``filter`` as for ``search``, and the options of
                ``stacaster.load``.
        """
        from stacaster.catalog.cubes import select

        check_known("load", options, CatalogLoadOptions, also=("report",))
        given = with_one_name(options)
        conditions = {key: given.pop(key, None) for key in option_names(ItemOptions) if key not in ALIASES}
        search = select(self, conditions, given)
        return search.load(report=True, **given) if report else search.load(**given)

    def cube(self, bands: Names | None = None, **options: Unpack[ExportOptions]) -> xr.Dataset:
        """Return a cube in pieces, without a grid on that of the scenes, or on one that they all come to.

        Args:
            bands: Asset keys or common names; None takes every band.
            **options: ``datetime``, ``collections`` (not needed where only one has the bands), ``ids``, ``filter`` as
                for ``search``, and the options of ``stacaster.load``.

        Raises:
            NothingFoundError: No item fits.
            UsageError: An argument is wrong.
        """
        from stacaster.catalog.cubes import open_cube

        check_known("cube", options, ExportOptions, also=("bands",))
        given = {key: value for key, value in with_one_name(options).items() if value is not None}
        conditions = {key: given.pop(key, None) for key in option_names(ItemOptions) if key not in ALIASES}
        return open_cube(self, as_names(bands, "bands"), conditions, given).cube

    def geobox(self, bbox: str | Sequence[float] | None = None, **conditions: Unpack[GeoboxOptions]) -> GeoBox:
        """Return the scenes' own pixel grid over a box, for ``geobox=`` of ``load``.

        Args:
            bbox: West, south, east, north in degrees; None takes all scenes whole.
            **conditions: ``bands`` (default: those with the smallest pixels), and those of ``search``.

        Raises:
            NothingFoundError: No item fits.
            LoadError: The scenes do not share one grid.
        """
        from stacaster.catalog.cubes import geobox_of

        check_known("geobox", conditions, GeoboxOptions)
        given = with_one_name(conditions)
        bands = given.pop("bands", None)
        return geobox_of(self.search(bbox=bbox, **given), bands)

    def sample(self, points: Any, **options: Unpack[CatalogSampleOptions]) -> gpd.GeoDataFrame:
        """Take the values of scenes at points.

        Args:
            points: As for ``stacaster.sample``.
            **options: ``datetime`` and ``collections`` of the scenes, and the options of ``stacaster.sample``.
        """
        from stacaster.catalog.cubes import sample_catalog

        check_known("sample", options, CatalogSampleOptions)
        given = with_one_name(options)
        return sample_catalog(self, points, {key: given.pop(key, None) for key in ("datetime", "collections")}, given)

    @checked
    def sql(self, text: str, *, tables: Mapping[str, Any] | None = None, timeout: float | None = None) -> SqlResult:
        """Run an SQL query over the item table, read only and without access to anything else.

        Views: ``items`` with all collections, one for each collection, and the points of tracks: ``atl03_photons``,
        ``atl06_segments`` ..., or ``photons`` and ``segments`` where one product of the catalog has them.

        Args:
            text: One query.
            tables: Further tables by name: vector files that GDAL reads, GeoDataFrames or DataFrames. Geometries come
                in degrees; ``st_intersects(items.geometry, geology.geometry)`` joins them exactly. Many points are
                joined faster with ``in_box(longitude, latitude, geology.bbox)`` before it.
            timeout: Longest time of the query in seconds; None sets no limit.

        Raises:
            UsageError: The query is wrong; the message is DuckDB's.
            QueryTimeoutError: The query takes longer.
        """
        from stacaster.catalog.points import sql_with_points

        if timeout is not None and not timeout > 0:
            raise UsageError(f"timeout={timeout} (--timeout): a number of seconds above 0 is needed")
        check_query(text, tables)
        beside = {name: as_table(value, name) for name, value in (tables or {}).items()}
        if self.objects is not None:
            found = item_table.run_sql(self.root / DATABASE, text, tables=beside, timeout_s=timeout)
            return SqlResult(found, self.root, self.objects)
        return sql_with_points(self, text, beside, timeout)

    def points(self, table: str, **options: Unpack[PointQueryOptions]) -> gpd.GeoDataFrame:
        """Return points of tracks, such as photons: only files and row groups that may fit are read.

        Args:
            table: View of the points: ``atl03_photons``, ``atl08_segments``; ``photons`` where one product has them.
            **options: ``columns`` (default all), ``where`` (SQL such as ``class = 1 and spot % 2 = 1``), ``limit``, and
                the conditions of ``search``: ``bbox``, ``intersects``, ``datetime``, ``filter``, ``ids``.

        Raises:
            UsageError: There is no such table, or an option cannot be understood.
            NothingFoundError: No item fits.
        """
        from stacaster.catalog.points import read_points

        return read_points(self, table, **options)

    @checked
    def remove(self, *, dry_run: bool = False, **conditions: Unpack[ConditionOptions]) -> list[str]:
        """Remove items from the catalog, with their files.

        Args:
            dry_run: Change nothing.
            **conditions: Those of ``search``; at least one is needed.

        Returns:
            Ids of the items that were there.

        Raises:
            UsageError: No condition is given, one cannot be understood, or nothing would be left.
            CatalogError: The catalog is damaged or locked for too long.
        """
        from stacaster.catalog.remove import remove_items

        store = self._store()
        check_known("remove", conditions, ConditionOptions)
        given: dict[str, Any] = {key: value for key, value in conditions.items() if value is not None}
        if not given:
            raise UsageError("say which items: ids, collections, bbox, intersects, datetime or filter")
        return [item_id for _, item_id in remove_items(store, self.search(**given).keys(), dry_run=dry_run)]

    @checked
    def archive(
        self,
        output: str | os.PathLike[str],
        *,
        remove: bool = False,
        dry_run: bool = False,
        **conditions: Unpack[ConditionOptions],
    ) -> list[str]:
        """Put items away into a catalog of their own, a folder or a ``.tar``; see ``archive.archive_items``.

        Args:
            output: Folder, or a name ending in ``.tar``; neither may exist.
            remove: Remove the items from this catalog once the archive is complete and checked.
            dry_run: Write nothing.
            **conditions: Those of ``search``; none takes everything.

        Returns:
            Ids of the items.
        """
        from stacaster.catalog.archive import archive_items

        self._store()
        check_known("archive", conditions, ConditionOptions)
        given: dict[str, Any] = {key: value for key, value in conditions.items() if value is not None}
        return archive_items(self.search(**given), output, remove=remove, dry_run=dry_run)

    def close(self) -> None:
        """Let go of the database, which stays open between searches; the next search opens it again."""
        item_table.close_databases()

    def stac_cfg(self) -> dict[str, Any]:
        """Return ``stac_cfg`` for plain ``odc.stac.load``: data type, nodata, unit, aliases of every collection."""
        from stacaster.catalog.cubes import stac_config

        return stac_config(self)

    def info(self) -> dict[str, Any]:
        """Return collections with number of items and extent as plain data; what is damaged stands in ``problems``."""
        interrupted = self.objects is None and self._store().is_interrupted()
        return {"catalog": self.name, **describe(self), "interrupted_commit": interrupted}

    def _repr_html_(self) -> str:
        return as_html(self)


@checked
def open_catalog(path: str | os.PathLike[str] | Catalog, *, damaged: bool = False) -> Catalog:
    """Open a catalog that ``ingest`` made, or one that ``publish`` put elsewhere.

    Args:
        path: Folder of the catalog or its ``catalog.json``, or ``s3://bucket/prefix``, ``https://...`` and the like.
            Of a published catalog the tables are kept in the user's cache; items and pixels are read where they lie.
        damaged: Open also what lacks its database, for ``info``; nothing can be searched there.

    Raises:
        CatalogError: There is no catalog, or not one of ours.
        AuthError: The place refuses the credentials of the environment.
        FetchError: The place does not answer.

    Example:
        >>> len(stacaster.open_catalog("catalogs/demo").search(datetime="2003"))
        2
    """
    if isinstance(path, Catalog):
        return path
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise UsageError(f"catalog is {path!r}, but a folder or an address is needed")
    if is_address(path):
        objects = open_objects(os.fspath(path).removesuffix("/catalog.json"))
        return Catalog(keep_tables(objects), objects)
    root = Path(path).expanduser().resolve()
    # The document of a catalog stands for its folder, as other STAC tools have it.
    root = root.parent if root.name == "catalog.json" and not root.is_dir() else root
    if not (root / "catalog.json").is_file():
        raise CatalogError(f"{os.fspath(path)} holds no catalog.json; 'stacaster ingest' makes a catalog")
    if not (root / DATABASE).is_file() and not damaged:
        lost = (root / ".stacaster").is_dir() or any(root.glob("*/items.parquet"))
        ours = "'stacaster doctor --fix' makes it anew"
        others = "it was not made by stacaster, and 'stacaster import' takes its items"
        raise CatalogError(f"{os.fspath(path)} is a STAC catalog but has no {DATABASE}; {ours if lost else others}")
    return Catalog(root)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path.name} of the catalog cannot be read: {error}") from error
    return document
