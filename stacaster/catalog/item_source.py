"""What writers and stacks need of a search of a catalog, so that they do not import the search itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    import geopandas as gpd
    import pystac


class ItemSource(Protocol):
    """Items that can be read, narrowed to some of them, loaded and written."""

    def __len__(self) -> int: ...

    def items(self) -> Iterator[pystac.Item]:
        """Yield the items with absolute asset hrefs, ordered by time, collection and id."""
        ...

    def item_collection(self) -> pystac.ItemCollection:
        """Return all items as a pystac ItemCollection."""
        ...

    def to_geodataframe(self) -> gpd.GeoDataFrame:
        """Return one row an item as a GeoDataFrame in degrees."""
        ...

    def narrowed(self, keys: Collection[tuple[str, str]]) -> Self:
        """Return a search of the items with these collections and ids alone."""
        ...

    def load(self, **options: Any) -> Any:
        """Load the items as a cube."""
        ...
