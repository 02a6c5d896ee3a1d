"""ASTER on Terra: bands, gains, dates, and how a granule's metadata become a scene.

Sources: ASTER Users Handbook v2 (Abrams, Hook, Ramachandran 2002) for bands, gains and the (DN - 1) rule; Thome et al.
(2001) for the solar irradiances; LP DAAC product pages and user advisories for versions and the end of SWIR.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stacaster.errors import UsageError
from stacaster.formats.metadata import ecs
from stacaster.instruments.radiometry import unit_conversion
from stacaster.model import Band, Provider, ReadOptions, SceneBand

SWIR_CUTOFF = dt.datetime(2008, 4, 1, tzinfo=dt.UTC)
"""From this day SWIR data are unusable: the detectors are too warm (LP DAAC user advisory)."""

RADIANCE_UNIT = "W m-2 sr-1 um-1"
"""Unit of at-sensor spectral radiance."""

UNITS_TOLERANCE = 0.005
"""Relative difference between INCLn and the gain table that rounding explains; neighbouring gains differ by 25 %."""

SUBSYSTEMS = ("VNIR", "SWIR", "TIR")
"""Subsystems in the order of their swaths."""

RESOLUTION = {"VNIR": 15.0, "SWIR": 30.0, "TIR": 90.0}
"""Pixel size of map-projected images, metres."""

PROVIDERS = (
    Provider(
        name="NASA/METI/AIST/Japan Spacesystems and U.S./Japan ASTER Science Team",
        roles=("producer", "licensor"),
        url="https://asterweb.jpl.nasa.gov/",
    ),
    Provider(name="NASA LP DAAC", roles=("processor", "host"), url="https://www.earthdata.nasa.gov/centers/lp-daac"),
)
"""Who made and who hosts ASTER data."""


def _band(name: str, group: str, wavelength: float, width: float, **rest: Any) -> Band:
    is_tir = group == "TIR"
    low, high = wavelength - width / 2, wavelength + width / 2
    return Band(
        name=name,
        description=f"ASTER {group} band {name[1:].lstrip('0')}, {low:.3f} to {high:.3f} um",
        data_type="uint16" if is_tir else "uint8",
        nodata=0,
        group=group,
        resolution=RESOLUTION[group],
        unit=RADIANCE_UNIT,
        center_wavelength=wavelength,
        full_width_half_max=width,
        saturation=4095 if is_tir else 255,
        **rest,
    )


BANDS = (
    _band("B01", "VNIR", 0.56, 0.08, common_name="green", solar_illumination=1848.0),
    _band("B02", "VNIR", 0.66, 0.06, common_name="red", solar_illumination=1549.0),
    _band("B03N", "VNIR", 0.82, 0.08, common_name="nir", solar_illumination=1114.0),
    _band("B04", "SWIR", 1.65, 0.10, common_name="swir16", solar_illumination=225.4),
    _band("B05", "SWIR", 2.165, 0.04, common_name="swir22", solar_illumination=86.63),
    _band("B06", "SWIR", 2.205, 0.04, common_name="swir22", solar_illumination=81.85),
    _band("B07", "SWIR", 2.26, 0.05, common_name="swir22", solar_illumination=74.85),
    _band("B08", "SWIR", 2.33, 0.07, solar_illumination=66.49),
    _band("B09", "SWIR", 2.395, 0.07, solar_illumination=59.85),
    _band("B10", "TIR", 8.30, 0.35),
    _band("B11", "TIR", 8.65, 0.35),
    _band("B12", "TIR", 9.10, 0.35),
    _band("B13", "TIR", 10.60, 0.70, common_name="lwir"),
    _band("B14", "TIR", 11.30, 0.70, common_name="lwir"),
)
"""The fourteen nadir bands; 3B is not part of terrain-corrected products. Nominal centres and widths, micrometres."""

BACKWARD = _band("B03B", "VNIR", 0.82, 0.08)
"""The band of the telescope that looks backward, for stereo: level 1A alone says where it lies."""

FALSE_COLOUR = {
    "title": "False colour: near infrared, red, green",
    "assets": ["B03N", "B02", "B01"],
    "rescale": [[0, 255], [0, 255], [0, 255]],
}
"""The usual view of VNIR, for the render extension."""

THERMAL = {
    "title": "Thermal infrared: bands 14, 12, 10",
    "assets": ["B14", "B12", "B10"],
    "rescale": [[0, 4095], [0, 4095], [0, 4095]],
}
"""The usual view of TIR, for the render extension."""

RENDERS = {"false-colour": FALSE_COLOUR, "thermal": THERMAL}
"""Views of all products with the bands of L1T; the first that a scene allows is its thumbnail."""

_GAIN_PAIR = re.compile(r"(\w{2})\s+(\w{3})")


def parse_gains(text: Any) -> dict[str, str]:
    """Return gain codes by band name from ``01 HGH, 02 HGH, 3N NOR``, as attributes of granules write them."""
    names = {odl_suffix(band).zfill(2): band.name for band in (*BANDS, BACKWARD)}
    pairs = _GAIN_PAIR.findall("" if text is None else str(text))
    return {names[number]: code.upper() for number, code in pairs if number in names}


def parse_pointing(attributes: Mapping[str, Any]) -> dict[str, float]:
    """Return pointing angles by subsystem from ``ASTERVNIRPointingAngle`` and its like, degrees."""
    found = {name: ecs.number(attributes.get(f"ASTER{name}PointingAngle")) for name in SUBSYSTEMS}
    return {name: angle for name, angle in found.items() if angle is not None}


def odl_suffix(band: Band) -> str:
    """Return the band number as metadata write it: ``3N``, ``4``, ``14``."""
    return band.name[1:].lstrip("0")


@dataclass(frozen=True, kw_only=True)
class AsterMetadata:
    """What the metadata of an ASTER granule say, whatever the format; None or empty where they are silent."""

    datetime: dt.datetime
    """Acquisition, UTC."""
    created: dt.datetime | None = None
    """Production, UTC."""
    gains: Mapping[str, str] = field(default_factory=dict)
    """Gain code by band name: HGH, NOR, LOW, LO1, LO2, OFF."""
    coefficients: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    """(INCLn, OFFSETn) by band name."""
    sun_azimuth: float | None = None
    """Degrees from north."""
    sun_elevation: float | None = None
    """Degrees above the horizon."""
    pointing: Mapping[str, float] = field(default_factory=dict)
    """Signed pointing angle by subsystem, degrees."""
    cloud_cover: float | None = None
    """Percent."""
    day_night: str | None = None
    """``day``, ``night`` or ``both``."""
    orbit: int | None = None
    """Absolute orbit number."""
    orbit_state: str | None = None
    """``ascending`` or ``descending``."""
    path_row_view: tuple[int, ...] = ()
    """ASTER scene id: path, row, view."""
    correction: str | None = None
    """Level of geometric correction that was reached."""
    gcp_chips: int | None = None
    """Ground control chips that correlated."""
    is_simulated: bool = False
    """True for data that no instrument measured."""


def radiometry(band: Band, metadata: AsterMetadata) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Return scale, offset and notes of a band: INCLn and OFFSETn first, the gain table as fallback and check.

    Radiance is (DN - 1) * UCC, so the scale is UCC and the offset is -UCC (ASTER Users Handbook).
    """
    gain = metadata.gains.get(band.name, "NOR" if band.group == "TIR" else None)
    table = _table_value(band, gain)
    found = metadata.coefficients.get(band.name)
    if found is None:
        if table is None:
            return None, None, (f"{band.name}: neither INCL nor a known gain ({gain}); no scale is given",)
        return table, -table, (f"{band.name}: scale taken from the gain table ({gain}); the granule gives no INCL",)
    incl, offset = found
    notes = []
    if table is not None and abs(incl - table) > UNITS_TOLERANCE * table:
        notes.append(f"{band.name}: INCL {incl:g} contradicts gain {gain}, for which the table has {table:g}")
    if offset is not None and abs(offset + incl) > UNITS_TOLERANCE * incl:
        notes.append(f"{band.name}: OFFSET {offset:g} contradicts INCL {incl:g}; radiance (DN - 1) * INCL is used")
    return incl, -incl, tuple(notes)


