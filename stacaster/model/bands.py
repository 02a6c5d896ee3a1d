"""Bands: what they are, what they hold, what was written of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BandKind = Literal["continuous", "amplitude", "categorical", "bitfield", "label"]
"""How the values of a band may be combined: averaged, averaged as squares, counted, or only copied."""


@dataclass(frozen=True, kw_only=True)
class ClassValue:
    """One value of a categorical band or of a bit field (STAC classification extension)."""

    value: int
    """Stored number."""
    name: str
    """Short name: letters, digits, ``-`` and ``_`` only."""
    description: str
    """What the value means."""


@dataclass(frozen=True, kw_only=True)
class BitField:
    """Some adjacent bits of a bit-field band (STAC classification extension)."""

    name: str
    """Short name: letters, digits, ``-`` and ``_`` only."""
    description: str
    """What the bits mean."""
    offset: int
    """Position of the lowest bit, counted from the least significant bit."""
    length: int
    """Number of bits."""
    classes: tuple[ClassValue, ...]
    """Meaning of every value that the bits can take."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """One raster layer of a product: what does not change from granule to granule."""

    name: str
    """Asset key, ``B01``."""
    description: str
    """One sentence."""
    data_type: str
    """NumPy name of the stored type, ``uint8``."""
    nodata: int | float | None
    """Stored value of pixels without data."""
    group: str
    """Part of the instrument or file that the band belongs to, ``VNIR``."""
    resolution: float
    """Nominal pixel size in metres."""
    kind: BandKind = "continuous"
    """How values may be combined."""
    unit: str | None = None
    """Unit after scale and offset, as in the STAC ``unit`` field."""
    common_name: str | None = None
    """``eo:common_name`` of the eo 2.0 extension."""
    center_wavelength: float | None = None
    """Micrometres."""
    full_width_half_max: float | None = None
    """Micrometres."""
    solar_illumination: float | None = None
    """Exo-atmospheric solar irradiance at 1 au, W m-2 um-1."""
    quantity: str | None = None
    """What is measured, where it is not radiance at the sensor: ``surface_reflectance``, ``surface_temperature`` ..."""
    saturation: int | None = None
    """Stored value that means saturated."""
    classes: tuple[ClassValue, ...] = ()
    """Values of a categorical band."""
    bitfields: tuple[BitField, ...] = ()
    """Fields of a bit-field band, lowest bit first."""


@dataclass(frozen=True, kw_only=True)
class BandStatistics:
    """Statistics of the stored values of the valid pixels."""

    minimum: float
    """Smallest value."""
    maximum: float
    """Largest value."""
    mean: float
    """Arithmetic mean."""
    stddev: float
    """Population standard deviation."""
    valid_percent: float
    """Share of pixels that are not nodata, 0 to 100."""


@dataclass(frozen=True, kw_only=True)
class CogAsset:
    """A verified Cloud Optimized GeoTIFF."""

    path: Path
    """Where the file lies."""
    size: int
    """Bytes."""
    checksum: str
    """Multihash (sha2-256) of the file, hexadecimal."""
    pixel_checksum: str
    """Multihash (sha2-256) of the decoded pixels, row by row, little endian."""
    statistics: BandStatistics | None
    """Statistics of the valid pixels; None when there is none."""


@dataclass(frozen=True, kw_only=True)
class RemoteAsset:
    """A band whose pixels stay at the provider."""

    href: str
    """Address of the file, or of the virtual raster beside the item."""
    media_type: str
    """Media type of what ``href`` leads to."""
    size: int | None = None
    """Bytes, when the provider states them."""
    checksum: str | None = None
    """Multihash of the file, when the provider states a checksum."""
    statistics: BandStatistics | None = None
    """Never there: no pixel was read."""
