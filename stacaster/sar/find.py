"""Radar granules of the Alaska Satellite Facility in stacks: one place seen again and again along one path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Unpack

from stacaster.access.search import GranuleSearch, iter_granules, search
from stacaster.analysis.stacks import keep
from stacaster.analysis.stacks.radar_keys import interference_key
from stacaster.errors import NothingFoundError, UsageError
from stacaster.model import Granule
from stacaster.model.checked import checked
from stacaster.model.stack_options import StackOptions
from stacaster.sar.config import StackConfig
from stacaster.sar.option_values import alternatives

_SELECTION = ("min_coverage", "min_count", "max_count", "drop_above", "latest_n", "earliest_n")
_ENDINGS = (".zip", ".SAFE", "-SLC", ".h5", ".tiff", ".xml")


@checked
def find_stacks(
    config: StackConfig | Mapping[str, Any] | str | os.PathLike[str] | None = None, **options: Unpack[StackOptions]
) -> GranuleSearch:
    """Search radar granules and group them by path and frame; of single bursts by path and burst.

    Granules of one place that cannot interfere (modes, looks, polarisations, bandwidths, levels) are stacks of their
    own.

    Args:
        config: A ``StackConfig``, a table, or a TOML file.
        **options: Options of ``StackConfig``, which go before those of ``config``; also by their names in asf_search
            (``relativeOrbit=100``).

    Returns:
        What was found, with ``stacks``, ``summary``, ``filter``, ``reset``, ``baselines`` and ``pairs``.

    Raises:
        UsageError: An option is not known or cannot be understood.
        NothingFoundError: The granule of ``stack_from_id`` is not known.
        SearchError: CMR refuses or does not answer.
    """
    asked = StackConfig.build(config, **options).with_preset()
    alike: tuple[tuple[str, Any], ...] = ()
    if asked.stack_from_id is not None:
        asked, alike = _of_reference(asked)
    granules, area = _ask(asked)
    if alike:
        granules = [granule for granule in granules if interference_key(granule) == alike]
    everything = GranuleSearch(tuple(granules[: asked.max_results]), area, ("path", "frame"))
    rules = {name: getattr(asked, name) for name in _SELECTION if getattr(asked, name) is not None}
    return everything.filter(**rules) if rules else everything


def _ask(asked: StackConfig) -> tuple[list[Granule], Any]:
    """Return the granules that fit, ordered by time, and the area that was asked for."""
    granules: dict[str, Granule] = {}
    area: Any = None
    for question in asked.questions():
        name = question.pop("product")
        if area is None and {"bbox", "region", "intersects"} & set(question):
            result = search(name, **question)
            area = result.area
            granules |= {granule.id: granule for granule in result}
        else:
            granules |= {granule.id: granule for granule in iter_granules(name, **question)}
    listed = sorted(granules.values(), key=lambda granule: (granule.start, granule.id))
    names = None if asked.granule_list is None else [_bare(name) for name in alternatives(asked.granule_list)]
    listed = keep(listed, season=asked.season, months=asked.months, days=asked.days, ids=names)
    if asked.processing_date is not None:
        since = str(asked.processing_date)
        listed = [granule for granule in listed if granule.produced and granule.produced.isoformat() >= since]
    return listed, area


def _bare(name: Any) -> str:
    """Return the name of a granule without the ending of its file."""
    text = str(name).strip()
    for ending in _ENDINGS:
        text = text.removesuffix(ending)
    return text


def _of_reference(asked: StackConfig) -> tuple[StackConfig, tuple[tuple[str, Any], ...]]:
    """Return the configuration that finds the stack of a granule, and what its granules have to share.

    Raises:
        NothingFoundError: The granule is not known.
        UsageError: The granule has no path.
    """
    name = _bare(asked.stack_from_id)
    is_burst = name.endswith("-BURST")
    dataset = "SLC-BURST" if is_burst else asked.dataset
    sole = StackConfig(dataset=dataset, granule_list=[name], processing_level=asked.processing_level)
    granules, _ = _ask(sole)
    if not granules:
        raise NothingFoundError(f"stack_from_id: there is no granule {name!r} of {dataset}")
    reference = granules[0]
    if reference.path is None:
        raise UsageError(f"stack_from_id: {name} has no path, and so no stack")
    place: dict[str, Any] = {"relative_orbit": reference.path}
    if is_burst:
        place["full_burst_id"] = reference.attributes.get("BURST_ID_FULL")
    elif reference.frame is not None:
        place["frame"] = reference.frame
    return asked.replaced({"stack_from_id": None, "dataset": dataset, **place}), interference_key(reference)
