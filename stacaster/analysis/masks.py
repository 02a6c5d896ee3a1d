"""Masks of pixels: which are fill, saturated, cloud, snow, water, of a class. Pure functions; True is what is named.

Sources: Hulley and Hook (2008), Geophys. Res. Lett. 35, L16812, doi:10.1029/2008GL034644 (NACMA, first pass); Dozier
(1989), Remote Sens. Environ. 28 and Hall et al. (1995), Remote Sens. Environ. 54 (NDSI); McFeeters (1996), Int. J.
Remote Sens. 17 (NDWI); LP DAAC user advisories for saturation values and the end of SWIR.

Decision: the cloud test is NACMA's first pass with the thresholds of the paper; VICAR's differ and have a name of their
own. After SWIR died the VNIR and TIR tests decide alone, which is weaker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stacaster.errors import UsageError, nearest

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, kw_only=True)
class CloudThresholds:
    """Thresholds of the first pass of NACMA; a pixel is cloud when it passes every test."""

    red: float = 0.08
    """Reflectance of band 2 above."""
    snow: float = 0.7
    """NDSI of bands 1 and 4 below."""
    temperature: float = 300.0
    """Brightness temperature of band 13 below, K."""
    composite: float = 240.0
    """(1 - reflectance of band 4) * brightness temperature of band 13 below, K."""
    vegetation: float = 2.0
    """Band 3 / band 2 below."""
    soil: float = 2.3
    """Band 3 / band 1 below."""
    rock: float = 0.83
    """Band 3 / band 4 above."""


NACMA: Mapping[str, CloudThresholds] = {
    "paper": CloudThresholds(),
    "vicar": CloudThresholds(red=0.2, soil=2.0, rock=0.8),
}
"""Thresholds by variant: those of the paper, and those in JPL's VICAR code, which differ."""


@dataclass(frozen=True, kw_only=True)
class MaskRule:
    """What a mask is made of."""

    name: str
    """Name for ``load(mask=[...])``."""
    meaning: str
    """What is masked."""
    reflectance: tuple[str, ...] = ()
    """Bands that it needs in reflectance."""
    temperature: tuple[str, ...] = ()
    """Bands that it needs in brightness temperature."""
    citation: str = ""
    """Where the rule comes from."""


MASKS: Mapping[str, MaskRule] = {
    rule.name: rule
    for rule in (
        MaskRule(name="fill", meaning="one of the bands has no data there", citation="nodata of each band"),
        MaskRule(name="saturated", meaning="the band itself is saturated", citation="stacaster:saturation of the band"),
        MaskRule(name="swir_dead", meaning="a SWIR band of ASTER from 2008-04-01 on", citation="LP DAAC user advisory"),
        MaskRule(
            name="cloud",
            meaning="cloud by the first pass of NACMA; without band 4 by its tests of VNIR and TIR",
            reflectance=("B01", "B02", "B03N", "B04"),
            temperature=("B13",),
            citation="Hulley and Hook (2008), doi:10.1029/2008GL034644",
        ),
        MaskRule(
            name="snow",
            meaning="NDSI above 0.4 and near infrared above 0.25",
            reflectance=("B01", "B03N", "B04"),
            citation="Hall et al. (1995), doi:10.1016/0034-4257(95)00137-P",
        ),
        MaskRule(
            name="water",
            meaning="NDWI above 0",
            reflectance=("B01", "B03N"),
            citation="McFeeters (1996), doi:10.1080/01431169608948714",
        ),
    )
}
"""Masks by name. A pixel of which a rule needs a value that is not there is not masked."""


def fill(stored: Any, nodata: float) -> Any:
    """Return where stored numbers are fill."""
    return stored != stored if nodata != nodata else stored == nodata  # noqa: PLR0124 - NaN differs from itself


def saturated(stored: Any, level: Any) -> Any:
    """Return where stored numbers have reached the largest one that the instrument gives."""
    return stored >= level


def ndsi(green: Any, swir: Any) -> Any:
    """Return the normalised difference snow index, (green - swir) / (green + swir), of reflectances."""
    return (green - swir) / (green + swir)


def nacma(
    green: Any, red: Any, nir: Any, swir: Any, temperature: Any, *, thresholds: CloudThresholds | str = "paper"
) -> Any:
    """Return where the first pass of NACMA finds cloud.

    Args:
        green: Reflectance of band 1.
        red: Reflectance of band 2.
        nir: Reflectance of band 3N.
        swir: Reflectance of band 4.
        temperature: Brightness temperature of band 13, K.
        thresholds: Name of a variant in ``NACMA``, or thresholds of one's own.

    Returns:
        Booleans; False where a value is missing (NaN).
    """
    limits = cloud_thresholds(thresholds)
    return (
        nacma_without_swir(green, red, nir, temperature, thresholds=limits)
        & (ndsi(green, swir) < limits.snow)
        & ((1 - swir) * temperature < limits.composite)
        & (nir / swir > limits.rock)
    )


