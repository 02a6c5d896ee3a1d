"""What the user wants of a granule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PARTS = ("_amplitude", "_phase")
"""How names of the parts of complex bands end."""


@dataclass(frozen=True, kw_only=True)
class TargetGrid:
    """The grid that swaths are put on, and how."""

    crs: str
    """Coordinate reference system."""
    resolution: float
    """Side of a pixel in units of ``crs``."""
    average: bool = False
    """Mean of the cells in a pixel for measurements; everything else is the nearest cell."""
    max_distance: float | None = None
    """Largest distance of the nearest cell, metres; None for half the diagonal of the widest cells."""


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What the user wants of a granule."""

    subsystems: tuple[str, ...] = ()
    """Band groups to keep; empty keeps all."""
    include_swir_after_cutoff: bool = False
    """Keep ASTER SWIR bands after 2008-04-01, when they are unusable."""
    bands: tuple[str, ...] = ()
    """Bands to keep; empty keeps all."""
    area: Mapping[str, Any] | None = None
    """GeoJSON geometry in degrees whose surroundings are cut out; None keeps all."""
    variables: tuple[str, ...] = ()
    """Columns of tracks to add, as patterns of paths below a beam: ``canopy/*``."""
    split_complex: bool = False
    """Make amplitude and phase of complex layers instead of complex bands."""
    keep_files: bool = False
    """Keep files whole that would be converted."""
    grid: TargetGrid | None = None
    """Grid for swaths; None keeps their files."""

    def wants(self, name: str, layer: str) -> bool:
        """Tell whether a band is to be kept.

        Args:
            name: Its asset key; of amplitude and phase also that of the complex band.
            layer: Name of its layer, which is enough where parts of the granule were chosen.
        """
        names = {name, layer} if self.subsystems else {name}
        asked = {entry.removesuffix(end) for entry in self.bands for end in ("", *PARTS)}
        return not self.bands or not names.isdisjoint(asked)
