"""What one simulated ASTER scene is: time, place, gains and sun, and the numbers of its pixels.

Sources: ASTER Users Handbook v2 (Abrams, Hook, Ramachandran 2002) for the unit conversion coefficients and the rule that a
stored number is 1 + radiance / coefficient; LP DAAC product pages for names and for the end of SWIR.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import Transformer

from stacaster.errors import UsageError
from stacaster.samples.landscape import cover_at, radiance

if TYPE_CHECKING:
    from numpy.typing import NDArray

BANDS = {
    "VNIR": ("B01", "B02", "B03N"),
    "SWIR": ("B04", "B05", "B06", "B07", "B08", "B09"),
    "TIR": ("B10", "B11", "B12", "B13", "B14"),
}
"""Bands by subsystem, in the order of the file."""

RESOLUTION = {"VNIR": 15, "SWIR": 30, "TIR": 90}
"""Pixel size, metres."""

SWIR_CUTOFF = dt.datetime(2008, 4, 1, tzinfo=dt.UTC)
"""From this day the SWIR detectors are too warm; every valid SWIR pixel of a simulated scene is saturated."""

_REFLECTIVE = BANDS["VNIR"] + BANDS["SWIR"]
_COEFFICIENTS: dict[str, tuple[float | None, ...]] = {
    "HGH": (0.676, 0.708, 0.423, 0.1087, 0.0348, 0.0313, 0.0299, 0.0209, 0.0159),
    "NOR": (1.688, 1.415, 0.862, 0.2174, 0.0696, 0.0625, 0.0597, 0.0417, 0.0318),
    "LOW": (2.25, 1.89, 1.15, 0.290, 0.0925, 0.0830, 0.0795, 0.0556, 0.0424),
    "LO1": (2.25, 1.89, 1.15, 0.290, 0.0925, 0.0830, 0.0795, 0.0556, 0.0424),
    "LO2": (None, None, None, 0.290, 0.409, 0.390, 0.332, 0.245, 0.265),
}
_THERMAL = dict(zip(BANDS["TIR"], (0.006882, 0.006780, 0.006590, 0.005693, 0.005225), strict=True))
_BLOCK_PIXELS = 1 << 18


@dataclass(frozen=True, kw_only=True)
class AsterScene:
    """One simulated scene. A value that cannot be is refused with UsageError."""

    acquired: dt.datetime
    """Acquisition, aware."""
    produced: dt.datetime
    """Production, aware."""
    zone: int
    """UTM zone, 1 to 60; always the northern one."""
    upper_left: tuple[float, float]
    """(y, x) of the centre of the upper-left pixel, metres, multiples of 90; y is negative south of the equator."""
    tir_shape: tuple[int, int] = (61, 71)
    """Rows and columns of TIR, at least 2; SWIR has 3 (n - 1) + 1 and VNIR 6 (n - 1) + 1."""
    subsystems: tuple[str, ...] = ("VNIR", "SWIR", "TIR")
    """Subsystems that were on."""
    gains: tuple[str, ...] = ("HGH", "HGH", "NOR", "NOR", "NOR", "NOR", "NOR", "NOR", "NOR")
    """Gains of bands 1, 2, 3N, 4 to 9: HGH, NOR, LOW, LO1, LO2 (4 to 9 only), OFF (subsystem off)."""
    sun_azimuth: float = 48.66
    """Degrees from north."""
    sun_elevation: float = 58.32
    """Degrees above the horizon."""
    pointing: tuple[float, float, float] = (5.721, 5.680, 5.709)
    """Pointing angles of VNIR, SWIR and TIR, degrees."""
    cloud_cover: int = 0
    """Percent, in the metadata only: no cloud is drawn."""
    orbit: int = 1
    """Absolute orbit number."""
    path_row_view: tuple[int, int, int] = (97, 82, 4)
    """ASTER scene id."""
    is_night: bool = False
    """Day/night flag."""
    flying_direction: str = "DE"
    """DE (descending, by day) or AS (ascending)."""
    number: int = 1
    """Last part of the V003 name."""
    rotation: float = 10.0
    """How far the valid data are turned clockwise within the frame, degrees; the corners of the frame are fill."""
    correction: str = "Terrain+Precision"
    """Level of correction that was reached."""
    gcp_chips: int = 23
    """Ground control chips that correlated."""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def name_v003(self) -> str:
        """Granule name of version 003, without suffix: ``AST_L1T_003MMDDYYYYhhmmss_YYYYMMDDhhmmss_N``."""
        return f"AST_L1T_003{self._times}_{self.number}"

    @property
    def name_v004(self) -> str:
        """Granule name of version 004: ``AST_L1T_004MMDDYYYYhhmmss_YYYYMMDDhhmmss``."""
        return f"AST_L1T_004{self._times}"

    @property
    def _times(self) -> str:
        acquired, produced = self.acquired.astimezone(dt.UTC), self.produced.astimezone(dt.UTC)
        return f"{acquired:%m%d%Y%H%M%S}_{produced:%Y%m%d%H%M%S}"

    @property
    def day_of_year(self) -> int:
        """Day of the year of the acquisition in UTC."""
        return self.acquired.astimezone(dt.UTC).timetuple().tm_yday

    @property
    def swir_is_unusable(self) -> bool:
        """Whether the scene is of the time after the SWIR detectors became too warm."""
        return self.acquired >= SWIR_CUTOFF

    @property
    def corners(self) -> dict[str, tuple[float, float]]:
        """(y, x) of the centres of the corner pixels in metres, by UPPERLEFT, UPPERRIGHT, LOWERLEFT, LOWERRIGHT."""
        (top, left), (rows, cols) = self.upper_left, self.tir_shape
        bottom, right = top - 90.0 * (rows - 1), left + 90.0 * (cols - 1)
        return {
            "UPPERLEFT": (float(top), float(left)),
            "UPPERRIGHT": (float(top), right),
            "LOWERLEFT": (bottom, float(left)),
            "LOWERRIGHT": (bottom, right),
        }

    def shape(self, subsystem: str) -> tuple[int, int]:
        """Return rows and columns of the images of a subsystem."""
        factor = 90 // RESOLUTION[subsystem]
        return factor * (self.tir_shape[0] - 1) + 1, factor * (self.tir_shape[1] - 1) + 1

    def gain(self, band: str) -> str:
        """Return the gain code of a band: OFF when its subsystem was off, NOR for every TIR band that was on."""
        if subsystem_of(band) not in self.subsystems:
            return "OFF"
        return self.gains[_REFLECTIVE.index(band)] if band in _REFLECTIVE else "NOR"

    def unit_conversion(self, band: str) -> float:
        """Return the unit conversion coefficient of a band, W m-2 sr-1 um-1 a count; UsageError when it was off."""
        code = self.gain(band)
        found = _THERMAL.get(band) if code == "NOR" else None
        if found is None and band in _REFLECTIVE and code in _COEFFICIENTS:
            found = _COEFFICIENTS[code][_REFLECTIVE.index(band)]
        if found is None:
            raise UsageError(f"band {band} has no coefficient at gain {code}")
        return found


def upper_left_around(lon: float, lat: float, *, zone: int, tir_shape: tuple[int, int]) -> tuple[float, float]:
    """Return an ``AsterScene.upper_left`` that puts the centre of a scene within 100 m of a place.

    Args:
        lon: Longitude, degrees.
        lat: Latitude, degrees.
        zone: UTM zone.
        tir_shape: Rows and columns of TIR.
    """
    x, y = _to_wgs84(zone).transform(lon, lat, direction="INVERSE")
    rows, cols = tir_shape
    return 90.0 * (round(y / 90) + (rows - 1) // 2), 90.0 * (round(x / 90) - (cols - 1) // 2)


def subsystem_of(band: str) -> str:
    """Return VNIR, SWIR or TIR; UsageError for an unknown band."""
    for subsystem, bands in BANDS.items():
        if band in bands:
            return subsystem
    raise UsageError(f"band is {band!r}, but only {', '.join(name for names in BANDS.values() for name in names)} exist")


def lonlat(scene: AsterScene, subsystem: str, rows: Any, columns: Any) -> tuple[Any, Any]:
    """Return longitude and latitude (WGS 84, degrees) of pixel centres.

    Args:
        scene: The scene.
        subsystem: VNIR, SWIR or TIR.
        rows: Row numbers from 0, number or array; fractions are allowed.
        columns: Column numbers from 0, of the same shape.
    """
    (top, left), step = scene.upper_left, RESOLUTION[subsystem]
    x, y = left + step * np.asarray(columns, dtype=np.float64), top - step * np.asarray(rows, dtype=np.float64)
    return _to_wgs84(scene.zone).transform(x, y)  # type: ignore[no-any-return]


def digital_numbers(scene: AsterScene, band: str, lon: Any, lat: Any) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return what a band stores for places, as if all of them were inside the footprint.

    The number is 1 + radiance / coefficient, rounded to the nearest whole number; 1 is no radiance. What reaches 255
    (VNIR, SWIR) or 4095 (TIR) is saturated and stored as that. SWIR is all saturated from 2008-04-01 on.

    Args:
        scene: The scene.
        band: ``B01`` to ``B14``.
        lon: Longitude in degrees (WGS 84), number or array.
        lat: Latitude in degrees, of the same shape.
    """
    return _numbers(scene, (band,), lon, lat)[0]


