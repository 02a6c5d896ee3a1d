"""Find granules: the same question to CMR, to a STAC API or to a catalog on disk."""

from stacaster.search.find import iter_granules, search
from stacaster.search.result import GranuleSearch
from stacaster.search.tiles import search_tiles

__all__ = ["GranuleSearch", "iter_granules", "search", "search_tiles"]
