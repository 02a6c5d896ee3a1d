"""Gridded layers of HDF5 files: images with coordinates and a projection in the nearest group above them.

A layer is every two-dimensional number array below a group ``grids`` that has ``yCoordinates`` and ``xCoordinates``
(pixel centres) of its own lengths, and ``projection``, in the nearest groups above it. Where no group above has any
coordinates, those of the groups beside it count, if these agree. Others are left out with a note: real files hold
arrays that are attached to the axes of another grid.

Decision: arrays of another shape than the axes, which real files hold, are left out with a note instead of placed by a
guess. Masks with a sign and components of 32 bits are written in the type and with the fill value of the collection,
and the item says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from stacaster.errors import ReadError
from stacaster.formats.granule_files import only_file
from stacaster.formats.hdf5.files import OpenHdf5, identification, plain
from stacaster.model import GranuleContent, Layer
from stacaster.network.remote import RemoteFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_LAYER_BYTES = 16 << 30
"""Largest layer that is read; a file that declares more is damaged or hostile."""

_NAMES = ("xCoordinates", "yCoordinates", "projection")
_UNEVEN = 1e-6


def open_files(files: Sequence[Path]) -> Hdf5Granule:
    """Open one HDF5 file.

    Raises:
        ReadError: There is more than one file, or the file is damaged or truncated.
    """
    return Hdf5Granule(only_file(files, "an HDF5 granule is one file"))


def open_remote(remote: RemoteFile, groups: Sequence[str] = ()) -> Hdf5Granule:
    """Open an HDF5 file over the network; only what is read is moved.

    Args:
        remote: The file.
        groups: Groups below ``grids`` that are looked at; empty for all.

    Raises:
        ReadError: The file is damaged or no HDF5 file.
        AuthError, FetchError: The provider refuses.
    """
    return Hdf5Granule(Path(remote.name), remote, groups)


class Hdf5Granule(OpenHdf5):
    """An open HDF5 file; see ``model.OpenGranule``.

    Args:
        path: The file.
        remote: Where its bytes come from, when it is not on this disk.
        wanted: Groups below ``grids`` that are looked at; empty for all.
    """

    content: GranuleContent

    def __init__(self, path: Path, remote: RemoteFile | None = None, wanted: Sequence[str] = ()) -> None:
        self._wanted = tuple(wanted)
        super().__init__(path, remote)
        try:
            layers, groups, notes = self._walk()
            self.content = GranuleContent(
                reader="hdf5_grids", files=(path,), layers=layers, groups=groups,
                attributes={**identification(self.file), "skipped_layers": notes},
            )  # fmt: skip
            if not layers:
                self._refuse()
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            self.close()
            raise self.failure("its structure cannot be read", error) from error
        except BaseException:
            self.close()
            raise

    def read_layer(self, path: str) -> NDArray[Any]:
        """Return all pixels of a layer in their stored type; see ``model.OpenGranule``."""
        rows, cols = self.content.layers[path].shape
        return np.concatenate(list(self.strips(path, (slice(0, rows), slice(0, cols)))))

    def read_part(self, path: str, part: tuple[int | slice, ...]) -> NDArray[Any]:
        """Return a part of a layer; see ``model.OpenGranule``."""
        pixels: NDArray[Any] = self.read_layer(path)[part]
        return pixels

    def strips(self, path: str, window: tuple[slice, slice]) -> Iterator[NDArray[Any]]:
        """Yield rows of a window of a layer, whole chunks at a time; see ``model.OpenGranule``."""
        layer = self.content.layers[path]
        kind = layer.data_type
        size = int(np.prod(layer.shape, dtype=np.int64)) * np.dtype(kind).itemsize
        if size > MAX_LAYER_BYTES:
            raise ReadError(f"{path} declares {size / 2**30:.1f} GiB, too many", granule=self.name)
        try:
            for strip in self.chunks.strips(self.file[path], window):
                yield strip.astype(kind, copy=False)
        except (OSError, RuntimeError, ValueError) as error:
            raise self.failure(f"the pixels of {path} cannot be read", error) from error

    def _refuse(self) -> None:
        """Say what a file without a single gridded layer is, where that is known."""
        science = self.file.get("science")
        for band in science.values() if isinstance(science, h5py.Group) else ():
            if isinstance(band, h5py.Group) and "QA" in band:
                raise ReadError("holds statistics of the quality of a granule, no pixels", granule=self.name)

    def _walk(self) -> tuple[dict[str, Layer], dict[str, str], list[str]]:
        layers: dict[str, Layer] = {}
        groups: dict[str, str] = {}
        notes: list[str] = []
        for root in self._grids():
            groups[root.name.strip("/")] = "grid"
            for dataset in self._images(root):
                layer, problem = self._layer(dataset, root.name)
                if layer is not None:
                    layers[layer.path] = layer
                elif problem is not None:
                    notes.append(problem)
        science = self.file.get("science")
        if isinstance(science, h5py.Group):
            for band in science.values():
                groups |= {f"{band.name.strip('/')}/{name}": "product" for name in band if isinstance(band, h5py.Group)}
        return layers, groups, notes

    def _images(self, grids: h5py.Group) -> Iterator[h5py.Dataset]:
        chosen = [name for name in self._wanted if name in grids]
        for group in [grids[name] for name in chosen] or [grids]:
            yield from _images(group)

    def _grids(self) -> Iterator[h5py.Group]:
        science = self.file.get("science")
        if not isinstance(science, h5py.Group):
            return
        for band in science.values():
            for product in band.values() if isinstance(band, h5py.Group) else ():
                grids = product.get("grids") if isinstance(product, h5py.Group) else None
                if isinstance(grids, h5py.Group):
                    yield grids

    def _layer(self, dataset: h5py.Dataset, root: str) -> tuple[Layer | None, str | None]:
        path = dataset.name.strip("/")
        place = _place(dataset, root)
        if isinstance(place, str):
            return None, f"{path}: {place}"
        attributes = {name: plain(dataset.attrs[name]) for name in dataset.attrs if name != "DIMENSION_LIST"}
        self.read_ahead(*place[:2])
        geobox, problem = _geobox(*place)
        if problem is not None:
            attributes["geobox_problem"] = problem
        return Layer(
            path=path,
            name=path.rpartition("/")[2],
            group=path.rpartition("/")[0],
            shape=tuple(int(size) for size in dataset.shape),
            data_type=dataset.dtype.newbyteorder("=").name,
            nodata=_number(attributes.get("_FillValue")),
            geobox=geobox,
            attributes={key: value for key, value in attributes.items() if value is not None},
        ), None


def _place(dataset: h5py.Dataset, root: str) -> tuple[h5py.Dataset, h5py.Dataset, h5py.Dataset] | str:
    """Return x, y and projection of an image, or why there are none: releases put them at different levels."""
    above = list(_above(dataset, root))
    with_axes = [group for group in above if all(name in group for name in _NAMES[:2])]
    axes = next((group for group in with_axes if _fits(dataset, group)), None)
    crs = next((group for group in above if "projection" in group), None)
    if axes is not None and crs is not None:
        return axes["xCoordinates"], axes["yCoordinates"], crs["projection"]
    if with_axes:
        found = tuple(with_axes[0][name].shape[0] for name in ("yCoordinates", "xCoordinates"))
        return f"shape {dataset.shape} is not that of its coordinates, {found}" if axes is None else "no projection"
    for group in above[:-1]:
        beside = [inside for inside in _groups(group)
                  if all(name in inside for name in _NAMES) and _fits(dataset, inside)]  # fmt: skip
        if beside:
            grids = {_geobox(*(inside[name] for name in _NAMES))[0] for inside in beside}
            if len(grids) > 1:
                return "no group above it has coordinates, and those beside it differ"
            return tuple(beside[0][name] for name in _NAMES)
    return "no group above it has coordinates and a projection"


def _above(dataset: h5py.Dataset, root: str) -> Iterator[h5py.Group]:
    """Yield the groups above a dataset, nearest first, up to the one that holds all grids."""
    group = dataset.parent
    yield group
    while group.name != root:
        group = group.parent
        yield group


def _groups(group: h5py.Group) -> Iterator[h5py.Group]:
    for name in group:
        if isinstance(group.get(name, getlink=True), h5py.HardLink) and isinstance(group[name], h5py.Group):
            yield group[name]
            yield from _groups(group[name])


def _fits(dataset: h5py.Dataset, group: h5py.Group) -> bool:
    return bool(dataset.shape == (*group["yCoordinates"].shape, *group["xCoordinates"].shape))


def _images(group: h5py.Group) -> Iterator[h5py.Dataset]:
    for name in group:
        link = group.get(name, getlink=True)
        # Links to other files are not followed, links within the file would name a layer twice.
        if not isinstance(link, h5py.HardLink):
            continue
        entry = group[name]
        if isinstance(entry, h5py.Group):
            yield from _images(entry)
        elif isinstance(entry, h5py.Dataset) and len(entry.shape or ()) == 2 and entry.dtype.kind in "iufc":
            yield entry


def _geobox(x: h5py.Dataset, y: h5py.Dataset, projection: h5py.Dataset) -> tuple[GeoBox | None, str | None]:
    """Return the grid of pixel centres along x and y, or why there is none."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    across, down = np.asarray(x[()], dtype="float64"), np.asarray(y[()], dtype="float64")
    if across.size < 2 or down.size < 2 or not (np.isfinite(across).all() and np.isfinite(down).all()):
        return None, "its coordinates are no two numbers or more"
    dx, dy = ((values[-1] - values[0]) / (values.size - 1) for values in (across, down))
    for values, step in ((across, dx), (down, dy)):
        even = values[0] + step * np.arange(values.size)
        if step == 0 or np.abs(values - even).max() > _UNEVEN * abs(step) * values.size:
            return None, "its coordinates are not evenly spaced"
    code = int(np.asarray(projection[()]).ravel()[0])
    try:
        CRS.from_epsg(code)
    except CRSError:
        return None, f"EPSG:{code} is no CRS"
    edge = Affine(dx, 0, across[0] - dx / 2, 0, dy, down[0] - dy / 2)
    return GeoBox((down.size, across.size), edge, f"EPSG:{code}"), None


def _number(value: Any) -> float | int | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
