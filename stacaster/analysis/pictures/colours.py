"""Cubes as colours: composites of three formulas, stretched between percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.bands import as_cube, find_band
from stacaster.analysis.formulas import parse_formula
from stacaster.errors import LoadError, UsageError, nearest

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

PERCENT = (2.0, 98.0)
"""Percentiles of the values that become black and full colour."""

_GA = "Cudahy (2012), ASTER Geoscience Product Notes for Australia, CSIRO and Geoscience Australia (eCat 74347)"


@dataclass(frozen=True, kw_only=True)
class ColourComposite:
    """Three formulas as red, green and blue."""

    name: str
    """Name, lower case."""
    title: str
    """What it shows."""
    channels: tuple[str, str, str]
    """Formulas of bands."""
    citation: str
    """Where it comes from."""


COMPOSITES = {
    entry.name: entry
    for entry in (
        ColourComposite(name="false_colour", title="False colour: near infrared, red, green",
                        channels=("nir", "red", "green"), citation="usual view of VNIR"),
        ColourComposite(name="true_colour", title="True colour: red, green, blue",
                        channels=("red", "green", "blue"), citation="usual view; ASTER has no blue"),
        ColourComposite(name="ga_false_colour", title="False colour", channels=("B03N", "B02", "B01"), citation=_GA),
        ColourComposite(name="ga_regolith_ratios", title="Landsat TM regolith ratios",
                        channels=("B03N / B02", "B03N / B07", "B04 / B07"), citation=_GA),
        ColourComposite(name="thermal", title="Thermal infrared", channels=("B14", "B12", "B10"),
                        citation="bands 14, 12, 10: usual view of TIR"),
    )
}  # fmt: skip
"""Colour composites by name."""


def find_composite(name: str | Sequence[str]) -> ColourComposite:
    """Return a colour composite by name, or of three bands or formulas.

    Raises:
        UsageError: There is no such composite, or these are not three.
    """
    if not isinstance(name, (str, Sequence)) or not all(isinstance(part, str) for part in name):
        raise UsageError(
            f"composite is {name!r}, but a name or three bands are needed; {nearest(str(name), COMPOSITES)}"
        )
    if not isinstance(name, str) or "," in name:
        channels = tuple(part.strip() for part in (name.split(",") if isinstance(name, str) else name))
        if len(channels) != 3:
            raise UsageError(f"three bands are needed for red, green and blue, not {len(channels)}")
        return ColourComposite(name="own", title=", ".join(channels), channels=channels, citation="of the user")
    if name.lower() not in COMPOSITES:
        raise UsageError(f"{name!r} is no colour composite; {nearest(name.lower(), COMPOSITES)}, or three bands")
    return COMPOSITES[name.lower()]


def to_rgb(
    cube: xr.Dataset | xr.DataArray,
    composite: str | Sequence[str] | None = None,
    *,
    percent: tuple[float, float] = PERCENT,
) -> xr.DataArray:
    """Return a cube as colours.

    Args:
        cube: Dataset of dimensions (y, x), or with times, all stretched alike.
        composite: Name of a colour composite, or three bands or formulas; None takes the first that the bands allow.
        percent: Percentiles of the valid values that become dark and bright, for each channel.

    Returns:
        Uint8 with a last dimension ``band`` of red, green, blue and alpha; alpha is 0 where a channel has no value.

    Raises:
        UsageError: There is no such composite.
        LoadError: The cube lacks a band.
    """
    import xarray as xr

    cube = as_cube(cube)
    chosen = possible_composite(cube) if composite is None else find_composite(composite)
    channels = [_channel(cube, formula).compute() for formula in chosen.channels]
    valid = np.logical_and.reduce([np.isfinite(channel.values) for channel in channels])
    colours = [stretch(channel.values, percent=percent) for channel in channels]
    made = np.stack([*colours, np.where(valid, 255, 0).astype(np.uint8)], axis=-1)
    made[~valid] = 0
    first = channels[0]
    found = xr.DataArray(made, dims=(*first.dims, "band"), coords=first.coords)
    found = found.assign_coords(band=["r", "g", "b", "a"])
    found.attrs = {"long_name": chosen.title, "channels": list(chosen.channels), "citation": chosen.citation}
    return found


def stretch(values: NDArray[Any], *, percent: tuple[float, float] = PERCENT) -> NDArray[np.uint8]:
    """Return values between two percentiles as 0 to 255; what is not finite becomes 0.

    Raises:
        UsageError: The percentiles are not in order between 0 and 100.
    """
    low, high = limits_of(values, percent=percent)
    with np.errstate(invalid="ignore"):
        shares = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1)
    return np.rint(np.nan_to_num(shares) * 255).astype(np.uint8)


def limits_of(values: NDArray[Any], *, percent: tuple[float, float] = PERCENT) -> tuple[float, float]:
    """Return two percentiles of the finite values; they differ.

    Raises:
        UsageError: The percentiles are not in order between 0 and 100.
    """
    if not isinstance(percent, Sequence) or len(percent) != 2 or not 0 <= percent[0] < percent[1] <= 100:
        raise UsageError(f"percent is {percent}, but two percentiles in order from 0 to 100 are needed")
    valid = values[np.isfinite(values)]
    if not valid.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(valid, percent))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def possible_composite(cube: xr.Dataset) -> ColourComposite:
    """Return the first colour composite whose bands a cube has.

    Raises:
        LoadError: There is none.
    """
    for entry in COMPOSITES.values():
        if all(
            find_band(cube.data_vars, band) is not None
            for formula in entry.channels
            for band in parse_formula(formula).bands
        ):
            return entry
    have = ", ".join(str(name) for name in cube.data_vars)
    raise LoadError(f"no colour composite is made of {have}; name three bands")


def _channel(cube: xr.Dataset, text: str) -> xr.DataArray:
    formula = parse_formula(text)
    places = {band: find_band(cube.data_vars, band) for band in formula.bands}
    missing = [band for band, place in places.items() if place is None]
    if missing:
        have = ", ".join(str(name) for name in cube.data_vars)
        raise LoadError(f"the colour composite needs {', '.join(missing)}, which the cube lacks; it has {have}")
    bands = {}
    for band, place in places.items():
        values = cube[place]
        nodata = values.attrs.get("nodata")
        bands[band] = values.astype("float32").where(values != nodata) if nodata is not None else values
    with np.errstate(divide="ignore", invalid="ignore"):
        result: xr.DataArray = formula(bands)
    return result.where(np.isfinite(result))
