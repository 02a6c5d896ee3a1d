"""Parameters of surface fits: SlideRule's names, defaults and meanings, checked before a photon is looked at.

Source: SlideRule's documentation of its ICESat-2 module (photon selection, photon extents, ATL06-SR).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from stacaster.errors import UsageError, nearest
from stacaster.model.values import read_number

SURFACES = {"dynamic": -1, "land": 0, "ocean": 1, "sea_ice": 2, "land_ice": 3, "inland_water": 4}
"""Names of ``srt``; ``dynamic`` takes the most confident of all."""

CONFIDENCES = {"tep": -2, "not_considered": -1, "background": 0, "within_10m": 1, "low": 2, "medium": 3, "high": 4}
"""Names of ``cnf``."""

QUALITIES = {"nominal": 0, "possible_afterpulse": 1, "possible_impulse_response": 2, "possible_tep": 3}
"""Names of ``quality_ph``."""

CLASSES = {"noise": 0, "ground": 1, "canopy": 2, "top_of_canopy": 3, "unclassified": 4}
"""Names of ``atl08_class``."""

POINTING = (
    "nominal", "pod_degrade", "ppd_degrade", "podppd_degrade", "cal_nominal", "cal_pod_degrade", "cal_ppd_degrade",
    "cal_podppd_degrade",
)  # fmt: skip
"""What the values 0 to 7 of ``podppd_flag`` say of pointing and orbit."""

UNCLASSIFIED = CLASSES["unclassified"]
_SEGMENT_M = 20.0
_ATS_M = 20.0
_ALIASES = {"quality": "quality_ph", "podppd_mask": "podppd"}
Names = int | str | Sequence[int | str]


class SurfaceParameters(TypedDict, total=False):
    """Options of ``fit_surface``."""

    srt: Names
    """Surface whose confidence counts: ``land`` (0) to ``inland_water`` (4), several, or ``dynamic`` (-1, default)."""
    cnf: Names
    """Confidence: at least this (default 2, ``low``), or one of a list."""
    quality_ph: Names
    """Quality of photons: this (default 0, ``nominal``), or one of a list."""
    quality: Names
    """The same as ``quality_ph``."""
    podppd: int | str | Sequence[str]
    """Which values of ``podppd_flag`` are taken: bit ``1 << value`` of a mask (default 1), or their names."""
    podppd_mask: int | str | Sequence[str]
    """The same as ``podppd``."""
    atl08_class: Names
    """Classes of ATL08 that are taken; by default all, and photons without a class."""
    ats: float
    """Least distance between the outermost photons of a segment, m (default 20, of segments below 40 m half of it)."""
    cnt: int
    """Least number of photons of a segment (default 10)."""
    len: float
    """Length of segments, m (default 40)."""
    res: float
    """From one segment to the next, m (default 20)."""
    dist_in_seg: bool
    """Whether ``len`` and ``res`` count segments of 20 m."""
    pass_invalid: bool
    """Whether segments with less than ``ats`` or ``cnt`` are kept, with their flags."""
    maxi: int
    """Most iterations (default 5)."""
    H_min_win: float
    """Least height of the window, m (default 3)."""
    sigma_r_max: float
    """Largest robust spread, m (default 5)."""
    fields: Sequence[str]
    """Further columns of numbers that are fitted as the height is; their values at the centre are in the result."""


DEFAULTS: Mapping[str, Any] = {
    "srt": -1, "cnf": 2, "quality_ph": 0, "podppd": 1, "atl08_class": None, "ats": None, "cnt": 10, "len": 40.0,
    "res": 20.0, "dist_in_seg": False, "pass_invalid": False, "maxi": 5, "H_min_win": 3.0, "sigma_r_max": 5.0,
    "fields": (),
}  # fmt: skip
"""Default of each parameter; ``ats`` depends on ``len``."""


@dataclass(frozen=True, kw_only=True)
class SurfaceFit:
    """Checked parameters of a surface fit."""

    surfaces: tuple[int, ...] | None
    """Columns of the confidence; None for all."""
    confidence: int | tuple[int, ...]
    """Least confidence, or those that are taken."""
    quality: tuple[int, ...]
    """Values of the quality that are taken."""
    pointing: int
    """Mask of the values of ``podppd_flag`` that are taken."""
    classes: tuple[int, ...] | None
    """Classes that are taken; None for all."""
    ats: float
    """Least spread along the track, m."""
    cnt: int
    """Least number of photons."""
    length: float
    """Length of segments, m."""
    step: float
    """From one segment to the next, m."""
    maxi: int
    """Most iterations."""
    least_window: float
    """Least height of the window, m."""
    most_spread: float
    """Largest robust spread, m."""
    pass_invalid: bool
    """Whether segments with too few photons, or too short ones, are kept."""
    fields: tuple[str, ...]
    """Further columns to fit."""

    @classmethod
    def build(cls, given: Mapping[str, Any]) -> SurfaceFit:
        """Check parameters.

        Raises:
            UsageError: One is not known, given twice, or has a value that it cannot have.
        """
        p = {**DEFAULTS, **_by_own_names(given)}
        surfaces = _codes("srt", p["srt"], SURFACES, prefixes=("srt_",))
        if len(surfaces) > 1 and -1 in surfaces:
            raise UsageError(f"srt is {p['srt']!r}, but -1 (dynamic) means all surfaces; give it alone")
        unit = _SEGMENT_M if p["dist_in_seg"] else 1.0
        numbers = {
            name: read_number(name, p[name]) for name in ("len", "res", "H_min_win", "sigma_r_max", "cnt", "maxi")
        }
        length, step = numbers["len"] * unit, numbers["res"] * unit
        if min(length, step) <= 0 or numbers["cnt"] < 2 or numbers["maxi"] < 1:
            raise UsageError("len and res have to be more than 0 metres, cnt at least 2, maxi at least 1")
        if min(numbers["H_min_win"], numbers["sigma_r_max"]) <= 0:
            raise UsageError("H_min_win and sigma_r_max have to be more than 0 metres")
        least = min(_ATS_M, length / 2) if p["ats"] is None else read_number("ats", p["ats"])
        if least < 0 or (least >= length and not p["pass_invalid"]):
            raise UsageError(
                f"ats is {least:g}, but photons of segments of len={length:g} m lie less than {length:g} m apart, so "
                f"that no segment could be fitted; give ats less than len, such as ats={length / 2:g}"
            )
        confidence = _codes("cnf", p["cnf"], CONFIDENCES, prefixes=("atl03_", "cnf_surface_", "cnf_"))
        return cls(
            surfaces=None if surfaces == (-1,) else surfaces,
            confidence=confidence if isinstance(p["cnf"], (list, tuple, set)) else confidence[0],
            quality=_codes("quality_ph", p["quality_ph"], QUALITIES, prefixes=("atl03_quality_",), most=127),
            pointing=_mask(p["podppd"]),
            classes=None if p["atl08_class"] is None else _codes(
                "atl08_class", p["atl08_class"], CLASSES, prefixes=("atl08_",)),
            ats=least, cnt=int(numbers["cnt"]), length=length, step=step, maxi=int(numbers["maxi"]),
            least_window=numbers["H_min_win"], most_spread=numbers["sigma_r_max"],
            pass_invalid=bool(p["pass_invalid"]), fields=tuple([p["fields"]] if isinstance(p["fields"], str)
                                                               else p["fields"]),
        )  # fmt: skip


def _by_own_names(given: Mapping[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = {}
    for name, value in given.items():
        key = _ALIASES.get(name, name)
        if key not in DEFAULTS:
            raise UsageError(f"a surface fit has no parameter {name!r}; {nearest(name, sorted(DEFAULTS))}")
        if key in own:
            raise UsageError(f"{name} and another name of {key} are given; give one of them")
        own[key] = value
    return own


def _codes(
    name: str, value: Any, known: Mapping[str, int], *, prefixes: Sequence[str] = (), most: int | None = None
) -> tuple[int, ...]:
    """Return the numbers of one or several names or numbers, each once."""
    values = list(value) if isinstance(value, (list, tuple, set, frozenset, np.ndarray)) else [value]
    if isinstance(value, str):
        values = [part.strip() for part in value.split(",")]
    if not values:
        raise UsageError(f"{name} is empty; {nearest('', known)}")
    return tuple(dict.fromkeys(_code(name, entry, known, prefixes, most) for entry in values))


def _code(name: str, entry: Any, known: Mapping[str, int], prefixes: Sequence[str], most: int | None) -> int:
    text = str(entry).strip().lower().replace("-", "_").replace(" ", "_") if isinstance(entry, str) else ""
    for prefix in prefixes:
        text = text.removeprefix(prefix)
    if text in known:
        return known[text]
    try:
        number = int(entry) if not isinstance(entry, bool) and float(entry) == int(float(entry)) else None
    except (TypeError, ValueError, OverflowError):
        number = None
    least, largest = min(known.values()), most or max(known.values())
    if number is None or not least <= number <= largest:
        names = ", ".join(f"{key} ({code})" for key, code in known.items())
        raise UsageError(f"{name} is {entry!r}, but one of {names} is needed")
    return number


def _mask(value: Any) -> int:
    """Return the mask of values of ``podppd_flag``: a number as it is, names as the bits of their values."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        if not 1 <= int(value) <= 255:
            raise UsageError(
                f"podppd is {value!r}, but a mask from 1 to 255 is needed: bit 1 << flag takes photons of that flag, "
                "1 those with nominal pointing and orbit, 255 all"
            )
        return int(value)
    texts = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple, set)) else [None]
    if texts and all(isinstance(entry, str) for entry in texts):
        flags = {name: flag for flag, name in enumerate(POINTING)}
        return sum(1 << flag for flag in _codes("podppd", value, flags))
    raise UsageError(f"podppd is {value!r}, but a mask such as 1, or names such as nominal, are needed")
