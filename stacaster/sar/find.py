"""Radar granules of the Alaska Satellite Facility in stacks: one place seen again and again along one path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stacaster.access.search import GranuleSearch, iter_granules, search
from stacaster.analysis.stacks import keep
from stacaster.model import Granule
from stacaster.sar.config import StackConfig, alternatives

_SELECTION = ("min_coverage", "min_count", "max_count", "latest_n", "earliest_n")


def find_stacks(
    config: StackConfig | Mapping[str, Any] | str | os.PathLike[str] | None = None, **options: Any
) -> GranuleSearch:
    """Search radar granules and group them by path and frame; of single bursts by path and burst.

    Args:
        config: A ``StackConfig``, a table, or a TOML file.
        **options: Options of ``StackConfig``, which go before those of ``config``; also by their names in asf_search
            (``relativeOrbit=100``).

    Returns:
        What was found, with ``stacks``, ``summary``, ``filter``, ``reset``, ``baselines`` and ``pairs``.

    Raises:
        UsageError: An option is not known or cannot be understood.
        SearchError: CMR refuses or does not answer.
    """
    asked = StackConfig.build(config, **options)
    found: dict[str, Granule] = {}
    area: Any = None
    for question in asked.questions():
        name = question.pop("product")
        if area is None and {"bbox", "region", "intersects"} & set(question):
            result = search(name, **question)
            area = result.area
            found |= {granule.id: granule for granule in result}
        else:
            found |= {granule.id: granule for granule in iter_granules(name, **question)}
    listed = sorted(found.values(), key=lambda granule: (granule.start, granule.id))
    names = None if asked.granule_list is None else alternatives(asked.granule_list)
    listed = keep(listed, season=asked.season, ids=names)
    if asked.processing_date is not None:
        since = str(asked.processing_date)
        listed = [granule for granule in listed if granule.produced and granule.produced.isoformat() >= since]
    everything = GranuleSearch(tuple(listed[: asked.max_results]), area, ("path", "frame"))
    rules = {name: getattr(asked, name) for name in _SELECTION if getattr(asked, name) is not None}
    return everything.filter(**rules) if rules else everything
