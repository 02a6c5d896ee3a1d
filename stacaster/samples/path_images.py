"""Images of simulated path-oriented products: where their pixels lie, and what they hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine

from stacaster.samples import landscape
from stacaster.samples.aster_l1t_003 import field_name
from stacaster.samples.scene import RESOLUTION, SUBSYSTEM_BANDS, AsterScene

if TYPE_CHECKING:
    from numpy.typing import NDArray

LATTICE = 11
SURFACE = {"AST_07": "SurfaceReflectance", "AST_07XT": "SurfaceReflectance", "AST_09": "SurfaceRadiance",
            "AST_09XT": "SurfaceRadiance"}  # fmt: skip
_FILES = {"AST_07": "SRF", "AST_07XT": "SRF", "AST_09": "SRA", "AST_09XT": "SRA", "AST_05": "SRE", "AST_08": "SKT",
          "AST_09T": "SRA", "AST_L1B": ""}  # fmt: skip

PATH_PRODUCTS = tuple(_FILES)
"""Products that can be written."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What real files may turn out to be: each unknown of the format, either way."""

    signed: bool | None = None
    """Store 16-bit numbers signed or unsigned; None takes the likelier."""
    fill: int | None = None
    """Fill value, stated by the file; None fills with 0 and states nothing."""
    last_on_pixel: bool = False
    """Put the last positions on the last pixels instead of one step beyond."""
    sky_field: str = "SkyIrradianceBand{}"
    """Name of the fields of sky irradiance."""
    scale_attribute: bool = False
    """State the scale as an attribute of each image."""
    vgroups: bool = True
    """Write the groups of the swaths."""
    bend: float = 0.0
    """Metres by which positions leave the grid in the middle of the image."""
    omit_lattice: bool = False
    """Leave out the positions."""


@dataclass(frozen=True)
class PathImage:
    """One image of a product."""

    band: str
    """Asset key."""
    swath: str
    """Swath in the HDF file."""
    field: str
    """Field in the HDF file."""
    file: str
    """End of the name of a version 004 file."""
    subsystem: str
    """``VNIR``, ``SWIR`` or ``TIR``."""
    values: NDArray[Any]
    """Stored numbers."""
    scale: float | None = None
    """Physical value of a count."""


def path_transform(scene: AsterScene, subsystem: str, *, south: bool = False) -> Affine:
    """Return the rotated geotransform of a path-oriented image; rows run along the ground track.

    Args:
        scene: Its upper-left corner is that of the image, its rotation that of the path.
        subsystem: ``VNIR``, ``SWIR`` or ``TIR``.
        south: Coordinates of the southern zone instead of the northern one.
    """
    top, left = scene.upper_left
    angle = math.radians(-scene.rotation if scene.direction == "DE" else scene.rotation)
    size = RESOLUTION[subsystem]
    cosine, sine = size * math.cos(angle), size * math.sin(angle)
    return Affine(cosine, sine, left, sine, -cosine, top + (10_000_000 if south else 0))


