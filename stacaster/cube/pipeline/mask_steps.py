"""Masks decided on source pixels: which bands a rule looks at, and what it says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis import masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stacaster.cube.pipeline.plan import SceneBand

Inputs = Mapping[str, tuple["NDArray[Any]", "NDArray[np.bool_]"]]
"""Values by key, and where they are data."""


@dataclass(frozen=True, kw_only=True)
class ClassTest:
    """Which stored numbers are of a class."""

    shift: int = 0
    bits: int = 0
    """How many bits from ``shift`` on hold the code; 0 takes the whole number."""
    values: tuple[float, ...] = ()

    def __call__(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where stored numbers are of the class."""
        if self.bits:
            if stored.dtype.kind == "f":
                stored = np.nan_to_num(stored).astype("int64")
            stored = masks.quality_bits(stored, offset=self.shift, length=self.bits)
        found: NDArray[np.bool_] = np.isin(stored, np.array(self.values))
        return found


@dataclass(frozen=True, kw_only=True)
class MaskStep:
    """One mask of one band of one scene."""

    name: str
    rule: str
    """``fill``, ``saturated``, ``class``, ``cloud``, ``snow``, ``water`` or ``all``."""
    inputs: tuple[SceneBand, ...] = ()
    """Bands that the rule looks at."""
    own: bool = False
    """Whether it looks at the band that is masked, too."""
    level: float = np.inf
    """Of ``saturated``."""
    test: ClassTest | None = None
    thresholds: Any = None
    """Of ``cloud``."""

    def masked(self, values: Inputs, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return which pixels are masked; one of which a needed value is missing is not.

        Args:
            values: Stored numbers or physical values, and where they are data, by key of the inputs; the masked band
                itself under an empty key.
            shape: Of the arrays.
        """
        nothing = np.zeros(shape, dtype=bool)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: NDArray[np.bool_] = _RULES[self.rule](self, values, nothing)
        return found


def _all(_: MaskStep, __: Inputs, nothing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return ~nothing


def _fill(_: MaskStep, values: Inputs, nothing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    masked = nothing
    for _numbers, valid in values.values():
        masked |= ~valid
    return masked


def _saturated(step: MaskStep, values: Inputs, _: NDArray[np.bool_]) -> NDArray[np.bool_]:
    stored, valid = values[""]
    found: NDArray[np.bool_] = masks.saturated(stored, step.level) & valid
    return found


def _class(step: MaskStep, values: Inputs, nothing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    assert step.test is not None
    for key, (stored, inside) in values.items():
        if key:
            # A class may be the fill value of its band: what lies in the file counts, whatever it holds.
            return step.test(stored) & inside
    return nothing


def _physical(values: Inputs, key: str, nothing: NDArray[np.bool_]) -> NDArray[np.float32]:
    if key not in values:
        return np.full(nothing.shape, np.nan, dtype="float32")
    numbers, valid = values[key]
    return np.where(valid, numbers, np.float32(np.nan)).astype("float32", copy=False)


def _cloud(step: MaskStep, values: Inputs, nothing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    green, red, nir, swir = (_physical(values, key, nothing) for key in masks.MASKS["cloud"].reflectance)
    thermal = _physical(values, masks.MASKS["cloud"].temperature[0], nothing)
    whole = masks.nacma(green, red, nir, swir, thermal, thresholds=step.thresholds)
    part = masks.nacma_without_swir(green, red, nir, thermal, thresholds=step.thresholds)
    found: NDArray[np.bool_] = whole | (part & np.isnan(swir))
    return found


def _snow(_: MaskStep, values: Inputs, nothing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = masks.snow(*(_physical(values, key, nothing) for key in masks.MASKS["snow"].reflectance))
    return found


def _water(_: MaskStep, values: Inputs, nothing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = masks.water(
        *(_physical(values, key, nothing) for key in masks.MASKS["water"].reflectance)
    )
    return found


_RULES: Mapping[str, Callable[[MaskStep, Inputs, NDArray[np.bool_]], NDArray[np.bool_]]] = {
    "all": _all, "fill": _fill, "saturated": _saturated, "class": _class, "cloud": _cloud, "snow": _snow,
    "water": _water,
}  # fmt: skip
