"""The vocabulary of ASTER product tables: images, their names in each form of delivery, quality planes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stacaster.instruments import aster
from stacaster.model import Band, BitField, ClassValue

_GOOD = ClassValue(value=0, name="good", description="No known defect, no cloud")
# The one value of quality planes whose meaning is certain (ASTER Higher-Level Product QA Plan, JPL D-13841).
_ZERO = ClassValue(value=0, name="zero", description="No bit is set")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One image of a product, and what it is called in each form of delivery."""

    band: Band
    """The band."""
    field: str
    """Pattern of the field's name in the HDF file: ``Band10``."""
    swath: str
    """Pattern of the swath's name."""
    file: str
    """Pattern of the end of a version 004 file name: ``SRE_TIR_B10``."""
    scale: float | None = None
    """Physical value of a count; None takes the gain of the scene."""


@dataclass(frozen=True, kw_only=True)
class Level2:
    """One product: its table, from which ``products`` makes its forms of delivery."""

    short_name: str
    """Short name at the provider, ``AST_07XT``."""
    title: str
    """What it is, ``surface reflectance, crosstalk corrected``."""
    description: str
    """Sentences for the collection."""
    fields: tuple[Field, ...]
    """Images in the order of their assets."""
    level: str = "L2"
    """STAC ``processing:level``."""
    is_rotated: bool = True
    """Whether grids follow the path."""
    citation: str
    """Name in the citation."""
    keywords: tuple[str, ...]
    """Search words."""
    notes: tuple[str, ...] = ()
    """What a user of the whole product has to know."""
    renders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Named views."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Properties of every item."""

    @property
    def bands(self) -> tuple[Band, ...]:
        """All bands."""
        return tuple(entry.band for entry in self.fields)


def quality(name: str, group: str, resolution: float, *, is_first: bool) -> Band:
    """Return the band of a quality plane."""
    what = "first quality plane; 0 is good" if is_first else "second quality plane"
    bits = BitField(
        name="quality",
        description="All bits",
        offset=0,
        length=8,
        classes=(_GOOD if is_first else _ZERO,),
    )
    return Band(
        name=name,
        description=f"ASTER {group} {what} (bits: ASTER Higher-Level Product QA Plan, JPL D-13841)",
        data_type="uint8",
        nodata=None,
        group=group,
        resolution=resolution,
        kind="bitfield",
        bitfields=(bits,),
    )


def bands_like(names: Iterable[str], **changes: Any) -> list[Band]:
    """Return ASTER's bands by name, with what differs from level 1."""
    known = {band.name: band for band in aster.BANDS}
    return [replace(known[name], saturation=None, **changes) for name in names]


def surface_fields(
    kind: str, *, prefix: str, data: Mapping[str, Any], scale: float | None, groups: Sequence[str] = ("VNIR", "SWIR")
) -> tuple[Field, ...]:
    """Return images and quality planes of a product with the swaths ``SurfaceReflectanceVNIR`` and the like.

    Args:
        kind: Beginning of the names of the swaths, ``SurfaceReflectance``.
        prefix: Beginning of the ends of version 004 file names, ``SRF``.
        data: What differs from the bands of level 1.
        scale: Physical value of a count; None takes the gains.
        groups: Subsystems.
    """
    found: list[Field] = []
    for group in groups:
        swath = f"{kind}{group}"
        for band in bands_like([entry.name for entry in aster.BANDS if entry.group == group], **data):
            number = aster.odl_suffix(band)
            found.append(
                Field(band=band, field=f"Band{number}", swath=swath, file=f"{prefix}_{group}_{band.name}", scale=scale)
            )
        found += quality_fields(group, swath=swath, file=f"{prefix}_{group}", name=f"{group}_")
    return tuple(found)


def quality_fields(group: str, *, swath: str, file: str, name: str = "") -> list[Field]:
    """Return the two quality planes of a swath."""
    size = aster.RESOLUTION[group]
    return [
        Field(band=quality(f"{name}QA_DataPlane{end}", group, size, is_first=not end), field=f"QA_DataPlane{end}",
              swath=swath, file=f"{file}_QA_DataPlane{end}")
        for end in ("", "2")
    ]  # fmt: skip


SURFACE_FALSE_COLOUR = {"false-colour": {**aster.FALSE_COLOUR, "rescale": [[0, 600], [0, 600], [0, 600]]}}
"""The usual view of VNIR, of reflectances at the surface in thousandths."""


def reflectance_fields() -> tuple[Field, ...]:
    """Return images and quality planes of reflectance at the surface, in thousandths."""
    data = {
        "data_type": "int16", "unit": "1", "nodata": 0, "quantity": "surface_reflectance", "solar_illumination": None,
    }  # fmt: skip
    return surface_fields("SurfaceReflectance", prefix="SRF", data=data, scale=0.001)


def radiance_fields() -> tuple[Field, ...]:
    """Return images and quality planes of radiance that leaves the surface, in counts of the scene's gains."""
    data = {"data_type": "int16", "nodata": 0, "quantity": "surface_radiance"}
    return surface_fields("SurfaceRadiance", prefix="SRA", data=data, scale=None)
