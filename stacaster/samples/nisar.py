"""Write simulated NISAR granules: HDF5 in the form of the product specifications, whole rows of chunks at a time."""

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
    """One simulated acquisition, or pair of acquisitions."""

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
    kind: str = "GCOV"
    """``GCOV``, ``GSLC``, ``GUNW`` or ``GOFF``; ``RSLC`` of level 1."""
    polarizations: tuple[str, ...] = ("HH", "HV")
    """Polarisations of other products than GCOV."""
    band: str = "L"
    """``L`` or ``S``."""
    page_bytes: int | None = None
    """Size of the pages of the file, as real files have them (4 MiB); None writes without pages."""

    @property
    def is_pair(self) -> bool:
        """Whether the product is of two acquisitions."""
        return self.kind in ("GUNW", "GOFF")

    @property
    def second(self) -> dt.datetime:
        """First moment of the second acquisition of a pair."""
        return self.start + dt.timedelta(days=12)

    @property
    def name(self) -> str:
        """Name of the granule."""
        begin = f"NISAR_{self.band}{1 if self.kind == 'RSLC' else 2}_PR_{self.kind}_{self.cycle:03d}_113_D_065"
        end = f"{self.crid}_N_F_J_{self.counter:03d}"
        first = _span(self.start)
        if self.is_pair:
            return f"{begin}_{self.cycle + 1:03d}_2000_SH_{first}_{_span(self.second)}_{end}"
        return f"{begin}_2005_DHDH_A_{first}_{end}"


DEFAULT_SCENES = tuple(
    NisarScene(
        start=dt.datetime(2026, 7, 1, 1, 5, 37, tzinfo=dt.UTC) + dt.timedelta(days=12 * number), cycle=4 + number
    )
    for number in range(3)
)
"""Three acquisitions of one frame, a cycle apart."""

FULL_SIZE_SCENE = NisarScene(
    start=DEFAULT_SCENES[0].start, shape=(16_704, 17_064), page_bytes=4 << 20, corner=(300_000.0, 6_700_000.0)
)
"""One acquisition of the size of real ones."""

OUTLINE = ((138.45, -31.05), (138.43, -31.12), (138.55, -31.15), (138.57, -31.08), (138.45, -31.05))
"""Longitudes and latitudes of the outline that granules state."""

CHUNK = 512
"""Rows and columns of a chunk."""


def _span(start: dt.datetime) -> str:
    return f"{start:%Y%m%dT%H%M%S}_{start + dt.timedelta(seconds=23):%Y%m%dT%H%M%S}"


def power(scene: NisarScene, term: str, x: NDArray[Any], y: NDArray[Any], *, row: int = 0) -> NDArray[np.float32]:
    """Return gamma0 at places, linear power, from smooth fields and a speckle that the place and the cycle fix.

    Args:
        scene: The acquisition.
        term: Covariance term.
        x: Eastings of pixels.
        y: Northings of at most ``CHUNK`` rows.
        row: First row.
    """
    level = {"HHHH": 0.12, "HVHV": 0.03, "VVVV": 0.11, "VHVH": 0.03}.get(term, 0.08)
    across = np.sin(x / 900.0).astype("float32")
    smooth = level * (1.2 + 0.5 * across[None, :] * np.cos(y / 700.0)[:, None] + 0.1 * np.cos(scene.cycle))
    chance = np.random.default_rng((scene.cycle, len(term), ord(term[-1]), row))
    return np.asarray(smooth * chance.standard_gamma(4.0, smooth.shape, dtype="float32") / 4, dtype="float32")


def write_nisar(scene: NisarScene, directory: Path) -> Path:
    """Write one granule.

    Args:
        scene: The acquisition.
        directory: Folder that exists.
    """
    path = directory / f"{scene.name}.h5"
    path.unlink(missing_ok=True)
    pages = {"fs_strategy": "page", "fs_page_size": scene.page_bytes} if scene.page_bytes else {}
    # Without times of objects the same scene gives the same bytes.
    with h5py.File(path, "w", track_order=False, **pages) as file:
        root = file.create_group(f"science/{scene.band}SAR")
        _identification(root.create_group("identification"), scene)
        if scene.kind == "RSLC":
            _swath(root.create_group("RSLC"), scene)
            return path
        grids = root.create_group(f"{scene.kind}/grids")
        if scene.is_pair:
            _pair(grids.create_group("frequencyA"), scene)
        else:
            for letter, factor in (("A", 1), ("B", 4)):
                _frequency(grids.create_group(f"frequency{letter}"), scene, factor)
    return path


