"""Radar data of the Alaska Satellite Facility (NISAR, Sentinel-1, ALOS): its names of datasets and options, over CMR.

Source of the table: the mapping of asf_search (``asf_search/CMR/field_map.py`` and ``CMR/datasets.py``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from stacaster.access.sources import cmr
from stacaster.errors import UsageError
from stacaster.model import Granule, Query
from stacaster.network.http import RetryPolicy

PROVIDER = "ASF"
"""The facility's name at CMR."""

PLATFORMS = {
    "SENTINEL-1": ("SENTINEL-1A", "SENTINEL-1B", "SENTINEL-1C", "SENTINEL-1D"),
    "ALOS": ("ALOS",),
    "ALOS PALSAR": ("ALOS",),
    "ALOS-2": ("ALOS-2",),
    "ERS": ("ERS-1", "ERS-2"),
    "RADARSAT-1": ("RADARSAT-1",),
    "JERS-1": ("JERS-1",),
    "SEASAT": ("SEASAT 1",),
}
"""Datasets that are found by their platforms."""

DATASETS = {"SLC-BURST": "SENTINEL-1_BURSTS", "SENTINEL-1-BURST": "SENTINEL-1_BURSTS"}
"""Datasets that are collections at CMR."""

OPTIONS = {
    "asfFrame": "int:FRAME_NUMBER",
    "beamMode": "string:BEAM_MODE",
    "beamSwath": "string:BEAM_MODE_TYPE",
    "campaign": "string:MISSION_NAME",
    "flightDirection": "string:ASCENDING_DESCENDING",
    "flightLine": "string:FLIGHT_LINE",
    "groupID": "string:GROUP_ID",
    "insarStackId": "int:INSAR_STACK_ID",
    "lookDirection": "string:LOOK_DIRECTION",
    "offNadirAngle": "float:OFF_NADIR_ANGLE",
    "doppler": "float:DOPPLER",
    "faradayRotation": "float:FARADAY_ROTATION",
    "polarization": "string:POLARIZATION",
    "processingLevel": "string:PROCESSING_TYPE",
    "relativeOrbit": "int:PATH_NUMBER",
    "frame": "int:CENTER_ESA_FRAME",
    "absoluteBurstID": "int:BURST_ID_ABSOLUTE",
    "relativeBurstID": "int:BURST_ID_RELATIVE",
    "fullBurstID": "string:BURST_ID_FULL",
    "operaBurstID": "string:OPERA_BURST_ID",
    "mainBandPolarization": "string:FREQUENCY_A_POLARIZATION_CONCAT",
    "sideBandPolarization": "string:FREQUENCY_B_POLARIZATION_CONCAT",
    "frameCoverage": "string:FULL_FRAME",
    "jointObservation": "string:JOINT_OBSERVATION",
    "rangeBandwidth": "string:RANGE_BANDWIDTH_CONCAT",
    "productionConfiguration": "string:PRODUCTION_PIPELINE",
}
"""Options of asf_search as ``type:NAME`` of CMR's additional attributes."""

# The platforms whose frames the facility counts itself; others have ESA's frames.
_ASF_FRAMES = ("SENTINEL-1A", "SENTINEL-1B", "SENTINEL-1C", "SENTINEL-1D", "ALOS", "ALOS-2", "SEASAT 1")
_NISAR = re.compile(r"NISAR_(L\d[AB]?)_(\w{4})", re.IGNORECASE)
_RELEASES = ("BETA_V1", "PROVISIONAL_V1", "V1")
_FULL_FRAME = {"F": "TRUE", "FULL": "TRUE", "P": "FALSE", "PARTIAL": "FALSE"}


_DATASETS = ("NISAR_", "SLC-BURST", "SENTINEL-1", "ALOS", "OPERA_L2_", "OPERA_L3_DISP-S1")


def knows(query: Query) -> bool:
    """Tell whether a question to CMR is about data of the facility, whose options have names of their own."""
    if query.provider is not None:
        return query.provider == PROVIDER
    return (query.product or "").upper().startswith(_DATASETS) or (query.product or "").upper() in PLATFORMS


