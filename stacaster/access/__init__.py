"""Find granules and download them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from stacaster.access.fetch import CachedGranule, FetchReport, list_cache, prune_cache
    from stacaster.access.footprints import draw_footprints
    from stacaster.access.login import Finding, check_login
    from stacaster.access.search import GranuleSearch, iter_granules, search_tiles
    from stacaster.access.search.baselines import StackBaselines, plot_baselines, write_pairs
    from stacaster.access.search.collections import CollectionRecord, find_collections

__all__ = [
    "CachedGranule",
    "CollectionRecord",
    "FetchReport",
    "Finding",
    "GranuleSearch",
    "StackBaselines",
    "check_login",
    "draw_footprints",
    "find_collections",
    "iter_granules",
    "list_cache",
    "plot_baselines",
    "prune_cache",
    "search_tiles",
    "write_pairs",
]

if not TYPE_CHECKING:  # names are imported when they are first used: fetching and searching need other packages
    __getattr__, __dir__, _ = lazy_loader.attach(
        __name__,
        submod_attrs={
            "fetch": ["CachedGranule", "FetchReport", "list_cache", "prune_cache"],
            "footprints": ["draw_footprints"],
            "login": ["Finding", "check_login"],
            "search": ["GranuleSearch", "iter_granules", "search_tiles"],
            "search.baselines": ["StackBaselines", "plot_baselines", "write_pairs"],
            "search.collections": ["CollectionRecord", "find_collections"],
        },
    )
