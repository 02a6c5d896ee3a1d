"""Images of simulated path-oriented products: where their pixels lie, and what they hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
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

_ROWS = 256

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
    shape: tuple[int, int]
    """Rows and columns."""
    data_type: str
    """NumPy name of the stored type."""
    rows: Callable[[slice], NDArray[Any]]
    """Gives the stored numbers of some rows."""
    scale: float | None = None
    """Physical value of a count."""

    def strips(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the first row and the stored numbers of some rows at a time, from top to bottom."""
        for start in range(0, self.shape[0], _ROWS):
            yield start, self.rows(slice(start, min(start + _ROWS, self.shape[0])))


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


def path_positions(scene: AsterScene, subsystem: str, rows: slice | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return longitude and latitude (geodetic) of every pixel's centre, or of those of some rows."""
    height, cols = path_shape(scene, subsystem)
    part = rows or slice(0, height)
    col, row = np.meshgrid(np.arange(cols) + 0.5, np.arange(part.start, part.stop) + 0.5)
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
    """Return the images of a product; pixels are made when they are asked for."""
    if product == "AST_L1B":
        return [_counts(scene, name, band) for name in scene.subsystems for band in SUBSYSTEM_BANDS[name]]
    if product in SURFACE:
        groups = [name for name in ("VNIR", "SWIR") if name in scene.subsystems]
        return [image for name in groups for image in _surface(scene, product, name, variant)]
    return _thermal(scene, product, variant)


def _surface(scene: AsterScene, product: str, subsystem: str, variant: Variant) -> list[PathImage]:
    swath = f"{SURFACE[product]}{subsystem}"
    day = scene.acquired.timetuple().tm_yday

    def image(band: str) -> PathImage:
        is_reflectance = SURFACE[product] == "SurfaceReflectance"
        scale = 0.001 if is_reflectance else scene.coefficient(band)

        def counts(rows: slice) -> NDArray[Any]:
            lon, lat = path_positions(scene, subsystem, rows)
            if is_reflectance:
                return landscape.reflectance(band, lon, lat, day_of_year=day) / scale
            moment, sun = scene.acquired, scene.sun_elevation
            return landscape.radiance(band, lon, lat, moment=moment, sun_elevation=sun) / scale

        kind, stored = _stored(counts, variant, signed=True)
        number = band[1:].lstrip("0")
        return PathImage(band, swath, f"Band{number}", f"{_FILES[product]}_{subsystem}_{band}", subsystem,
                         path_shape(scene, subsystem), kind, stored, scale)  # fmt: skip

    found = [image(band) for band in SUBSYSTEM_BANDS[subsystem]]
    return found + _quality(scene, swath, subsystem, f"{_FILES[product]}_{subsystem}", f"{subsystem}_")


def _thermal(scene: AsterScene, product: str, variant: Variant) -> list[PathImage]:
    shape, day = path_shape(scene, "TIR"), scene.acquired.timetuple().tm_yday

    def kelvin(lon: NDArray[Any], lat: NDArray[Any]) -> NDArray[Any]:
        return landscape.temperature(lon, lat, day_of_year=day, is_day=scene.sun_elevation > 0)

    if product == "AST_08":
        swath = "SurfaceKineticTemperature"
        kind, stored = _stored(lambda rows: kelvin(*path_positions(scene, "TIR", rows)) * 10, variant, signed=False)
        image = PathImage("SKT", swath, "KineticTemperature", "SKT", "TIR", shape, kind, stored, 0.1)
        return [image, *_quality(scene, swath, "TIR", "SKT", "")]
    swath = "SurfaceEmissivity" if product == "AST_05" else "SurfaceRadianceTIR"

    def made(band: str) -> PathImage:
        scale = 0.001 if product == "AST_05" else scene.coefficient(band)

        def counts(rows: slice) -> NDArray[Any]:
            lon, lat = path_positions(scene, "TIR", rows)
            emissivity = landscape.emissivity(band, lon, lat, day_of_year=day)
            if product == "AST_05":
                return emissivity / scale
            sky = landscape.sky_irradiance(band)
            light = emissivity * landscape.black_body(band, kelvin(lon, lat)) + (1 - emissivity) * sky / math.pi
            return np.asarray(light / scale)

        kind, stored = _stored(counts, variant, signed=False)
        name = f"{_FILES[product]}_TIR_{band}"
        return PathImage(band, swath, f"Band{band[1:]}", name, "TIR", shape, kind, stored, scale)

    found = [made(band) for band in SUBSYSTEM_BANDS["TIR"]]
    if product == "AST_09T":
        found += [_sky(scene, band, swath, variant) for band in SUBSYSTEM_BANDS["TIR"]]
    return [*found, *_quality(scene, swath, "TIR", f"{_FILES[product]}_TIR", "")]


def _sky(scene: AsterScene, band: str, swath: str, variant: Variant) -> PathImage:
    shape, scale = path_shape(scene, "TIR"), scene.coefficient(band)
    value = landscape.sky_irradiance(band) / scale
    kind, stored = _stored(lambda rows: np.full((rows.stop - rows.start, shape[1]), value), variant, signed=False)
    field = variant.sky_field.format(band[1:])
    return PathImage(f"SIR_{band}", swath, field, f"SIR_TIR_{band}", "TIR", shape, kind, stored, scale)


def _stored(
    counts: Callable[[slice], NDArray[Any]], variant: Variant, *, signed: bool
) -> tuple[str, Callable[[slice], NDArray[Any]]]:
    """Return the type and what gives counts as 16-bit numbers, with fill in the first two columns."""
    is_signed = signed if variant.signed is None else variant.signed
    kind, limit = ("int16", 32767) if is_signed else ("uint16", 65535)

    def stored(rows: slice) -> NDArray[Any]:
        found = np.clip(np.rint(counts(rows)), 1, limit)
        found[:, :2] = 0 if variant.fill is None else variant.fill
        return np.asarray(found, dtype=kind)

    return kind, stored


def _counts(scene: AsterScene, subsystem: str, band: str) -> PathImage:
    saturated, kind = (4095, "uint16") if subsystem == "TIR" else (255, "uint8")

    def stored(rows: slice) -> NDArray[Any]:
        lon, lat = path_positions(scene, subsystem, rows)
        light = landscape.radiance(band, lon, lat, moment=scene.acquired, sun_elevation=scene.sun_elevation)
        found = np.clip(np.rint(light / scene.coefficient(band)) + 1, 1, saturated)
        found[:, :2] = 0
        return np.asarray(found, dtype=kind)

    return PathImage(band, f"{subsystem}_Swath", field_name(band), f"{subsystem}_{band}", subsystem,
                     path_shape(scene, subsystem), kind, stored)  # fmt: skip


def _quality(scene: AsterScene, swath: str, subsystem: str, file: str, prefix: str) -> list[PathImage]:
    shape = path_shape(scene, subsystem)

    def first(rows: slice) -> NDArray[Any]:
        found = np.zeros((rows.stop - rows.start, shape[1]), dtype="uint8")
        found[:, :2] = 0b1100
        return found

    def second(rows: slice) -> NDArray[Any]:
        return np.full((rows.stop - rows.start, shape[1]), 3, dtype="uint8")

    return [
        PathImage(f"{prefix}QA_DataPlane{end}", swath, f"QA_DataPlane{end}", f"{file}_QA_DataPlane{end}", subsystem,
                  shape, "uint8", values)
        for end, values in (("", first), ("2", second))
    ]  # fmt: skip
