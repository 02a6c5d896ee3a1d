"""ATL08 granules of the passes of ATL03 granules: found and downloaded, so that photons get their classes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from stacaster.access.fetch import fetch
from stacaster.access.search import iter_granules
from stacaster.errors import FetchError, UsageError
from stacaster.instruments.icesat2 import pass_of
from stacaster.model import Granule

_SERVICES = ("cmr", "asf")


def with_class_granules(
    granules: Iterable[Granule], conversion: Mapping[str, Any], cache_dir: str | os.PathLike[str] | None
) -> dict[str, Any]:
    """Return the options of an ingest, with the ATL08 granules of the passes as ``classes`` where they were asked for.

    Args:
        granules: ATL03 granules of a search.
        conversion: Options of the ingest; ``with_classes`` asks for the granules.
        cache_dir: Folder for the downloads.

    Raises:
        UsageError: The granules are no ATL03 granules, or ``classes`` names a folder, too.
        SearchError, AuthError, FetchError: The granules cannot be had.
    """
    options = dict(conversion)
    if not options.pop("with_classes", False):
        return options
    if options.get("classes") is not None:
        raise UsageError("with_classes downloads the ATL08 granules, classes names those on disk; give one of them")
    wanted = []
    for granule in granules:
        named = pass_of(granule.id)
        if named is None or granule.product != "ATL03":
            raise UsageError(f"with_classes is for ATL03; {granule.id} is {granule.product or 'of no known product'}")
        time, track, cycle, region = named
        wanted += list(iter_granules("ATL08", name=f"ATL08_{time}_{track}{cycle}{region}_*", source="cmr"))
    report = fetch(wanted, cache_dir=cache_dir)
    if report.failed and not report.files:
        first = report.failed[0]
        raise FetchError(f"could not be downloaded to classify photons: {first.reason}", granule=first.granule)
    return {**options, "classes": [str(path) for path in report.files if path.suffix == ".h5"]}
