"""Write simulated Sentinel-1 products, small: SAFE archives of SLC and GRD, and single bursts."""

from __future__ import annotations

import datetime as dt
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.control import GroundControlPoint
from rasterio.io import MemoryFile

from stacaster.model import GridPoint
from stacaster.samples import safe_text
from stacaster.samples.sentinel1_scene import BURSTS, LINES, NEAR_RANGE, SAMPLES, Sentinel1Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray


_GRD_SHAPE = (90, 120)
_SWATH = 12_000.0
_STEPS = (7, 9)


DEFAULT_SCENES = tuple(
    Sentinel1Scene(
        start=dt.datetime(2023, 11, 20, 20, 10, 5, tzinfo=dt.UTC) + dt.timedelta(days=12 * number),
        number=number + 1, radial=radial, across=across,
    )
    for number, (radial, across) in enumerate(((0.0, 0.0), (30.0, 60.0), (-20.0, 45.0), (10.0, -80.0)))
)  # fmt: skip
"""Four acquisitions of one frame, twelve days apart, from the end of November to the end of December."""


def images(scene: Sentinel1Scene, kind: str) -> list[dict[str, Any]]:
    """Return the images of a product: name, swath, polarisation, shape, bursts and grid of positions."""
    swaths = ("IW1", "IW2", "IW3") if kind == "SLC" else ("IW",)
    found: list[dict[str, Any]] = []
    for index, swath in enumerate(swaths):
        shape = (BURSTS * LINES, SAMPLES) if kind == "SLC" else _GRD_SHAPE
        near = NEAR_RANGE + (index * _SWATH if kind == "SLC" else 0.0)
        far = near + (_SWATH if kind == "SLC" else 3 * _SWATH)
        grid = positions(scene, shape, near, far)
        for polarization in scene.polarizations:
            number = len(found) + 1
            name = f"s1{scene.unit}-{swath}-{kind}-{polarization}-{scene.start:%Y%m%dt%H%M%S}-"
            name += f"{scene.end:%Y%m%dt%H%M%S}-{scene.absolute_orbit:06d}-{scene.number:06x}-{number:03d}"
            found.append({"name": name.lower(), "swath": swath, "polarization": polarization, "shape": shape,
                          "grid": grid, "near": near, "far": far, "kind": kind})  # fmt: skip
    return found


def positions(scene: Sentinel1Scene, shape: tuple[int, int], near: float, far: float) -> list[GridPoint]:
    """Return places of some pixels of an image; the first and last line and sample are among them."""
    orbit, first = scene.orbit()
    rows = np.unique(np.append(np.arange(0, shape[0] - 1, max(1, shape[0] // _STEPS[0])), shape[0] - 1))
    if shape[0] == BURSTS * LINES:
        rows = np.array([*range(0, shape[0], LINES), shape[0] - 1])
    cols = np.unique(np.linspace(0, shape[1] - 1, _STEPS[1]).astype(int))
    lines, pixels = (part.ravel() for part in np.meshgrid(rows, cols, indexing="ij"))
    seconds = first + scene.seconds * lines / (shape[0] - 1)
    ranges = near + (far - near) * pixels / (shape[1] - 1)
    place = orbit.ground(seconds, ranges)
    rows_of = zip(lines, pixels, place, strict=True)
    return [GridPoint(float(line), float(pixel), float(p[0]), float(p[1]), 0.0) for line, pixel, p in rows_of]


def pixels_of(scene: Sentinel1Scene, image: dict[str, Any]) -> NDArray[Any]:
    """Return the numbers of an image: speckle that the acquisition fixes, and a dark edge of no data."""
    rows, cols = image["shape"]
    chance = np.random.default_rng((scene.number, rows, ord(image["polarization"][-1]), ord(image["swath"][-1])))
    level = 220.0 if image["polarization"] in ("VV", "HH") else 90.0
    smooth = (
        level * (1 + 0.3 * np.sin(np.arange(cols) / 9.0))[None, :] * (1 + 0.2 * np.cos(np.arange(rows) / 11.0))[:, None]
    )
    if image["kind"] == "SLC":
        parts = smooth[..., None] * chance.standard_normal((rows, cols, 2)) / 1.5
        return np.clip(np.rint(parts), -32_000, 32_000).astype("int16")
    amplitude = smooth * np.sqrt(chance.standard_gamma(4.0, (rows, cols)) / 4)
    values = np.clip(np.rint(amplitude), 1, 65_535).astype("uint16")
    values[:, :2] = 0
    return values


def write_safe(scene: Sentinel1Scene, directory: Path, *, kind: str = "SLC") -> Path:
    """Write one product as a zip archive.

    Args:
        scene: The acquisition.
        directory: Folder that exists.
        kind: ``SLC`` or ``GRD``.
    """
    name = scene.name(kind)
    files: dict[str, bytes] = {}
    notes = []
    for image in images(scene, kind):
        files[f"annotation/{image['name']}.xml"] = safe_text.annotation(scene, image).encode()
        files[f"measurement/{image['name']}.tiff"] = tiff(pixels_of(scene, image), image)
        notes.append(image)
    manifest = safe_text.manifest(scene, kind, files, notes[0]["grid"] + notes[-1]["grid"])
    path = directory / f"{name}.zip"
    path.unlink(missing_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, content in {"manifest.safe": manifest.encode(), **files}.items():
            # A fixed time: the same scene gives the same bytes.
            entry = zipfile.ZipInfo(f"{name}.SAFE/{place}", date_time=(2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return path


def write_burst(
    scene: Sentinel1Scene, directory: Path, *, swath: int = 2, burst: int = 1, polarization: str = "VV"
) -> tuple[Path, Path]:
    """Write one burst: a GeoTIFF of complex numbers and its metadata."""
    image = next(
        part for part in images(scene, "SLC") if (part["swath"], part["polarization"]) == (f"IW{swath}", polarization)
    )
    whole = pixels_of(scene, image)
    name = scene.burst_name(swath, burst, polarization)
    path, note = directory / f"{name}.tiff", directory / f"{name}.xml"
    path.write_bytes(tiff(whole[burst * LINES : (burst + 1) * LINES], {**image, "grid": []}))
    text = safe_text.burst(scene, image, images(scene, "SLC")[0]["grid"])
    note.write_text(text, encoding="utf-8")
    return path, note


def tiff(values: NDArray[Any], image: dict[str, Any]) -> bytes:
    """Return a GeoTIFF of an image with the control points that real ones have."""
    is_complex = values.ndim == 3
    fields = {
        "driver": "GTiff", "width": values.shape[1], "height": values.shape[0], "count": 1,
        "dtype": "complex_int16" if is_complex else "uint16",
    }  # fmt: skip
    if image["grid"]:
        fields |= {"crs": "EPSG:4326", "gcps": [
            GroundControlPoint(row=p.line, col=p.pixel, x=p.longitude, y=p.latitude, z=p.height) for p in image["grid"]
        ]}  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**fields) as dataset:
            dataset.write(values[..., 0] + 1j * values[..., 1] if is_complex else values, 1)
            dataset.update_tags(TIFFTAG_IMAGEDESCRIPTION="Sentinel-1 simulated")
        return bytes(memory.read())


def moved(scene: Sentinel1Scene, **changes: Any) -> Sentinel1Scene:
    """Return another acquisition."""
    return replace(scene, **changes)