def nacma_without_swir(
    green: Any, red: Any, nir: Any, temperature: Any, *, thresholds: CloudThresholds | str = "paper"
) -> Any:
    """Return where those tests of NACMA's first pass that need no SWIR all find cloud; see ``nacma``.

    This is weaker: snow, and bright ground that is cold, pass as cloud. It is for scenes after SWIR died.
    """
    limits = cloud_thresholds(thresholds)
    return (
        (red > limits.red)
        & (temperature < limits.temperature)
        & (nir / red < limits.vegetation)
        & (nir / green < limits.soil)
    )


def cloud_thresholds(wanted: CloudThresholds | str) -> CloudThresholds:
    """Return the thresholds of a variant of ``NACMA``, or those that were given.

    Raises:
        UsageError: There is no such variant; the message names the nearest.
    """
    if isinstance(wanted, CloudThresholds):
        return wanted
    if wanted not in NACMA:
        raise UsageError(f"cloud variant is {wanted!r}; {nearest(wanted, NACMA)}")
    return NACMA[wanted]


def snow(green: Any, nir: Any, swir: Any, *, least: float = 0.4, least_nir: float = 0.25) -> Any:
    """Return where reflectances look like snow: NDSI above ``least`` and near infrared above ``least_nir``."""
    return (ndsi(green, swir) > least) & (nir > least_nir)


def water(green: Any, nir: Any, *, least: float = 0.0) -> Any:
    """Return where reflectances look like open water: NDWI, (green - nir) / (green + nir), above ``least``."""
    return (green - nir) / (green + nir) > least


def quality_bits(values: Any, *, offset: int, length: int) -> Any:
    """Return the number that some bits of each value hold; bit 0 is the least."""
    return (values >> offset) & ((1 << length) - 1)


def of_class(values: Any, fields: Mapping[str, Any], name: str) -> Any:
    """Return where a band has a class by name.

    Args:
        values: Stored numbers.
        fields: Fields of the asset with ``classification:classes`` or ``classification:bitfields``.
        name: Name of a class, or ``bitfield/class``.

    Raises:
        UsageError: There is no such class; the message lists those there are.
    """
    field, _, wanted = name.rpartition("/")
    known: dict[str, Any] = {}
    for entry in fields.get("classification:classes") or ():
        known[str(entry["name"])] = values == entry["value"]
    for part in fields.get("classification:bitfields") or ():
        for entry in part.get("classes") or ():
            held = quality_bits(values, offset=int(part["offset"]), length=int(part["length"]))
            known[f"{part['name']}/{entry['name']}"] = held == entry["value"]
    key = f"{field}/{wanted}" if field else wanted
    if key not in known:
        raise UsageError(f"class is {name!r}; {nearest(key, known)}" if known else "the band has no classes")
    return known[key]


def as_bits(masks: Mapping[str, xr.DataArray]) -> xr.DataArray:
    """Return masks as one band of bits, described by CF flags and ``classification:bitfields``.

    Args:
        masks: At most eight boolean arrays by name.

    Returns:
        uint8; bit ``i`` is mask ``i``.
    """
    names = list(masks)
    if not 0 < len(names) <= 8:
        raise UsageError(f"one to eight masks go into a byte, not {len(names)}")
    result: Any = sum(masks[name].astype("uint8") << bit for bit, name in enumerate(names)).astype("uint8")  # type: ignore[union-attr]
    result.attrs = {
        "long_name": "masks",
        "flag_masks": [1 << bit for bit in range(len(names))],
        "flag_meanings": " ".join(names),
    }
    found: xr.DataArray = result
    return found


def bitfields(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return ``classification:bitfields`` of what ``as_bits`` makes of masks with these names."""

    def described(name: str) -> str:
        return MASKS[name].meaning if name in MASKS else name.replace("=", " is ")

    return [
        {
            "name": name, "description": described(name), "offset": bit, "length": 1,
            "classes": [{"value": 0, "name": "no", "description": "not masked"},
                        {"value": 1, "name": "yes", "description": described(name)}],
        }
        for bit, name in enumerate(names)
    ]  # fmt: skip


def check_names(names: Iterable[str]) -> list[str]:
    """Return the names of masks when all are known; ``asset=class`` is a class of a band.

    Raises:
        UsageError: One is not; the message names the nearest.
    """
    found = []
    for name in names:
        if "=" not in name and name not in MASKS:
            raise UsageError(f"mask is {name!r}; {nearest(name, MASKS)}, or asset=class for a class of a band")
        found.append(name)
    return found
