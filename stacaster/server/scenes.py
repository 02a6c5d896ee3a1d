"""Which scenes a picture shows: an item, those of a collection, or those of a registered search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stacaster.catalog import Catalog, item_table
from stacaster.catalog.item_table.pages import count_matches, item_page
from stacaster.catalog.search import ItemSearch
from stacaster.errors import NothingFoundError, UsageError
from stacaster.server.queries import ItemRequest, read_request

if TYPE_CHECKING:
    import pystac
    from starlette.requests import Request

    from stacaster.server.searches import Searches

_QUERY = ("datetime", "ids", "filter", "filter-lang", "sortby")

MOST_SCENES = 500
"""Scenes that one answer looks at."""


class Scenes:
    """Finds the scenes of requests.

    Args:
        catalog: The catalog.
        searches: Registered searches.
    """

    def __init__(self, catalog: Catalog, searches: Searches) -> None:
        self._catalog, self._searches = catalog, searches
        self._database = catalog.root / item_table.DATABASE

    def find(
        self, request: Request, area: Mapping[str, Any] | None = None, *, limit: int, order: Sequence[str] | None = None
    ) -> list[pystac.Item]:
        """Return scenes, clearest first where the request says no order.

        Args:
            request: Names an item, a collection or a search; its parameters narrow the last two.
            area: GeoJSON that footprints have to meet.
            limit: Largest number of scenes.
            order: Properties to sort by, in place of what the request says.

        Raises:
            NothingFoundError: There is no such item, collection or search.
        """
        asked = self._asked(request, area)
        if asked is None:
            return []
        if "item" not in request.path_params:
            asked = replace(asked, query=replace(asked.query, sortby=tuple(order or self._order(asked))))
        page = item_page(self._database, asked.query, area=asked.area, limit=limit)
        search = ItemSearch(root=self._catalog.root, found=tuple(page.items), objects=self._catalog.objects)
        items = list(search.items())
        if "item" in request.path_params and not items:
            name = request.path_params["collection"]
            raise NothingFoundError(f"collection {name!r} has no item {request.path_params['item']!r}")
        return items

    def count(self, request: Request, area: Mapping[str, Any] | None = None) -> int:
        """Return how many scenes fit."""
        asked = self._asked(request, area)
        return 0 if asked is None else count_matches(self._database, asked.query, area=asked.area)

    def collection(self, request: Request) -> str | None:
        """Return the collection that a request names.

        Raises:
            NothingFoundError: There is no such collection.
        """
        name: str | None = request.path_params.get("collection")
        if name is not None and name not in self._catalog.collections:
            raise NothingFoundError(f"the catalog has no collection {name!r}")
        return name

    def _asked(self, request: Request, area: Mapping[str, Any] | None) -> ItemRequest | None:
        """Return what is asked of the item table; None where the place of a search is not that of the area."""
        name = self.collection(request)
        known = self._catalog.collections
        if "item" in request.path_params:
            given: dict[str, Any] = {"collections": [name], "ids": [request.path_params["item"]]}
            return read_request(given, collections=known, is_body=True)
        narrowed = {key: request.query_params[key] for key in _QUERY if key in request.query_params}
        if name is not None:
            return _within(read_request(narrowed | {"collections": name}, collections=known, is_body=False), area)
        search = self._searches.get(request.path_params["search"])
        asked = read_request(search, collections=known, is_body=True)
        more = read_request(narrowed, collections=known, is_body=False).query
        query = asked.query
        if more.filter is not None and query.filter is not None:
            raise UsageError("filter: the search has one already; register a search with both")
        query = replace(
            query,
            datetime=more.datetime or query.datetime,
            ids=more.ids or query.ids,
            filter=more.filter or query.filter,
            sortby=more.sortby or query.sortby,
        )
        return _within(replace(asked, query=query), area)

    def _order(self, asked: ItemRequest) -> tuple[str, ...]:
        if asked.query.sortby:
            return tuple(asked.query.sortby)
        columns = item_table.item_columns(self._database)
        return ("eo:cloud_cover",) if "cloud_cover" in columns else ()


def _within(asked: ItemRequest, area: Mapping[str, Any] | None) -> ItemRequest | None:
    """Return a request whose footprints have to meet an area as well as its own place."""
    if area is None:
        return asked
    import shapely

    from stacaster.geo.shapes import box_shape

    shape: Any = shapely.make_valid(shapely.geometry.shape(dict(area)))
    own = asked.area
    if own is not None:
        shape = shape.intersection(shapely.make_valid(shapely.geometry.shape(dict(own))))
    elif asked.query.bbox is not None:
        shape = shape.intersection(box_shape(asked.query.bbox))
    if shape.is_empty:
        return None
    west, south, east, north = shape.bounds
    return replace(
        asked, area=shapely.geometry.mapping(shape), query=replace(asked.query, bbox=(west, south, east, north))
    )
