"""What one simulated ASTER scene is: place, time, gains and angles, and its pixels."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import Transformer

from stacaster.samples.landscape import BANDS, radiance

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUBSYSTEM_BANDS = {"VNIR": BANDS[:3], "SWIR": BANDS[3:9], "TIR": BANDS[9:]}
"""Bands by subsystem."""

RESOLUTION = {"VNIR": 15, "SWIR": 30, "TIR": 90}
"""Pixel size by subsystem, metres."""

# The writer keeps its own table, so that reader and writer cannot share a mistake (ASTER Users Handbook v2, table of
# unit conversion coefficients).
_COEFFICIENTS: Mapping[str, tuple[float | None, ...]] = {
    "HGH": (0.676, 0.708, 0.423, 0.1087, 0.0348, 0.0313, 0.0299, 0.0209, 0.0159),
    "NOR": (1.688, 1.415, 0.862, 0.2174, 0.0696, 0.0625, 0.0597, 0.0417, 0.0318),
    "LOW": (2.25, 1.89, 1.15, 0.290, 0.0925, 0.0830, 0.0795, 0.0556, 0.0424),
    "LO1": (2.25, 1.89, 1.15, 0.290, 0.0925, 0.0830, 0.0795, 0.0556, 0.0424),
    "LO2": (None, None, None, 0.290, 0.409, 0.390, 0.332, 0.245, 0.265),
}
_THERMAL = (0.006882, 0.006780, 0.006590, 0.005693, 0.005225)
_ROWS = 256
_DAY_GAINS = ("HGH", "HGH", "NOR", "NOR", "NOR", "NOR", "NOR", "NOR", "NOR")


def subsystem_of(band: str) -> str:
    """Return the subsystem of a band."""
    return next(name for name, bands in SUBSYSTEM_BANDS.items() if band in bands)


@dataclass(frozen=True, kw_only=True)
class AsterScene:
    """One simulated scene."""

    acquired: dt.datetime
    """Time of acquisition, UTC."""
    produced: dt.datetime
    """Time of production, UTC."""
    zone: int
    """UTM zone, 1 to 60."""
    upper_left: tuple[int, int]
    """(y, x) of the upper-left pixel's centre in the northern zone, metres, multiples of 90; y < 0 in the south."""
    tir_shape: tuple[int, int]
    """Rows and columns of the TIR image; SWIR and VNIR follow."""
    number: int = 10000
    """Last part of the granule name."""
    subsystems: tuple[str, ...] = ("VNIR", "SWIR", "TIR")
    """Subsystems that were on."""
    gains: tuple[str, ...] = _DAY_GAINS
    """Gain of the nine VNIR and SWIR bands."""
    sun_azimuth: float = 45.0
    """Degrees from north."""
    sun_elevation: float = 50.0
    """Degrees; negative at night."""
    pointing: Mapping[str, float] = field(default_factory=lambda: {"VNIR": 5.721, "SWIR": 5.680, "TIR": 5.709})
    """Pointing angle by subsystem, degrees."""
    cloud_cover: int = 3
    """Percent."""
    orbit: int = 15000
    """Absolute orbit number."""
    path_row_view: tuple[int, int, int] = (98, 82, 4)
    """ASTER scene id."""
    direction: str = "DE"
    """``AS`` or ``DE``."""
    rotation: float = 9.0
    """Angle of the imaged rectangle within the north-up frame, degrees; outside it pixels are fill.

    Descending scenes are turned clockwise, ascending ones the other way, as the ground track goes.
    """

    @property
    def name(self) -> str:
        """Name of the version 003 granule."""
        return f"AST_L1T_003{self.acquired:%m%d%Y%H%M%S}_{self.produced:%Y%m%d%H%M%S}_{self.number}"

    @property
    def name_004(self) -> str:
        """Name of the version 004 granule."""
        return f"AST_L1T_004{self.acquired:%m%d%Y%H%M%S}_{self.produced:%Y%m%d%H%M%S}"

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of the subsystems that were on."""
        return tuple(band for name in self.subsystems for band in SUBSYSTEM_BANDS[name])

    @property
    def lower_right(self) -> tuple[int, int]:
        """(y, x) of the centre of the lower-right pixel, the same point for all subsystems."""
        rows, cols = self.tir_shape
        return self.upper_left[0] - 90 * (rows - 1), self.upper_left[1] + 90 * (cols - 1)

    def shape(self, subsystem: str) -> tuple[int, int]:
        """Return rows and columns of an image: corner centres coincide for all subsystems."""
        factor = 90 // RESOLUTION[subsystem]
        rows, cols = self.tir_shape
        return factor * (rows - 1) + 1, factor * (cols - 1) + 1

    def gain(self, band: str) -> str | None:
        """Return the gain code of a band; None for thermal bands, which have one gain."""
        index = BANDS.index(band)
        return self.gains[index] if index < len(self.gains) else None

    def coefficient(self, band: str) -> float:
        """Return the unit conversion coefficient of a band, W m-2 sr-1 um-1 a count."""
        gain = self.gain(band)
        index = BANDS.index(band)
        value = _THERMAL[index - 9] if gain is None else _COEFFICIENTS[gain][index]
        assert value is not None, f"{band} has no gain {gain}"
        return value

    def to_lonlat(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return longitude and latitude of northern-zone UTM coordinates."""
        transformer = Transformer.from_crs(32600 + self.zone, 4326, always_xy=True)
        lon, lat = transformer.transform(x, y)
        return lon, lat

    def pixels(self, band: str) -> NDArray[Any]:
        """Return the stored numbers of a band, made a few rows at a time."""
        subsystem = subsystem_of(band)
        rows, cols = self.shape(subsystem)
        result = np.zeros((rows, cols), dtype="uint16" if subsystem == "TIR" else "uint8")
        for start in range(0, rows, _ROWS):
            stop = min(start + _ROWS, rows)
            result[start:stop] = self._block(band, subsystem, start, stop, cols)
        return result

    def _block(self, band: str, subsystem: str, start: int, stop: int, cols: int) -> NDArray[Any]:
        size = RESOLUTION[subsystem]
        top, left = self.upper_left
        x, y = np.meshgrid(left + size * np.arange(cols), top - size * np.arange(start, stop))
        lon, lat = self.to_lonlat(x, y)
        light = radiance(band, lon, lat, moment=self.acquired, sun_elevation=self.sun_elevation)
        saturated = 4095 if subsystem == "TIR" else 255
        counts = np.clip(np.rint(light / self.coefficient(band)) + 1, 1, saturated)
        return np.where(self._is_imaged(x, y), counts, 0)

    def _is_imaged(self, x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """Tell which pixels lie in the imaged rectangle, whose corners touch the frame."""
        rows, cols = self.tir_shape
        height, width = 90.0 * (rows - 1), 90.0 * (cols - 1)
        angle = math.radians(self.rotation)
        sine, cosine = math.sin(angle), math.cos(angle)
        # Half sides of a rotated rectangle whose bounding box is the frame.
        spread = cosine**2 - sine**2
        half_u = (width * cosine - height * sine) / spread / 2
        half_v = (height * cosine - width * sine) / spread / 2
        dx = x - (self.upper_left[1] + width / 2)
        dy = y - (self.upper_left[0] - height / 2)
        turn = sine if self.direction == "DE" else -sine
        u, v = dx * cosine - dy * turn, dx * turn + dy * cosine
        return np.asarray((np.abs(u) <= half_u + 1e-6) & (np.abs(v) <= half_v + 1e-6))
