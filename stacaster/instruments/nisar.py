"""NISAR: what file names and identification say. Source: NISAR product specifications 1.1 to 1.4, naming charts."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any

from stacaster.errors import ReadError
from stacaster.formats.metadata import ecs
from stacaster.model import GranuleContent, Provider

NAME = re.compile(
    r"NISAR_(?P<band>[LS])(?P<level>\d)_(?P<urgency>PR|UR|OD)_(?P<product>\w{4})_(?P<cycle>\d{3})_(?P<track>\d{3})_"
    r"(?P<direction>[AD])_(?P<frame>\d{3})_(?P<mode>\d{4})_(?P<polarization>\w{4})_(?P<merged>\w)_(?P<start>\d{8}T\d{6})_"
    r"(?P<end>\d{8}T\d{6})_(?P<crid>[A-Z]\d{5})_(?P<accuracy>\w)_(?P<coverage>\w)_(?P<place>\w)_(?P<counter>\d{3})"
)
"""Names of granules of one acquisition."""

PAIR_NAME = re.compile(
    r"NISAR_(?P<band>[LS])(?P<level>\d)_(?P<urgency>PR|UR|OD)_(?P<product>\w{4})_(?P<cycle>\d{3})_(?P<track>\d{3})_"
    r"(?P<direction>[AD])_(?P<frame>\d{3})_(?P<second_cycle>\d{3})_(?P<mode>\d{4})_(?P<polarization>\w{2})_"
    r"(?P<start>\d{8}T\d{6})_(?P<end>\d{8}T\d{6})_(?P<second_start>\d{8}T\d{6})_(?P<second_end>\d{8}T\d{6})_"
    r"(?P<crid>[A-Z]\d{5})_(?P<accuracy>\w)_(?P<coverage>\w)_(?P<place>\w)_(?P<counter>\d{3})"
)
"""Names of granules of two acquisitions."""

ACQUISITION = (
    "band", "level", "product", "cycle", "track", "direction", "frame", "second_cycle", "mode", "polarization", "start",
    "second_start",
)  # fmt: skip
"""Parts of a name that all productions of one acquisition, or of one pair, share."""

_POLARIZATION = re.compile(r"(?:HH|HV|VH|VV|RH|RV){1,2}")

_CODES = {
    "SH": ("HH",), "SV": ("VV",), "DH": ("HH", "HV"), "DV": ("VV", "VH"), "QP": ("HH", "HV", "VH", "VV"),
    "QD": ("HH", "VV"), "QH": ("HH", "HV"), "QV": ("VV", "VH"), "CL": ("LH", "LV"), "CR": ("RH", "RV"),
}  # fmt: skip
_NAMED_TIMES = "start", "end", "second_start", "second_end"
_ACCURACY = {"P": "precise", "M": "medium", "N": "near real time", "F": "forecast"}
_COVERAGE = {"F": "full", "P": "partial"}

PROVIDERS = (
    Provider(name="NASA/ISRO NISAR Science Team", roles=("producer", "licensor"), url="https://nisar.jpl.nasa.gov/"),
    Provider(name="Alaska Satellite Facility", roles=("processor", "host"), url="https://asf.alaska.edu/"),
)
"""Who made and who hosts NISAR data."""


def match_name(granule: str) -> re.Match[str] | None:
    """Return the parts of the name of a granule, of one or two acquisitions; None for other names."""
    return NAME.fullmatch(granule) or PAIR_NAME.fullmatch(granule)


def identification(content: GranuleContent, name: str) -> Any:
    """Return a value of the group ``identification``; None where the file has none."""
    return content.attributes.get(f"identification/{name}")


def granule_id(content: GranuleContent) -> str:
    """Return the name of the granule: what the file says, else the name of the file."""
    stated = str(identification(content, "granuleId") or "")
    return stated if match_name(stated) else re.sub(r"\.h5$", "", content.name)


def is_product(content: GranuleContent, kind: str) -> bool:
    """Tell whether a file holds a product, such as ``GCOV``; files of quality statistics hold none."""
    return any(re.fullmatch(rf"science/[LS]SAR/{kind}/grids", name) for name in content.groups)


def moments(content: GranuleContent) -> tuple[dt.datetime, dt.datetime]:
    """Return the first and last moment that the file states; what it lacks comes from its name.

    Raises:
        ReadError: There is none, or one is no time.
    """
    stated = [_moment(content, name) for name in _time_names(content) if identification(content, name) is not None]
    if lacking_times(content):
        match = match_name(granule_id(content))
        named = {} if match is None else match.groupdict()
        stated += [ecs.parse_time(f"{value[:8]}T{value[9:11]}:{value[11:13]}:{value[13:]}")
                   for part, value in named.items() if part in _NAMED_TIMES]  # fmt: skip
    if not stated:
        raise ReadError(f"the file has no identification/{' or '.join(lacking_times(content))}", granule=content.name)
    return min(stated), max(stated)


def lacking_times(content: GranuleContent) -> list[str]:
    """Return the names of the times that the group ``identification`` should have and lacks."""
    return [name for name in _time_names(content) if identification(content, name) is None]


def _time_names(content: GranuleContent) -> list[str]:
    names = [f"{first}eroDoppler{which}Time" for first in ("referenceZ", "secondaryZ") for which in ("Start", "End")]
    is_pair = any(identification(content, name) is not None for name in names)
    return names if is_pair else ["zeroDopplerStartTime", "zeroDopplerEndTime"]


def polarizations(paths: Iterable[str]) -> list[str]:
    """Return the polarisations of layers, from their names: ``HHHV`` is of HH and HV."""
    found: set[str] = set()
    for path in paths:
        for part in path.split("/"):
            if _POLARIZATION.fullmatch(part):
                found |= {part[:2], part[-2:]}
    return sorted(found)


def polarizations_of_code(code: str) -> list[str]:
    """Return the polarisations of a code of a name: two letters a frequency, ``DH`` is HH and HV."""
    found: set[str] = set()
    for part in (code[:2], code[2:4]):
        found |= set(_CODES.get(part, ()))
    return sorted(found)


def _moment(content: GranuleContent, name: str) -> dt.datetime:
    text = identification(content, name)
    try:
        return ecs.parse_time(str(text))
    except ValueError as error:
        raise ReadError(f"identification/{name} is {text!r}, which is no time", granule=content.name) from error


def properties(content: GranuleContent, granule: str, seen: list[str]) -> dict[str, Any]:
    """Return STAC properties of a granule: radar, orbit, and what its name says."""
    match = match_name(granule)
    track, frame = (identification(content, name) for name in ("trackNumber", "frameNumber"))
    direction = str(identification(content, "orbitPassDirection") or "").lower()
    look = str(identification(content, "lookDirection") or "").lower()
    band = str(identification(content, "radarBand") or (match.group("band") if match else "L"))
    found: dict[str, Any] = {
        "sar:frequency_band": band,
        "sar:polarizations": seen,
        "sar:product_type": str(identification(content, "productType") or ""),
        "sar:observation_direction": look if look in ("left", "right") else None,
        "sat:orbit_state": direction if direction in ("ascending", "descending") else None,
        "sat:absolute_orbit": identification(content, "absoluteOrbitNumber")
        or identification(content, "referenceAbsoluteOrbitNumber"),
        "nisar:secondary_absolute_orbit": identification(content, "secondaryAbsoluteOrbitNumber"),
        "sat:relative_orbit": track,
        "nisar:track": track,
        "nisar:frame": frame,
        "nisar:specification": identification(content, "productSpecificationVersion"),
        "nisar:product_version": identification(content, "productVersion"),
    }
    if match is not None:
        found |= {
            "sar:instrument_mode": match.group("mode"),
            "sat:orbit_cycle": int(match.group("cycle")),
            "nisar:cycle": int(match.group("cycle")),
            "nisar:mode": match.group("mode"),
            "nisar:polarization_mode": match.group("polarization"),
            "nisar:crid": match.group("crid"),
            "nisar:counter": int(match.group("counter")),
            "nisar:orbit_accuracy": _ACCURACY.get(match.group("accuracy")),
            "nisar:coverage": _COVERAGE.get(match.group("coverage")),
        }
        if "second_cycle" in match.groupdict():
            found["nisar:secondary_cycle"] = int(match.group("second_cycle"))
    return {key: value for key, value in found.items() if value not in (None, "", [])}
