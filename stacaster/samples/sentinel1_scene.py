"""One simulated Sentinel-1 acquisition."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from stacaster.samples.radar_geometry import SimulatedOrbit, orbit_over

BURSTS, LINES, SAMPLES = 3, 24, 60
"""Bursts of a sub-swath; lines and samples of a burst."""

NEAR_RANGE = 850_000.0
"""Slant range of the first sample, metres."""


@dataclass(frozen=True, kw_only=True)
class Sentinel1Scene:
    """One simulated acquisition."""

    start: dt.datetime
    """First moment, UTC."""
    number: int = 1
    """Counter, which makes names differ."""
    unit: str = "A"
    """Satellite."""
    place: tuple[float, float] = (138.5, -31.0)
    """Longitude and latitude of the first line, near range."""
    polarizations: tuple[str, ...] = ("VV", "VH")
    """Polarisations."""
    seconds: float = 5.4
    """Duration."""
    radial: float = 0.0
    """Metres that the satellite is higher than planned."""
    across: float = 0.0
    """Metres that it is further to the right than planned."""

    @property
    def end(self) -> dt.datetime:
        """Last moment."""
        return self.start + dt.timedelta(seconds=self.seconds)

    @property
    def absolute_orbit(self) -> int:
        """Absolute orbit, from which the relative one follows."""
        return 175 * (30 + self.number) + (72 if self.unit == "A" else 26) + 100

    @property
    def relative_orbit(self) -> int:
        """Relative orbit."""
        return (self.absolute_orbit - (73 if self.unit == "A" else 27)) % 175 + 1

    def orbit(self) -> tuple[SimulatedOrbit, float]:
        """Return the orbit, and the first moment as seconds after its node."""
        return orbit_over(
            *self.place, self.start, slant_range=NEAR_RANGE, radial=self.radial, across=self.across
        )  # fmt: skip

    def name(self, kind: str = "SLC") -> str:
        """Return the name of the product."""
        code = {("VV", "VH"): "DV", ("VV",): "SV", ("HH", "HV"): "DH", ("HH",): "SH"}[self.polarizations]
        grade = "SLC_" if kind == "SLC" else "GRDH"
        unique = hashlib.sha256(f"{kind}{self.number}{self.unit}".encode()).hexdigest()[:4].upper()
        span = f"{self.start:%Y%m%dT%H%M%S}_{self.end:%Y%m%dT%H%M%S}"
        return f"S1{self.unit}_IW_{grade}_1S{code}_{span}_{self.absolute_orbit:06d}_{self.number:06X}_{unique}"

    def burst_name(self, swath: int, burst: int, polarization: str) -> str:
        """Return the name of a burst; swaths and bursts are counted from 1 and 0."""
        moment = self.start + dt.timedelta(seconds=burst * self.seconds / BURSTS)
        unique = self.name().rpartition("_")[2]
        return f"S1_{self.burst_id(burst):06d}_IW{swath}_{moment:%Y%m%dT%H%M%S}_{polarization}_{unique}-BURST"

    def burst_id(self, burst: int) -> int:
        """Return the relative burst id."""
        return 213_000 + burst
