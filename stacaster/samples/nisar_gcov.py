"""Write simulated NISAR L2 GCOV granules: HDF5 in the form of product specification 1.4."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class NisarScene:
    """One simulated acquisition."""

    start: dt.datetime
    """First moment, UTC."""
    cycle: int = 4
    """Cycle of twelve days."""
    crid: str = "P05023"
    """Composite release id."""
    counter: int = 1
    """Counter of products of one acquisition."""
    epsg: int = 32754
    """CRS."""
    corner: tuple[float, float] = (260_000.0, 6_570_000.0)
    """Easting and northing of the upper-left edge."""
    shape: tuple[int, int] = (300, 320)
    """Rows and columns of frequency A."""
    spacing: float = 20.0
    """Pixel of frequency A, metres; of frequency B four times that."""
    terms: tuple[str, ...] = ("HHHH", "HVHV")
    """Covariance terms."""
    specification: str = "1.4.0"
    """Version of the product specification."""

    @property
    def name(self) -> str:
        """Name of the granule."""
        end = self.start + dt.timedelta(seconds=23)
        return (
            f"NISAR_L2_PR_GCOV_{self.cycle:03d}_113_D_065_2005_DHDH_A_{self.start:%Y%m%dT%H%M%S}_{end:%Y%m%dT%H%M%S}_"
            f"{self.crid}_N_F_J_{self.counter:03d}"
        )


DEFAULT_SCENES = tuple(
    NisarScene(
        start=dt.datetime(2026, 7, 1, 1, 5, 37, tzinfo=dt.UTC) + dt.timedelta(days=12 * number), cycle=4 + number
    )
    for number in range(3)
)
"""Three acquisitions of one frame, a cycle apart."""


def power(scene: NisarScene, term: str, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float32]:
    """Return gamma0 at places, linear power, from smooth fields and a speckle that the place and the cycle fix."""
    level = {"HHHH": 0.12, "HVHV": 0.03, "VVVV": 0.11, "VHVH": 0.03}.get(term, 0.08)
    smooth = level * (1.2 + 0.5 * np.sin(x / 900.0) * np.cos(y / 700.0) + 0.1 * np.cos(scene.cycle))
    noise = np.random.default_rng(scene.cycle * 100 + len(term)).gamma(4.0, 0.25, smooth.shape)
    return np.asarray(smooth * noise, dtype="float32")


def write_nisar_gcov(scene: NisarScene, directory: Path) -> Path:
    """Write one granule.

    Args:
        scene: The acquisition.
        directory: Folder that exists.
    """
    path = directory / f"{scene.name}.h5"
    path.unlink(missing_ok=True)
    # Without times of objects the same scene gives the same bytes.
    with h5py.File(path, "w", track_order=False) as file:
        _identification(file.create_group("science/LSAR/identification"), scene)
        for letter, factor in (("A", 1), ("B", 4)):
            _frequency(file.create_group(f"science/LSAR/GCOV/grids/frequency{letter}"), scene, factor)
    return path


def _identification(group: Any, scene: NisarScene) -> None:
    end = scene.start + dt.timedelta(seconds=23)
    texts = {
        "missionId": "SIMULATED", "productType": "GCOV", "granuleId": scene.name, "productVersion": "1.0.0",
        "productSpecificationVersion": scene.specification, "lookDirection": "Left",
        "orbitPassDirection": "Descending", "radarBand": "L", "isGeocoded": "True", "productLevel": "L2",
        "zeroDopplerStartTime": f"{scene.start:%Y-%m-%dT%H:%M:%S}.000000000",
        "zeroDopplerEndTime": f"{end:%Y-%m-%dT%H:%M:%S}.000000000", "compositeReleaseId": scene.crid,
    }  # fmt: skip
    for name, text in texts.items():
        group.create_dataset(name, data=np.bytes_(text))
    # One byte before specification 1.2.
    kind = "u1" if scene.specification < "1.2" else "u4"
    group.create_dataset("trackNumber", data=np.array(113, dtype=kind))
    group.create_dataset("frameNumber", data=np.array(65, dtype="u2"))
    group.create_dataset("absoluteOrbitNumber", data=np.array(1000 + 173 * scene.cycle, dtype="u4"))


def _frequency(group: Any, scene: NisarScene, factor: int) -> None:
    rows, cols = (size // factor for size in scene.shape)
    step = scene.spacing * factor
    # Coordinates are pixel centres.
    x = scene.corner[0] + step * (np.arange(cols) + 0.5)
    y = scene.corner[1] - step * (np.arange(rows) + 0.5)
    group.create_dataset("xCoordinates", data=x)
    group.create_dataset("yCoordinates", data=y)
    group.create_dataset("xCoordinateSpacing", data=step)
    group.create_dataset("yCoordinateSpacing", data=-step)
    group.create_dataset("projection", data=np.array(scene.epsg, dtype="u4")).attrs["epsg_code"] = scene.epsg
    group.create_dataset("listOfCovarianceTerms", data=np.array(scene.terms, dtype="S4"))
    group.create_dataset("numberOfSubSwaths", data=np.array(2, dtype="u1"))
    east, north = np.meshgrid(x, y)
    outside = (east - x[0]) + (north - y[-1]) < 0.08 * (x[-1] - x[0])
    for term in scene.terms:
        is_complex = term[:2] != term[2:]
        values = power(scene, term, east, north)
        values[outside] = np.nan
        _image(group, term, values.astype("complex64") if is_complex else values, np.nan)
    _image(group, "numberOfLooks", np.where(outside, np.nan, 12.0).astype("float32"), np.nan)
    _image(group, "rtcGammaToSigmaFactor", np.where(outside, np.nan, 0.9).astype("float32"), np.nan)
    _image(group, "mask", np.where(outside, 255, np.where(east < x.mean(), 1, 2)).astype("uint8"), 255)
    if factor > 1:
        # As in real files: an array of the other frequency's shape.
        group.create_dataset("inputDataExceptionMask", data=np.zeros(scene.shape, dtype="uint8"))


def _image(group: Any, name: str, values: NDArray[Any], fill: float) -> None:
    chunks = tuple(min(512, size) for size in values.shape)
    image = group.create_dataset(name, data=values, chunks=chunks, compression="gzip", compression_opts=1, shuffle=True)
    image.attrs["_FillValue"] = np.array(fill, dtype=values.dtype)
    image.attrs["grid_mapping"] = np.bytes_("projection")
    image.attrs["units"] = np.bytes_("1")