def path_shape(scene: AsterScene, subsystem: str) -> tuple[int, int]:
    """Return rows and columns: those of TIR rounded down to tens, times the ratio of the pixel sizes."""
    factor = 90 // RESOLUTION[subsystem]
    rows, cols = (size // 10 * 10 for size in scene.tir_shape)
    return rows * factor, cols * factor


def path_positions(scene: AsterScene, subsystem: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return longitude and latitude (geodetic) of every pixel's centre."""
    rows, cols = path_shape(scene, subsystem)
    col, row = np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5)
    x, y = transformed(path_transform(scene, subsystem), col, row)
    lon, lat = scene.to_lonlat(x, y)
    return lon, lat


def granule_name(scene: AsterScene, product: str, version: str = "003") -> str:
    """Return the name of a granule."""
    end = f"_{scene.number}" if version == "003" else ""
    return f"{product}_{version}{scene.acquired:%m%d%Y%H%M%S}_{scene.produced:%Y%m%d%H%M%S}{end}"


def transformed(transform: Affine, col: Any, row: Any) -> tuple[Any, Any]:
    """Return map coordinates of pixel coordinates."""
    return (transform.a * col + transform.b * row + transform.c, transform.d * col + transform.e * row + transform.f)


def path_lattice(scene: AsterScene, subsystem: str, variant: Variant) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return geodetic latitude and longitude of 11 x 11 pixel centres."""
    rows, cols = (size - 1 if variant.last_on_pixel else size for size in path_shape(scene, subsystem))
    col, row = np.meshgrid(np.linspace(0, cols, LATTICE) + 0.5, np.linspace(0, rows, LATTICE) + 0.5)
    x, y = transformed(path_transform(scene, subsystem), col, row)
    along = np.linspace(-1, 1, LATTICE)
    x = x + variant.bend * np.cos(np.pi / 2 * along)[None, :]
    lon, lat = scene.to_lonlat(x, y)
    return lat, lon


def path_images(scene: AsterScene, product: str, variant: Variant) -> list[PathImage]:
    """Return the images of a product."""
    if product == "AST_L1B":
        return [
            PathImage(band, f"{name}_Swath", field_name(band), f"{name}_{band}", name, _counts(scene, band))
            for name in scene.subsystems for band in SUBSYSTEM_BANDS[name]
        ]  # fmt: skip
    if product in SURFACE:
        groups = [name for name in ("VNIR", "SWIR") if name in scene.subsystems]
        return [image for name in groups for image in _surface(scene, product, name, variant)]
    return _thermal(scene, product, variant)


def _surface(scene: AsterScene, product: str, subsystem: str, variant: Variant) -> list[PathImage]:
    swath = f"{SURFACE[product]}{subsystem}"
    lon, lat = path_positions(scene, subsystem)
    day = scene.acquired.timetuple().tm_yday
    found = []
    for band in SUBSYSTEM_BANDS[subsystem]:
        if SURFACE[product] == "SurfaceReflectance":
            values, scale = landscape.reflectance(band, lon, lat, day_of_year=day), 0.001
        else:
            scale = scene.coefficient(band)
            values = landscape.radiance(band, lon, lat, moment=scene.acquired, sun_elevation=scene.sun_elevation)
        stored = _stored(values / scale, variant, signed=True)
        number = band[1:].lstrip("0")
        found.append(
            PathImage(band, swath, f"Band{number}", f"{_FILES[product]}_{subsystem}_{band}", subsystem, stored, scale)
        )
    return found + _quality(scene, swath, subsystem, f"{_FILES[product]}_{subsystem}", f"{subsystem}_")


def _thermal(scene: AsterScene, product: str, variant: Variant) -> list[PathImage]:
    lon, lat = path_positions(scene, "TIR")
    day = scene.acquired.timetuple().tm_yday
    kelvin = landscape.temperature(lon, lat, day_of_year=day, is_day=scene.sun_elevation > 0)
    if product == "AST_08":
        swath = "SurfaceKineticTemperature"
        image = PathImage(
            "SKT", swath, "KineticTemperature", "SKT", "TIR", _stored(kelvin * 10, variant, signed=False), 0.1
        )
        return [image, *_quality(scene, swath, "TIR", "SKT", "")]
    swath = "SurfaceEmissivity" if product == "AST_05" else "SurfaceRadianceTIR"
    found: list[PathImage] = []
    for band in SUBSYSTEM_BANDS["TIR"]:
        emissivity = landscape.emissivity(band, lon, lat, day_of_year=day)
        if product == "AST_05":
            values, scale = emissivity, 0.001
        else:
            scale = scene.coefficient(band)
            sky = landscape.sky_irradiance(band)
            values = emissivity * landscape.black_body(band, kelvin) + (1 - emissivity) * sky / math.pi
        name = f"{_FILES[product]}_TIR_{band}"
        stored = _stored(values / scale, variant, signed=False)
        found.append(PathImage(band, swath, f"Band{band[1:]}", name, "TIR", stored, scale))
    if product == "AST_09T":
        for band in SUBSYSTEM_BANDS["TIR"]:
            scale = scene.coefficient(band)
            values = np.full(kelvin.shape, landscape.sky_irradiance(band) / scale)
            field = variant.sky_field.format(band[1:])
            found.append(PathImage(f"SIR_{band}", swath, field, f"SIR_TIR_{band}", "TIR",
                                _stored(values, variant, signed=False), scale))  # fmt: skip
    return [*found, *_quality(scene, swath, "TIR", f"{_FILES[product]}_TIR", "")]


def _stored(counts: NDArray[Any], variant: Variant, *, signed: bool) -> NDArray[Any]:
    """Return counts as 16-bit numbers, with fill in the first two columns."""
    is_signed = signed if variant.signed is None else variant.signed
    limit = 32767 if is_signed else 65535
    found = np.clip(np.rint(counts), 1, limit)
    found[:, :2] = 0 if variant.fill is None else variant.fill
    return np.asarray(found, dtype="int16" if is_signed else "uint16")


def _counts(scene: AsterScene, band: str) -> NDArray[Any]:
    subsystem = next(name for name, bands in SUBSYSTEM_BANDS.items() if band in bands)
    lon, lat = path_positions(scene, subsystem)
    light = landscape.radiance(band, lon, lat, moment=scene.acquired, sun_elevation=scene.sun_elevation)
    saturated = 4095 if subsystem == "TIR" else 255
    found = np.clip(np.rint(light / scene.coefficient(band)) + 1, 1, saturated)
    found[:, :2] = 0
    return np.asarray(found, dtype="uint16" if subsystem == "TIR" else "uint8")


def _quality(scene: AsterScene, swath: str, subsystem: str, file: str, prefix: str) -> list[PathImage]:
    rows, cols = path_shape(scene, subsystem)
    first = np.zeros((rows, cols), dtype="uint8")
    first[:, :2] = 0b1100
    second = np.full((rows, cols), 3, dtype="uint8")
    return [
        PathImage(
            f"{prefix}QA_DataPlane{end}", swath, f"QA_DataPlane{end}", f"{file}_QA_DataPlane{end}", subsystem, values
        )
        for end, values in (("", first), ("2", second))
    ]
