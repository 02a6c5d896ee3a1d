"""What writers and stacks need of a search of a catalog, so that they do not import the search itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Literal, Protocol, Self, Unpack, overload

from stacaster.model.options import LoadOptions

if TYPE_CHECKING:
    import geopandas as gpd
    import pystac
    import xarray as xr

    from stacaster.cube.report import LoadReport


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

    @overload
    def load(self, *, report: Literal[True], **options: Unpack[LoadOptions]) -> tuple[xr.Dataset, LoadReport]: ...

    @overload
    def load(self, *, report: Literal[False] = False, **options: Unpack[LoadOptions]) -> xr.Dataset: ...

    def load(
        self, *, report: bool = False, **options: Unpack[LoadOptions]
    ) -> xr.Dataset | tuple[xr.Dataset, LoadReport]:
        """Load the items as a cube."""
        ...