def _identification(group: Any, scene: NisarScene) -> None:
    length = dt.timedelta(seconds=23)
    texts = {
        "missionId": "SIMULATED", "productType": scene.kind, "granuleId": scene.name, "productVersion": "1.0.0",
        "productSpecificationVersion": scene.specification, "lookDirection": "Left",
        "orbitPassDirection": "Descending", "radarBand": scene.band, "isGeocoded": "True", "productLevel": "L2",
        "compositeReleaseId": scene.crid,
        "boundingPolygon": "POLYGON ((" + ", ".join(f"{x} {y} 120.0" for x, y in OUTLINE) + "))",
    }  # fmt: skip
    spans = {"reference": scene.start, "secondary": scene.second} if scene.is_pair else {"": scene.start}
    for prefix, start in spans.items():
        word = "ZeroDoppler" if prefix else "zeroDoppler"
        texts[f"{prefix}{word}StartTime"] = f"{start:%Y-%m-%dT%H:%M:%S}.000000000"
        texts[f"{prefix}{word}EndTime"] = f"{start + length:%Y-%m-%dT%H:%M:%S}.000000000"
    for name, text in texts.items():
        group.create_dataset(name, data=np.bytes_(text))
    # One byte before specification 1.2.
    kind = "u1" if scene.specification < "1.2" else "u4"
    group.create_dataset("trackNumber", data=np.array(113, dtype=kind))
    group.create_dataset("frameNumber", data=np.array(65, dtype="u2"))
    for number, prefix in enumerate(spans):
        word = f"{prefix}AbsoluteOrbitNumber" if prefix else "absoluteOrbitNumber"
        group.create_dataset(word, data=np.array(1000 + 173 * (scene.cycle + number), dtype="u4"))