def band_pixels(scene: AsterScene, band: str) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the pixels of a band: ``digital_numbers`` within the footprint and 0 outside.

    Returns:
        Array of shape ``scene.shape(subsystem)``; uint8 for VNIR and SWIR, uint16 for TIR.
    """
    return pixels(scene, (band,))[band]


def pixels(scene: AsterScene, bands: tuple[str, ...]) -> dict[str, NDArray[np.uint8] | NDArray[np.uint16]]:
    """Return the pixels of bands of one subsystem, which share the work; see ``band_pixels``."""
    subsystem = subsystem_of(bands[0])
    rows, cols = scene.shape(subsystem)
    kind = np.uint16 if subsystem == "TIR" else np.uint8
    made: dict[str, Any] = {band: np.zeros((rows, cols), dtype=kind) for band in bands}
    step = max(1, _BLOCK_PIXELS // cols)
    for start in range(0, rows, step):
        row, column = np.mgrid[start : min(rows, start + step), 0:cols]
        inside = _inside(scene, subsystem, row, column)
        values = _numbers(scene, bands, *lonlat(scene, subsystem, row[inside], column[inside]))
        for band, numbers in zip(bands, values, strict=True):
            made[band][start : start + step][inside] = numbers
    return made


def _numbers(scene: AsterScene, bands: tuple[str, ...], lon: Any, lat: Any) -> list[Any]:
    subsystem = subsystem_of(bands[0])
    kind, highest = (np.uint16, 4095) if subsystem == "TIR" else (np.uint8, 255)
    if subsystem == "SWIR" and scene.swir_is_unusable:
        return [np.full(np.shape(lon), highest, dtype=kind) for _ in bands]
    day = scene.day_of_year
    cover = cover_at(lon, lat, day_of_year=day)
    values = []
    for band in bands:
        sent = radiance(cover, band, day_of_year=day, sun_elevation=scene.sun_elevation, is_night=scene.is_night)
        values.append(np.clip(np.rint(1.0 + sent / scene.unit_conversion(band)), 1, highest).astype(kind))
    return values


def _inside(scene: AsterScene, subsystem: str, row: Any, column: Any) -> Any:
    """Tell which pixel centres lie in the turned rectangle that just fits into the outer edges of the TIR frame."""
    (rows, cols), step = scene.tir_shape, RESOLUTION[subsystem]
    east = step * column - 45.0 * (cols - 1)
    north = 45.0 * (rows - 1) - step * row
    cos, sin = math.cos(math.radians(scene.rotation)), math.sin(math.radians(scene.rotation))
    half_width, half_height = _half_sides(scene)
    return (np.abs(east * cos - north * sin) <= half_width) & (np.abs(east * sin + north * cos) <= half_height)


def _half_sides(scene: AsterScene) -> tuple[float, float]:
    height, width = (45.0 * size for size in scene.tir_shape)
    angle = math.radians(abs(scene.rotation))
    cos, sin = math.cos(angle), math.sin(angle)
    return (width * cos - height * sin) / math.cos(2 * angle), (height * cos - width * sin) / math.cos(2 * angle)


@functools.lru_cache(maxsize=64)
def _to_wgs84(zone: int) -> Transformer:
    return Transformer.from_crs(f"EPSG:{32600 + zone}", "EPSG:4326", always_xy=True)


def _check(scene: AsterScene) -> None:
    known = set(scene.subsystems) <= set(BANDS) and scene.subsystems and len(scene.gains) == len(_REFLECTIVE)
    codes = {*_COEFFICIENTS, "OFF"}
    problems = {
        "acquired and produced need a time zone": scene.acquired.tzinfo is None or scene.produced.tzinfo is None,
        f"UTM zone {scene.zone} does not exist": not 1 <= scene.zone <= 60,
        f"upper_left {scene.upper_left} is not a multiple of 90 m": any(value % 90 for value in scene.upper_left),
        f"tir_shape {scene.tir_shape} has less than 2 rows or columns": min(scene.tir_shape) < 2,
        f"subsystems {scene.subsystems} or gains {scene.gains} are not complete or not known": not known
        or not set(scene.gains) <= codes,
        f"flying_direction is {scene.flying_direction!r}, not AS or DE": scene.flying_direction not in ("AS", "DE"),
        f"rotation {scene.rotation} leaves no valid data": abs(scene.rotation) >= 45 or min(_half_sides(scene)) <= 0,
    }
    for text, is_wrong in problems.items():
        if is_wrong:
            raise UsageError(text)
    for subsystem in scene.subsystems:
        for band in BANDS[subsystem]:
            scene.unit_conversion(band)
