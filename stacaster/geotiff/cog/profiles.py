"""Named settings of Cloud Optimized GeoTIFFs."""

from __future__ import annotations

from dataclasses import dataclass

from stacaster.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class CogProfile:
    """How pixels are packed."""

    name: str
    """Name of the profile."""
    compress: str
    """``ZSTD`` or ``DEFLATE``."""
    level: int
    """Compression level."""
    predictor: bool = True
    """Store differences of neighbours: 2 for integers, 3 for floats."""
    block: int = 512
    """Width and height of a tile."""


PROFILES = {
    "zstd": CogProfile(name="zstd", compress="ZSTD", level=1),
    "deflate": CogProfile(name="deflate", compress="DEFLATE", level=1),
}
"""Profiles by name. ZSTD needs GDAL 2.3; with a predictor level 1 packs imagery as tightly as higher levels."""


def get_profile(name: str) -> CogProfile:
    """Return a profile.

    Raises:
        UsageError: There is no such profile.
    """
    if name not in PROFILES:
        raise UsageError(f"profile is {name!r}, but one of {', '.join(PROFILES)} is needed")
    return PROFILES[name]