def _table_value(band: Band, gain: str | None) -> float | None:
    if gain is None:
        return None
    try:
        return unit_conversion(band.name, gain)
    except UsageError:
        return None


def scene_band(band: Band, layer: str, geobox: Any, metadata: AsterMetadata) -> tuple[SceneBand, tuple[str, ...]]:
    """Return one band of a scene with its radiometry and pointing, and the notes about it."""
    scale, offset, notes = radiometry(band, metadata)
    fields: dict[str, Any] = {}
    if band.name in metadata.gains:
        fields["aster:gain"] = metadata.gains[band.name]
    if band.group in metadata.pointing:
        angle = metadata.pointing[band.group]
        fields["aster:pointing_angle"] = angle
        fields["view:off_nadir"] = abs(angle)
    made = SceneBand(band=band, layer=layer, geobox=geobox, scale=scale, offset=offset, properties=fields)
    return made, notes


def select_bands(
    present: Mapping[str, Any], metadata: AsterMetadata, options: ReadOptions, *, bands: Sequence[Band] = BANDS
) -> tuple[list[Band], dict[str, str]]:
    """Choose the bands that become assets.

    Args:
        present: Layer by band name, for the bands that the granule holds.
        metadata: Metadata of the granule.
        options: What the user wants.
        bands: Table of the product.

    Returns:
        Bands to write, and the reason for every band of the table that is not written.
    """
    chosen: list[Band] = []
    absent: dict[str, str] = {}
    is_late = metadata.datetime >= SWIR_CUTOFF
    groups = {band.group for band in bands if band.name in present}
    for band in bands:
        if options.subsystems and band.group not in options.subsystems:
            absent[band.name] = f"{band.group} was not asked for"
        elif band.name not in present:
            whole = band.group not in groups
            absent[band.name] = f"the granule has no {band.group}" if whole else "the granule lacks this band"
        elif band.group == "SWIR" and is_late and not options.include_swir_after_cutoff:
            absent[band.name] = "SWIR is unusable from 2008-04-01 on"
        else:
            chosen.append(band)
    return chosen, absent


