"""Points of a catalog: tables of tracks as views of SQL, and as GeoDataFrames; only files that may fit are read.

Decision: SQL reads points through views made for the tables that a query names, with ``allowed_directories`` as the
only exception of the lock: the folder of the catalog. Files of different reference frames are separate reads.
"""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from stacaster.catalog import item_table
from stacaster.catalog.item_table import DATABASE, PointView
from stacaster.catalog.sql import SqlResult
from stacaster.errors import NothingFoundError, UsageError, nearest
from stacaster.instruments.icesat2 import whole_of
from stacaster.model.names import as_names, check_known, with_one_name
from stacaster.model.options import PointQueryOptions
from stacaster.products import all_products

if TYPE_CHECKING:
    import geopandas as gpd

    from stacaster.catalog import Catalog


_LOG = logging.getLogger(__name__)
_WGS_84 = 4326
_X, _Y = "stacaster_x", "stacaster_y"


def point_views(catalog: Catalog, text: str) -> dict[str, PointView]:
    """Return the views of points that a query names: ``atl03_photons``, or ``photons`` where one product has them.

    Args:
        catalog: The catalog.
        text: SQL.
    """
    names = {name: key for name, key in _views(catalog).items() if re.search(rf"\b{name}\b", text, re.IGNORECASE)}
    return {name: _view(catalog, *key) for name, key in names.items()}


def sql_with_points(
    catalog: Catalog, text: str, tables: Mapping[str, Any], timeout_s: float | None = None
) -> SqlResult:
    """Run a query over items and points; see ``Catalog.sql``."""
    views = point_views(catalog, text)
    try:
        found = item_table.run_sql(catalog.root / DATABASE, text, tables=tables, points=views, timeout_s=timeout_s)
    except UsageError as error:
        said = _hint(catalog, text)
        if said is None:
            raise
        raise UsageError(f"{error}; {said}") from error
    # Places of points are those of their reference frame, places of items are WGS 84.
    epsg = _crs_of(views) if views else _WGS_84
    return SqlResult(found, catalog.root, catalog.objects, epsg)


def _crs_of(views: Mapping[str, PointView]) -> int | None:
    """Return the CRS of views of points; None when they have several."""
    found = {view.epsg for view in views.values() if view.files}
    return found.pop() if len(found) == 1 else None


def _hint(catalog: Catalog, text: str) -> str | None:
    """Return what to write where a query names points that several products have, such as ``segments``."""
    known = _views(catalog)
    for short in sorted({name.partition("_")[2] for name in known if "_" in name} - set(known)):
        if re.search(rf"\b{short}\b", text, re.IGNORECASE):
            several = ", ".join(sorted(name for name in known if name.endswith(f"_{short}")))
            return f"several products have {short}: name one of {several}"
    return None


def _views(catalog: Catalog) -> dict[str, tuple[str, str]]:
    """Return collection and table of every view."""
    there = set(catalog.collections)
    found: dict[str, tuple[str, str]] = {}
    alone: dict[str, list[tuple[str, str]]] = {}
    for product in all_products().values():
        for table in product.tables if product.collection_id in there else ():
            key = (product.collection_id, table.name)
            found[f"{product.short_name.lower()}_{table.name}"] = key
            alone.setdefault(table.name, []).append(key)
    return found | {name: keys[0] for name, keys in alone.items() if len(keys) == 1}


def collection_of(catalog: Catalog, table: str) -> str:
    """Return the collection that has a table of points.

    Raises:
        UsageError: There is no such table.
    """
    return _known(catalog, table)[0]


def _known(catalog: Catalog, table: str) -> tuple[str, str]:
    views = _views(catalog)
    if table not in views:
        said = _hint(catalog, table) or (nearest(table, sorted(views)) if views else "it has none")
        raise UsageError(f"the catalog has no table {table!r}; {said}")
    return views[table]


def _view(catalog: Catalog, collection: str, table: str, ids: Sequence[str] | None = None) -> PointView:
    query = 'select id, href, "version" from items where collection = ? order by id'
    rows = item_table.run_sql(catalog.root / DATABASE, query, parameters=[collection]).to_pylist()
    groups: dict[str, list[Path]] = {}
    rows = [row for row in rows if ids is None or row["id"] in ids]
    known = {row["id"] for row in rows}
    for row in rows:
        # A part that a service cut out counts no point of its whole granule again.
        if whole_of(row["id"]) in known:
            _LOG.info("%s is left out: its points are those of %s", row["id"], whole_of(row["id"]))
            continue
        path = catalog.root / posixpath.dirname(row["href"]) / f"{table}.parquet"
        if path.exists():
            # Positions of different reference frames are tables of different types.
            groups.setdefault(str(row["version"]), []).append(path)
    return PointView(root=catalog.root, files=tuple(tuple(paths) for paths in groups.values()))


def read_points(catalog: Catalog, table: str, **options: Unpack[PointQueryOptions]) -> gpd.GeoDataFrame:
    """Return points of a catalog; see ``Catalog.points``."""
    import geopandas
    import shapely

    check_known("points", options, PointQueryOptions)
    conditions = with_one_name(options)
    columns = as_names(conditions.pop("columns", None), "columns")
    where, limit = (conditions.pop(key, None) for key in ("where", "limit"))
    collection, name = _known(catalog, table)
    named = conditions.pop("collections", None)
    if named is not None and collection not in named:
        raise UsageError(f"{table} is a table of {collection}, not of {', '.join(named) or 'no collection'}")
    search = catalog.search(collections=collection, **conditions)
    ids = [item.id for item in search.items()]
    view = _view(catalog, collection, name, ids)
    if not view.files:
        raise NothingFoundError(f"no item of {collection} fits, so there are no {name}")
    rules, parameters = [f"({where})"] if where else [], []
    box = search.bbox
    shape = None if search.intersects is None else shapely.geometry.shape(dict(search.intersects))
    if shape is not None:
        box = shape.bounds
    if box is not None:
        across = "longitude between ? and ?" if box[0] <= box[2] else "(longitude >= ? or longitude <= ?)"
        rules.append(f"{across} and latitude between ? and ?")
        parameters += [box[0], box[2], box[1], box[3]]
    # Points are made of their places again: faster than from their well-known binary.
    named = "* exclude (bbox, geometry)" if columns is None else ", ".join(map(item_table.quoted, columns))
    chosen = f"{named}{', ' if named else ''}longitude as {_X}, latitude as {_Y}"
    text = f"select {chosen} from {table}" + (f" where {' and '.join(rules)}" if rules else "")  # noqa: S608 - quoted
    if limit is not None and shape is None:
        text += f" limit {int(limit)}"
    found = item_table.run_sql(catalog.root / DATABASE, text, parameters=parameters, points={table: view})
    frame = found.to_pandas()
    shapes = shapely.points(frame.pop(_X).to_numpy(), frame.pop(_Y).to_numpy())
    made = geopandas.GeoDataFrame(frame, geometry=shapes, crs=view.epsg)
    if shape is not None:
        shapely.prepare(shape)
        made = made[shapely.intersects_xy(shape, made.geometry.x, made.geometry.y)].reset_index(drop=True)
        made = made if limit is None else made.iloc[:limit]
    return made
