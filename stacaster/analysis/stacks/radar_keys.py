"""What radar granules must share to interfere: band and bandwidth, mode, direction, look, polarisation, level."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from stacaster.model import Granule

_SENTINEL1 = re.compile(r"S1[A-D]_(?P<mode>IW|EW|WV|S\d)_|S1_\d{6}_(?P<swath>IW|EW|S\d)")
_NISAR = re.compile(r"NISAR_(?P<band>[LS])\d_\w{2}_\w{4}_\d{3}_\d{3}_[AD]_\d{3}_(?:\d{3}_)?(?P<mode>\d{4})_")
_COPOLAR = ("HH", "VV")


def _attribute(granule: Granule, *names: str) -> str | None:
    for name in names:
        value = granule.attributes.get(name)
        text = "+".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        if text not in (None, ""):
            return str(text).upper()
    return None


def _mode(granule: Granule) -> str | None:
    stated = _attribute(granule, "BEAM_MODE", "sar:instrument_mode")
    match = _SENTINEL1.match(granule.id)
    return stated or (None if match is None else match["mode"] or match["swath"])


def _look(granule: Granule) -> str | None:
    return _attribute(granule, "LOOK_DIRECTION", "sar:observation_direction")


def _level(granule: Granule) -> str | None:
    return _attribute(granule, "PROCESSING_TYPE", "PRODUCT_TYPE", "sar:product_type")


def _bandwidth(granule: Granule) -> str | None:
    match = _NISAR.match(granule.id)
    # The name tells the band, too: L and S are of other wavelengths.
    return f"{match['band']}{match['mode']}" if match else _attribute(granule, "RANGE_BANDWIDTH_CONCAT")


def _copolarization(granule: Granule) -> str | None:
    """Return the channel that pairs are made of: VV is in VV+VH, too."""
    known = set(granule.polarizations)
    same = [name for name in _COPOLAR if name in known] or sorted(known)
    return "+".join(same) or None


RADAR_KEYS: Mapping[str, Callable[[Granule], str | None]] = {
    "beam_mode": _mode, "look_direction": _look, "processing_level": _level, "bandwidth": _bandwidth,
    "copolarization": _copolarization,
}  # fmt: skip
"""Keys of radar granules beside direction, by name."""


def interference_key(granule: Granule) -> tuple[tuple[str, Any], ...]:
    """Return what a granule must share with another to interfere, by name; empty for what is no radar granule."""
    values = {name: read(granule) for name, read in RADAR_KEYS.items()}
    if values["copolarization"] is None and values["beam_mode"] is None and values["look_direction"] is None:
        return ()
    return (("direction", granule.direction), *values.items())
