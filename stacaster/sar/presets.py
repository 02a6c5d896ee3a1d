"""Names of InSARHub's downloaders: what they ask for without being told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stacaster.errors import UsageError, nearest

_S1 = {"dataset": "SENTINEL-1", "instrument": "C-SAR", "beam_mode": "IW"}
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "S1_SLC": {**_S1, "polarization": ["VV", "VV+VH"], "processing_level": "SLC"},
    "S1_BURST": {**_S1, "dataset": "SLC-BURST", "polarization": ["VV"], "processing_level": "BURST"},
    "NISAR_GSLC": {"dataset": "NISAR_L2_GSLC"},
    "NISAR_GUNW": {"dataset": "NISAR_L2_GUNW"},
    "NISAR_RSLC": {"dataset": "NISAR_L1_RSLC"},
    "ASF_BASE": {},
}
"""What names of InSARHub's downloaders stand for."""


def preset_of(name: str) -> Mapping[str, Any]:
    """Return the options that the name of a downloader of InSARHub stands for.

    Raises:
        UsageError: There is no such name.
    """
    key = re.sub(r"_(?:CONFIG|DOWNLOADER)$", "", str(name).strip().upper())
    if key not in PRESETS:
        raise UsageError(f"name is {name!r}, which is no preset; {nearest(key, sorted(PRESETS))}")
    return PRESETS[key]