def item_properties(metadata: AsterMetadata, groups: set[str]) -> dict[str, Any]:
    """Return the STAC properties that the metadata give; fields without a value are left out."""
    angle = next((metadata.pointing[name] for name in SUBSYSTEMS if name in groups and name in metadata.pointing), None)
    path_row_view = dict(zip(("aster:path", "aster:row", "aster:view"), metadata.path_row_view, strict=False))
    fields = {
        "eo:cloud_cover": metadata.cloud_cover,
        "view:sun_azimuth": metadata.sun_azimuth,
        "view:sun_elevation": metadata.sun_elevation,
        "view:off_nadir": None if angle is None else abs(angle),
        "sat:orbit_state": metadata.orbit_state,
        "sat:absolute_orbit": metadata.orbit,
        **path_row_view,
        "aster:day_night": metadata.day_night,
        "aster:correction_achieved": metadata.correction,
        "aster:gcp_chips": metadata.gcp_chips,
        "stacaster:simulated": True if metadata.is_simulated else None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def scene_notes(metadata: AsterMetadata, absent: Mapping[str, str], notes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the notes of the item: simulated data first, then reasons of absent bands, then contradictions."""
    reasons: dict[str, list[str]] = {}
    for name, reason in absent.items():
        reasons.setdefault(reason, []).append(name)
    lines = ["simulated data, not a measurement"] if metadata.is_simulated else []
    lines += [f"no asset for {', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return (*lines, *notes)
