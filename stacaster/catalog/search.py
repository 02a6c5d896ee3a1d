"""What a search of a catalog finds."""

from __future__ import annotations

import json
import os
import posixpath
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from stacaster.catalog import item_table
from stacaster.catalog.item_footprint import footprint_of
from stacaster.errors import CatalogError, LeftOutWarning, NothingFoundError
from stacaster.geo.shapes import box_shape
from stacaster.model.options import LoadOptions
from stacaster.network.objects import Objects

if TYPE_CHECKING:
    import geopandas as gpd
    import pyarrow as pa
    import pystac
    import xarray as xr

    from stacaster.catalog.item_stacks import ItemStack
    from stacaster.cube.planning import LoadPlan
    from stacaster.cube.report import LoadReport

_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class ItemSearch:
    """Items of a catalog that fit a query; nothing is read before it is asked for."""

    root: Path
    """Folder of the catalog."""
    found: tuple[item_table.FoundItem, ...]
    """Collection, id and place of every item, ordered by time."""
    bbox: tuple[float, float, float, float] | None = None
    """Box of the query."""
    intersects: Mapping[str, Any] | None = None
    """GeoJSON geometry of the query."""
    limit: int | None = None
    """Largest number of items."""
    fields: tuple[str, ...] = ()
    """Columns of ``to_table`` and ``to_geodataframe``; empty takes all."""
    objects: Objects | None = None
    """Where a published catalog lies; None for one on this disk."""

    def items(self) -> Iterator[pystac.Item]:
        """Yield the items with absolute asset hrefs, ordered by time, collection and id."""
        return islice(self._fitting(), self.limit)

    def __iter__(self) -> Iterator[pystac.Item]:
        return self.items()

    def keys(self) -> list[tuple[str, str]]:
        """Return collection and id of each item; without an area, those of damaged items, too."""
        if self.bbox is None and self.intersects is None:
            return [(entry.collection, entry.id) for entry in self.found[: self.limit]]
        return [(str(item.collection_id), item.id) for item in self.items()]

    def _fitting(self) -> Iterator[pystac.Item]:
        import pystac
        import shapely

        odd = (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            pystac.STACError,
            shapely.errors.ShapelyError,
        )
        shape = None if self.intersects is None else shapely.geometry.shape(dict(self.intersects))
        box = None if self.bbox is None else box_shape(self.bbox)
        for entry in self.found:
            try:
                document = read_item(self.root, self.objects, entry.href)
                if document is None:
                    continue  # removed by another process since the search
                geometry: Any = None
                if shape is not None or box is not None:
                    geometry = shapely.geometry.shape(footprint_of(document["geometry"], None).geometry)
                item = pystac.Item.from_dict(document, migrate=False)
            except (CatalogError, *odd) as error:
                reason = error if isinstance(error, CatalogError) else damaged(self.root, entry.href, error)
                warnings.warn(f"{reason}; the item is left out", LeftOutWarning, stacklevel=2)
                continue
            if any(area is not None and not geometry.intersects(area) for area in (shape, box)):
                continue
            yield item

    def to_table(self) -> pa.Table:
        """Return one row an item as an Arrow table: flat columns as in ``Catalog.sql``, the footprint as WKB.

        Raises:
            UsageError: A field is not known.
        """
        import pyarrow as pa

        database = self.root / item_table.DATABASE
        columns = item_table.item_columns(database)
        wanted = [item_table.column_of(name, columns) for name in self.fields] or columns
        wanted = [*wanted, *(name for name in ("geometry",) if name not in wanted)]
        chosen = ", ".join(
            "st_aswkb(geometry) as geometry" if name == "geometry" else item_table.quoted(name) for name in wanted
        )
        keys = [f"{item.collection_id}/{item.id}" for item in self.items()]
        text = f"select collection || '/' || id as key, {chosen} from items where list_contains(?, key)"  # noqa: S608 - quoted
        table = item_table.run_sql(database, text, parameters=[keys])
        place = {key: number for number, key in enumerate(table["key"].to_pylist())}
        return table.take(pa.array([place[key] for key in keys if key in place], pa.int64())).drop_columns(["key"])

    def to_geodataframe(self) -> gpd.GeoDataFrame:
        """Return one row an item as a GeoDataFrame in degrees."""
        import geopandas

        frame = self.to_table().to_pandas()
        shapes = geopandas.GeoSeries.from_wkb(frame.pop("geometry"), crs="EPSG:4326")
        return geopandas.GeoDataFrame(frame, geometry=shapes)

    def item_collection(self) -> pystac.ItemCollection:
        """Return all items as a pystac ItemCollection."""
        import pystac

        return pystac.ItemCollection(list(self.items()), clone_items=False)

    def write(self, output: str | os.PathLike[str]) -> Path:
        """Write the items to .json, .parquet (stac-geoparquet), .csv or .gpkg; see ``write.write_search``."""
        from stacaster.catalog.write import write_search

        return write_search(self, output)

    def narrowed(self, keys: Collection[tuple[str, str]]) -> ItemSearch:
        """Return a search of the items with these collections and ids alone."""
        return replace(self, found=tuple(entry for entry in self.found if (entry.collection, entry.id) in keys))

    @overload
    def load(self, *, report: Literal[True], **options: Unpack[LoadOptions]) -> tuple[xr.Dataset, LoadReport]: ...

    @overload
    def load(self, *, report: Literal[False] = False, **options: Unpack[LoadOptions]) -> xr.Dataset: ...

    def load(
        self, *, report: bool = False, **options: Unpack[LoadOptions]
    ) -> xr.Dataset | tuple[xr.Dataset, LoadReport]:
        """Load the items as a cube.

        The box of the search is that of the cube; of a polygon, what lies outside is no data. Options of place say
        otherwise.

        Args:
            report: Return the report as well, as for ``stacaster.load``.
            **options: Those of ``stacaster.load``.
        """
        from stacaster import cube

        items, placed = list(self.items()), self.placed(options)
        loaded: xr.Dataset | tuple[xr.Dataset, LoadReport] = cube.load(items, report=report, **placed)
        return loaded

    def stacks(self, *keys: str, all_versions: bool = False) -> list[ItemStack[ItemSearch]]:
        """Group the items into stacks of one place seen again and again, as radar frames are; newest productions only.

        Args:
            *keys: Properties that the items of a stack share; without any: relative orbit, frame, direction, mode and
                polarisations.
            all_versions: Keep older productions of an acquisition beside the newest.
        """
        from stacaster.catalog.item_stacks import KEYS, item_stacks

        return item_stacks(self, keys or KEYS, all_versions=all_versions)

    def plan(self, **options: Unpack[LoadOptions]) -> LoadPlan:
        """Say what ``load`` would read and make, before it does."""
        from stacaster.cube.planning import plan

        return plan(self.items(), **self.placed(options))

    def placed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options of a load with the place of the search, where they name none."""
        if {"bbox", "intersects", "region", "point"} & set(options):
            return dict(options)
        if self.intersects is not None:
            return {**options, "intersects": self.intersects}
        return (
            dict(options) if self.bbox is None or {"geobox", "like"} & set(options) else {**options, "bbox": self.bbox}
        )

    def __len__(self) -> int:
        return sum(1 for _ in self.items())

    def _repr_html_(self) -> str:
        from stacaster.cube.notebook import items_html

        shown = list(islice(self.items(), _SHOWN))
        more = "" if len(shown) < _SHOWN else f"<p>the first {_SHOWN} of at most {len(self.found)}</p>"
        return f"{items_html(shown)}{more}"

    def __repr__(self) -> str:
        return f"<ItemSearch: {len(self.found)} candidates in {self.root.name}>"


def read_item(root: Path, objects: Objects | None, href: str) -> dict[str, Any] | None:
    """Return an item with absolute hrefs, or None when it is gone.

    Args:
        root: Folder of the catalog.
        objects: Where a published catalog lies; None for one on this disk.
        href: Place of its JSON in the catalog.

    Raises:
        CatalogError: The file is no item; the message names it.
    """
    try:
        content = (root / href).read_bytes() if objects is None else objects.read(href)
    except (FileNotFoundError, NothingFoundError):
        return None
    except OSError as error:
        raise damaged(root, href, error) from error
    reason: Exception = ValueError("it is not the item that belongs there")
    try:
        document = absolute(json.loads(content), f"{root if objects is None else objects.address}/{href}")
        if document["id"] == posixpath.basename(href).removesuffix(".json") and isinstance(
            document["properties"], dict
        ):
            return document
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error
    raise damaged(root, href, reason) from reason


def damaged(root: Path, href: str, error: Exception) -> CatalogError:
    """Return the error that names an item whose JSON cannot be used."""
    item_id = posixpath.basename(href).removesuffix(".json")
    reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).partition("\n")[0][:100]
    what = f"lacks {reason}" if isinstance(error, KeyError) else f"is damaged ({reason})"
    return CatalogError(
        f"{item_id}: {root / href} {what}; 'stacaster doctor --fix' makes it anew from the item table", href=href
    )


def absolute(document: dict[str, Any], place: str) -> dict[str, Any]:
    """Return an item whose asset hrefs and links are absolute.

    Args:
        document: The item.
        place: Path or address of its JSON.
    """
    scheme, mark, rest = place.rpartition("://")
    folder = posixpath.dirname(rest)

    def full(part: dict[str, Any]) -> dict[str, Any]:
        if "://" in part["href"]:
            return part
        return part | {"href": f"{scheme}{mark}{posixpath.normpath(posixpath.join(folder, part['href']))}"}

    assets = {key: full(value) for key, value in document["assets"].items()}
    links = [full(link) for link in document["links"] if link["rel"] != "self"]
    links.append({"rel": "self", "href": place, "type": "application/geo+json"})
    return document | {"assets": assets, "links": links}