def search(
    query: Query, *, limit: int | None = None, policy: RetryPolicy | None = None, token: bool | str | None = None
) -> Iterator[Granule]:
    """Yield radar granules in order of their first moment; see ``cmr.search``.

    Args:
        query: What to find. ``product`` is a dataset of the facility (``SENTINEL-1``, ``ALOS``), a NISAR product in
            all its releases (``NISAR_L2_GCOV``) or a short name at CMR (``SENTINEL-1A_SLC``). ``attributes`` may use
            the option names of asf_search.
        limit: How many will be used, for the size of the pages.
        policy: Attempts and time for each page.
        token: As for ``cmr.search``.

    Raises:
        UsageError: An option has no such name.
        SearchError: CMR refuses or does not answer.
    """
    for granule in cmr.search(as_cmr_query(query), limit=limit, policy=policy, token=token):
        yield _with_own_names(replace(granule, source="asf"))


def _with_own_names(granule: Granule) -> Granule:
    """Return a burst whose files are named after it: their addresses end in the number of the burst alone."""
    if not granule.id.endswith("-BURST"):
        return granule
    files = (replace(file, name=f"{granule.id}{PurePosixPath(file.name).suffix}") for file in granule.files)
    return replace(granule, files=tuple({file.name: file for file in files}.values()))


def as_cmr_query(query: Query) -> Query:
    """Return the question as CMR understands it.

    Raises:
        UsageError: An option has no such name, or its value is none of those it may have.
    """
    product = query.product or ""
    names: tuple[str, ...] = ()
    nisar = _NISAR.fullmatch(product)
    if nisar is not None:
        stem = f"NISAR_{nisar[1]}_{nisar[2]}".upper()
        names = tuple(f"{stem}_{release}" for release in _RELEASES)
    product = DATASETS.get(product.upper(), product)
    known = PLATFORMS.get(product.upper(), ())
    platforms = query.platforms or known
    is_nisar = product.upper().startswith("NISAR")
    has_asf_frames = not product or product.upper().startswith((*_ASF_FRAMES, "NISAR", "SENTINEL-1"))
    has_asf_frames = has_asf_frames or any(name in _ASF_FRAMES for name in platforms)
    attributes = _attributes(query.attributes, is_nisar=is_nisar)
    kinds = {
        "path": "int:TRACK_NUMBER" if is_nisar else "int:PATH_NUMBER",
        "frame": "int:FRAME_NUMBER" if has_asf_frames else "int:CENTER_ESA_FRAME",
    }
    for name, value in (("path", query.path), ("frame", query.frame)):
        if value is not None:
            attributes[kinds[name]] = str(value[0]) if value[0] == value[1] else f"{value[0]}..{value[1]}"
    if query.direction is not None:
        attributes["string:ASCENDING_DESCENDING"] = query.direction.upper()
    if query.polarization is not None and is_nisar:
        attributes["string:FREQUENCY_A_POLARIZATION_CONCAT"] = query.polarization.replace("+", "")
    elif query.polarization is not None:
        attributes["string:POLARIZATION"] = query.polarization
    return replace(
        query,
        product=None if known or not product else product,
        provider=query.provider or PROVIDER,
        attributes=attributes,
        short_names=names,
        platforms=platforms,
    )


def _attributes(given: Mapping[str, str], *, is_nisar: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in given.items():
        if ":" in name or name.isupper():
            found[name] = value
            continue
        if name not in OPTIONS:
            near = difflib.get_close_matches(name, OPTIONS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"attribute {name!r} is no option of ASF; {hint}there are {', '.join(sorted(OPTIONS))}")
        key = OPTIONS[name]
        if is_nisar and name == "processingLevel":
            key = "string:PRODUCT_TYPE"
        if is_nisar and name == "relativeOrbit":
            key = "int:TRACK_NUMBER"
        if is_nisar and name == "frame":
            key = OPTIONS["asfFrame"]
        found[key] = _value(name, str(value))
    return found


def _value(name: str, value: str) -> str:
    if name == "frameCoverage":
        if value.upper() not in _FULL_FRAME:
            raise UsageError(f"frameCoverage is {value!r}, but F (full) or P (partial) is needed")
        return _FULL_FRAME[value.upper()]
    return value.upper() if name in ("flightDirection", "lookDirection", "jointObservation") else value
