"""Find granules: the same question to CMR, to a STAC API or to a catalog on disk."""

from stacaster.access.search.find import iter_granules, search
from stacaster.access.search.result import GranuleSearch
from stacaster.access.search.tiles import search_tiles

__all__ = ["GranuleSearch", "iter_granules", "search", "search_tiles"]