def _axes(group: Any, scene: NisarScene, factor: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Write coordinates, which are pixel centres, and the projection; return the coordinates."""
    rows, cols = (int(size / factor) for size in scene.shape)
    step = scene.spacing * factor
    x = scene.corner[0] + step * (np.arange(cols) + 0.5)
    y = scene.corner[1] - step * (np.arange(rows) + 0.5)
    group.create_dataset("xCoordinates", data=x)
    group.create_dataset("yCoordinates", data=y)
    group.create_dataset("xCoordinateSpacing", data=step)
    group.create_dataset("yCoordinateSpacing", data=-step)
    group.create_dataset("projection", data=np.array(scene.epsg, dtype="u4")).attrs["epsg_code"] = scene.epsg
    return x, y


def _swath(group: Any, scene: NisarScene) -> None:
    """Write an image in the geometry of the radar, and the orbit."""
    from stacaster.samples.radar_geometry import orbit_over

    inside = group.create_group("swaths/frequencyA")
    rows, cols = 40, 50
    chance = np.random.default_rng(scene.cycle)
    for name in scene.polarizations:
        values = chance.standard_normal((rows, cols, 2)) @ np.array([1, 1j])
        inside.create_dataset(name, data=values.astype("complex64"), chunks=(rows, cols), compression="gzip")
    inside.create_dataset("slantRange", data=900_000.0 + 12.0 * np.arange(cols))
    group["swaths"].create_dataset("zeroDopplerTime", data=0.5 * np.arange(rows))
    orbit, first = orbit_over(138.5, -31.1, scene.start, slant_range=900_000.0)
    seconds = first + 10.0 * np.arange(-6, 10)
    place, speed = orbit.at(seconds)
    out = group.create_group("metadata/orbit")
    midnight = scene.start.replace(hour=0, minute=0, second=0, microsecond=0)
    out.create_dataset("time", data=seconds + (orbit.node - midnight).total_seconds())
    out["time"].attrs["units"] = np.bytes_(f"seconds since {midnight:%Y-%m-%dT%H:%M:%S}")
    out.create_dataset("position", data=place)
    out.create_dataset("velocity", data=speed)


def _frequency(group: Any, scene: NisarScene, factor: int) -> None:
    x, y = _axes(group, scene, factor)
    is_covariance = scene.kind == "GCOV"
    names = scene.terms if is_covariance else scene.polarizations
    listed = "listOfCovarianceTerms" if is_covariance else "listOfPolarizations"
    group.create_dataset(listed, data=np.array(names, dtype="S4" if is_covariance else "S2"))
    group.create_dataset("numberOfSubSwaths", data=np.array(2, dtype="u1"))

    def complex_term(name: str) -> Any:
        def value(north: NDArray[Any], row: int) -> NDArray[Any]:
            size = power(scene, name, x, north, row=row)
            return np.asarray(size * np.exp(1j * np.sin(x / 300.0))[None, :], dtype="complex64")

        return value

    for name in names:
        if is_covariance and name[:2] == name[2:]:
            _image(group, name, "float32", (x, y), lambda north, row, name=name: power(scene, name, x, north, row=row))
        else:
            _image(group, name, "complex64", (x, y), complex_term(name))
    if is_covariance:
        _constant(group, "numberOfLooks", 12.0, (x, y))
        _constant(group, "rtcGammaToSigmaFactor", 0.9, (x, y))
    _image(group, "mask", "uint8", (x, y), lambda north, _: np.broadcast_to(
        np.where(x < x.mean(), 1, 2).astype("uint8"), (north.size, x.size)))  # fmt: skip
    if factor > 1 and is_covariance:
        # As in real files: an array of the other frequency's shape.
        group.create_dataset("inputDataExceptionMask", shape=scene.shape, dtype="uint8", chunks=_chunks(scene.shape))


def _pair(group: Any, scene: NisarScene) -> None:
    """Write interferograms or offsets; each group of layers has a grid of its own."""
    seed = {"cycle": scene.cycle}
    fine = scene.kind == "GUNW"
    for name, factor in (("unwrappedInterferogram", 4), ("wrappedInterferogram", 1)) if fine else ():
        above = group.create_group(name)
        axes = _axes(above, scene, factor)
        _pair_mask(above, axes)
        for polarization in ("HH",):
            inside = above.create_group(polarization)
            if factor == 1:
                _image(inside, "wrappedInterferogram", "complex64", axes, _wave(axes, seed["cycle"], is_complex=True))
            else:
                _image(inside, "unwrappedPhase", "float32", axes, _wave(axes, seed["cycle"]))
                _image(inside, "connectedComponents", "uint16", axes,
                       lambda north, _, axes=axes: np.ones((north.size, axes[0].size), "uint16"))  # fmt: skip
                for layer in ("ionospherePhaseScreen", "ionospherePhaseScreenUncertainty"):
                    _constant(inside, layer, 0.1, axes)
            _constant(inside, "coherenceMagnitude", 0.7, axes)
    above = group.create_group("pixelOffsets")
    axes = _axes(above, scene, 4)
    _pair_mask(above, axes)
    for polarization in ("HH",):
        inside = above.create_group(polarization)
        for place in [inside] if fine else [inside.create_group(f"layer{number}") for number in (1, 2, 3)]:
            for layer in ("slantRangeOffset", "alongTrackOffset"):
                _image(place, layer, "float32", axes, _wave(axes, seed["cycle"]))
            _constant(place, "correlationSurfacePeak", 0.8, axes)
            for layer in () if fine else ("snr", "alongTrackOffsetVariance", "slantRangeOffsetVariance",
                                          "crossOffsetVariance"):  # fmt: skip
                _constant(place, layer, 0.25, axes)


def _wave(axes: tuple[NDArray[Any], NDArray[Any]], cycle: int, *, is_complex: bool = False) -> Any:
    def value(north: NDArray[Any], _: int) -> NDArray[Any]:
        phase = np.sin(axes[0] / 1500.0)[None, :] * (12.0 + cycle) + np.cos(north / 1100.0)[:, None]
        return np.exp(1j * phase).astype("complex64") if is_complex else phase.astype("float32")

    return value


def _pair_mask(group: Any, axes: tuple[NDArray[Any], NDArray[Any]]) -> None:
    _image(group, "mask", "uint8", axes, lambda north, _: np.full((north.size, axes[0].size), 11, "uint8"))


def _constant(group: Any, name: str, value: float, axes: tuple[NDArray[Any], NDArray[Any]]) -> None:
    _image(group, name, "float32", axes, lambda north, _: np.full((north.size, axes[0].size), value, "float32"))


def _chunks(shape: tuple[int, int]) -> tuple[int, int]:
    return min(CHUNK, shape[0]), min(CHUNK, shape[1])


def _image(group: Any, name: str, kind: str, axes: tuple[NDArray[Any], NDArray[Any]], value: Any) -> None:
    """Write a layer a row of chunks at a time; what lies left of a slanted line is outside of the swath."""
    x, y = axes
    fill: Any = np.nan if kind[0] in "fc" else 65535 if kind == "uint16" else 255
    shape = (y.size, x.size)
    image = group.create_dataset(
        name, shape=shape, dtype=kind, chunks=_chunks(shape), compression="gzip", compression_opts=1, shuffle=True
    )
    image.attrs["_FillValue"] = np.array(complex(fill, fill) if kind[0] == "c" else fill, dtype=kind)
    image.attrs["grid_mapping"] = np.bytes_("projection")
    image.attrs["units"] = np.bytes_("1")
    limit = 0.08 * (x[-1] - x[0]) + x[0] + y[-1]
    for row in range(0, y.size, CHUNK):
        north = y[row : row + CHUNK]
        values = np.array(value(north, row), dtype=kind)
        values[x[None, :] + north[:, None] < limit] = image.attrs["_FillValue"]
        image[row : row + CHUNK] = values
