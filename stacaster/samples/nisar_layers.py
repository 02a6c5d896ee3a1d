"""Images of simulated NISAR L2 granules, written whole rows of chunks at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.samples.nisar_identification import write_axes
from stacaster.samples.nisar_metadata import write_orbit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stacaster.samples.nisar_scene import NisarScene

CHUNK = 512
"""Rows and columns of a chunk."""

_UNITS = {"unwrappedPhase": "radians", "ionospherePhaseScreen": "radians",
          "ionospherePhaseScreenUncertainty": "radians", "slantRangeOffset": "meters", "alongTrackOffset": "meters",
          "alongTrackOffsetVariance": "meters^2", "slantRangeOffsetVariance": "meters^2",
          "crossOffsetVariance": "meters^2"}  # fmt: skip
_FIELDS = {
    "rangeBandwidth": 20e6, "azimuthBandwidth": 1.2e3, "centerFrequency": 1.257e9, "slantRangeSpacing": 6.2,
    "zeroDopplerTimeSpacing": 6.6e-4,
}  # fmt: skip
Values = Callable[["NDArray[Any]", int], "NDArray[Any]"]


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


def write_frequency(group: Any, scene: NisarScene, factor: int) -> None:
    """Write the layers of a frequency of a product of one acquisition.

    Args:
        group: The group of the frequency.
        scene: The acquisition.
        factor: Size of a pixel by that of frequency A.
    """
    x, y = write_axes(group, scene, factor)
    is_covariance = scene.kind == "GCOV"
    names = scene.terms if is_covariance else scene.polarizations
    seen = {term[n : n + 2] for term in scene.terms for n in (0, 2)} if is_covariance else {*names}
    group.create_dataset("listOfPolarizations", data=np.array(sorted(seen), dtype="S2"))
    if is_covariance:
        group.create_dataset("listOfCovarianceTerms", data=np.array(names, dtype="S4"))
    for field, number in () if is_covariance else _FIELDS.items():
        group.create_dataset(field, data=number)
    group.create_dataset("numberOfSubSwaths", data=np.array(2, dtype="u1"))

    def real_term(name: str) -> Values:
        return lambda north, row: power(scene, name, x, north, row=row)

    def complex_term(name: str) -> Values:
        def value(north: NDArray[Any], row: int) -> NDArray[Any]:
            size = power(scene, name, x, north, row=row)
            return np.asarray(size * np.exp(1j * np.sin(x / 300.0))[None, :], dtype="complex64")

        return value

    for name in names:
        if is_covariance and name[:2] == name[2:]:
            _image(group, name, "float32", (x, y), real_term(name))
        else:
            _image(group, name, "complex64", (x, y), complex_term(name))
    if is_covariance:
        _constant(group, "numberOfLooks", 12.0, (x, y))
        _constant(group, "rtcGammaToSigmaFactor", 0.9, (x, y))
    _image(group, "mask", "uint8", (x, y), lambda north, _: np.broadcast_to(
        np.where(x < x.mean(), 1, 2).astype("uint8"), (north.size, x.size)))  # fmt: skip
    if factor > 1 and is_covariance:
        # As in real files: an array of the other frequency's shape, on the axes of this one.
        shape = scene.shape
        other = group.create_dataset("inputDataExceptionMask", shape=shape, dtype="uint8", chunks=_chunks(shape))
        _attach(other, group)


def write_pair(group: Any, scene: NisarScene) -> None:
    """Write interferograms and offsets, or offsets alone; each group of layers has a grid of its own.

    Args:
        group: The group of the frequency.
        scene: The acquisitions.
    """
    is_interferogram = scene.kind == "GUNW"
    group.create_dataset("listOfPolarizations", data=np.array(["HH"], dtype="S2"))
    group.create_dataset("centerFrequency", data=_FIELDS["centerFrequency"])
    if is_interferogram:
        inside, axes = _pair_grid(group.create_group("unwrappedInterferogram"), scene, 4)
        _image(inside, "unwrappedPhase", "float32", axes, _wave(axes, scene.cycle))
        kind = "int32" if scene.specification == "1.1.0" else "uint16"
        _image(inside, "connectedComponents", kind, axes, lambda north, _: np.ones((north.size, axes[0].size), kind))
        for layer in ("ionospherePhaseScreen", "ionospherePhaseScreenUncertainty"):
            _constant(inside, layer, 0.1, axes)
        _constant(inside, "coherenceMagnitude", 0.7, axes)
        inside, fine = _pair_grid(group.create_group("wrappedInterferogram"), scene, 1)
        _image(inside, "wrappedInterferogram", "complex64", fine, _wave(fine, scene.cycle, is_complex=True))
        _constant(inside, "coherenceMagnitude", 0.7, fine)
    inside, coarse = _pair_grid(group.create_group("pixelOffsets"), scene, 4)
    for place in [inside] if is_interferogram else [inside.create_group(f"layer{number}") for number in (1, 2, 3)]:
        for layer in ("slantRangeOffset", "alongTrackOffset"):
            _image(place, layer, "float32", coarse, _wave(coarse, scene.cycle))
        _constant(place, "correlationSurfacePeak", 0.8, coarse)
        slant = "slantRangeVariance" if scene.specification == "1.1.0" else "slantRangeOffsetVariance"
        for layer in () if is_interferogram else ("snr", "alongTrackOffsetVariance", slant, "crossOffsetVariance"):
            _constant(place, layer, 0.25, coarse)


def write_swath(group: Any, scene: NisarScene) -> None:
    """Write images in the geometry of the radar, and the orbit.

    Args:
        group: The group of the product.
        scene: The acquisition.
    """
    inside = group.create_group("swaths/frequencyA")
    rows, cols = 40, 50
    chance = np.random.default_rng(scene.cycle)
    for name in scene.polarizations:
        values = chance.standard_normal((rows, cols, 2)) @ np.array([1, 1j])
        inside.create_dataset(name, data=values.astype("complex64"), chunks=(rows, cols), compression="gzip")
    inside.create_dataset("slantRange", data=900_000.0 + 12.0 * np.arange(cols))
    group["swaths"].create_dataset("zeroDopplerTime", data=0.5 * np.arange(rows))
    write_orbit(group.create_group("metadata/orbit"), scene.start)


def _pair_grid(above: Any, scene: NisarScene, factor: float) -> tuple[Any, tuple[NDArray[Any], NDArray[Any]]]:
    """Return the group of a polarisation and its axes, which versions of the specification have at several levels."""
    version = scene.specification
    is_unwrapped = above.name.endswith("/unwrappedInterferogram")
    inside = above.create_group("HH")
    axes = write_axes(inside, scene, factor)
    if version >= ("1.2.0" if is_unwrapped else "1.2.1"):
        write_axes(above, scene, factor)
    if version >= "1.2" or is_unwrapped:
        kind = "uint8" if version >= "1.2" else "int8"
        _image(above, "mask", kind, axes, lambda north, _: np.full((north.size, axes[0].size), 11, kind))
    return inside, axes


def _wave(axes: tuple[NDArray[Any], NDArray[Any]], cycle: int, *, is_complex: bool = False) -> Values:
    def value(north: NDArray[Any], _: int) -> NDArray[Any]:
        phase = np.sin(axes[0] / 1500.0)[None, :] * (12.0 + cycle) + np.cos(north / 1100.0)[:, None]
        return np.exp(1j * phase).astype("complex64") if is_complex else phase.astype("float32")

    return value


def _constant(group: Any, name: str, value: float, axes: tuple[NDArray[Any], NDArray[Any]]) -> None:
    _image(group, name, "float32", axes, lambda north, _: np.full((north.size, axes[0].size), value, "float32"))


def _chunks(shape: tuple[int, int]) -> tuple[int, int]:
    return min(CHUNK, shape[0]), min(CHUNK, shape[1])


def _attach(image: Any, group: Any) -> None:
    """Tie an image to the axes of its group, or of the one below that has them."""
    holder = group if "xCoordinates" in group else group.get("HH", group.parent)
    holder = holder if "xCoordinates" in holder else holder.parent
    for place, name in enumerate(("yCoordinates", "xCoordinates")):
        image.dims[place].attach_scale(holder[name])


def _image(group: Any, name: str, kind: str, axes: tuple[NDArray[Any], NDArray[Any]], value: Values) -> None:
    """Write a layer; what lies left of a slanted line is outside of the swath."""
    x, y = axes
    fill: Any = np.nan if kind[0] in "fc" else 65535 if kind == "uint16" else 255
    shape = (y.size, x.size)
    image = group.create_dataset(
        name, shape=shape, dtype=kind, chunks=_chunks(shape), compression="gzip", compression_opts=1, shuffle=True
    )
    # A fill value beyond a signed type is stored with the same bits.
    stated = np.array(complex(fill, fill) if kind[0] == "c" else fill).astype(kind)
    texts = {"grid_mapping": "projection", "units": _UNITS.get(name, "1"), "long_name": f"simulated {name}"}
    image.attrs["_FillValue"] = stated
    for key, text in texts.items():
        image.attrs[key] = np.bytes_(text)
    _attach(image, group)
    limit = 0.08 * (x[-1] - x[0]) + x[0] + y[-1]
    seen = []
    for row in range(0, y.size, CHUNK):
        north = y[row : row + CHUNK]
        values = np.array(value(north, row), dtype=kind)
        outside = x[None, :] + north[:, None] < limit
        values[outside] = stated
        image[row : row + CHUNK] = values
        inside = values[~outside]
        if kind == "float32" and inside.size:
            seen.append(
                (inside.size, inside.sum(dtype="f8"), np.square(inside, dtype="f8").sum(), inside.min(), inside.max())
            )
    if seen:
        count, total, squares = (sum(float(part[place]) for part in seen) for place in range(3))
        image.attrs["mean_value"] = np.float32(total / count)
        image.attrs["min_value"] = min(part[3] for part in seen)
        image.attrs["max_value"] = max(part[4] for part in seen)
        image.attrs["sample_stddev"] = np.float32(math.sqrt(max(0.0, squares - total**2 / count) / max(1.0, count - 1)))
