"""What a table says of one field of a product; the file says the rest."""

from __future__ import annotations

from dataclasses import dataclass

from stacaster.formats.metadata.scales import Formula
from stacaster.model import BandKind, BitField, ClassValue


@dataclass(frozen=True, kw_only=True)
class BandRule:
    """What a table says of one field; None leaves it to the file."""

    path: str
    """Name of the field, or group and name."""
    name: str | None = None
    """Asset key."""
    description: str | None = None
    """One sentence."""
    kind: BandKind | None = None
    """How values may be combined."""
    formula: Formula | None = None
    """How ``scale`` and ``offset`` are meant, those of the table or of the file."""
    scale: float | None = None
    """Scale; None takes that of the file."""
    offset: float | None = None
    """Offset; None takes that of the file."""
    fill: tuple[float, ...] = ()
    """Fill values; the first one becomes the fill value of the band."""
    no_fill: bool = False
    """There is no fill value, whatever the file says."""
    valid: tuple[float, float] | None = None
    """Smallest and largest stored number that is a value."""
    unit: str | None = None
    """Unit of values."""
    codes: tuple[ClassValue, ...] = ()
    """Stored numbers that are no values."""
    classes: tuple[ClassValue, ...] = ()
    """Classes."""
    bitfields: tuple[BitField, ...] = ()
    """Bit fields."""
    common_name: str | None = None
    """``eo:common_name``."""
    center_wavelength: float | None = None
    """Micrometres."""
    quantity: str | None = None
    """What is measured."""
