"""Datasets of an HDF5 or netCDF-4 file with their axes, grid mappings and positions, of any convention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from stacaster.files.hdf5_links import require_own_data
from stacaster.formats.hdf5.files import plain
from stacaster.formats.metadata.cf_axes import Coordinate
from stacaster.formats.metadata.cf_grids import GridMapping

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINKS = ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties")
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"
_LONGEST_AXIS = 1 << 20
_ROWS_NAMES = ("y", "lat")
_POSITIONS = ("geolocation", "geolocation_data", "location", "geolocation fields", "coordinates")
_CRS_NAMES = ("grid_mapping_name", "crs_wkt", "spatial_ref", "epsg_code")


def attributes_of(node: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """Return the attributes of a node as text, numbers and lists of them."""
    found = {}
    for name in node.attrs:
        if name in _LINKS:
            continue
        try:
            value = plain(node.attrs[name])
        except (OSError, TypeError, ValueError):
            continue
        if value is not None:
            found[str(name)] = value
    return found


def datasets(group: h5py.Group) -> Iterator[h5py.Dataset]:
    """Yield the datasets of a group and all below it; links to other files are not followed."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        entry = group[name]
        if isinstance(entry, h5py.Group):
            yield from datasets(entry)
        elif isinstance(entry, h5py.Dataset) and entry.shape is not None:
            # Files at their provider are not looked through when they are opened.
            require_own_data(entry, str(entry.file.filename).rpartition("/")[2])
            yield entry


class Fields:
    """Finds what belongs to a dataset, and reads each axis once.

    Args:
        file: The open file.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._axes: dict[str, Coordinate] = {}
        self._bounds: set[str] = set()

    def axes(self, dataset: h5py.Dataset) -> list[Coordinate]:
        """Return the axes of a dataset: its dimension scales, else one-dimensional datasets of the right lengths."""
        found = [self._scale(dataset, number) for number in range(dataset.ndim)]
        if not any(axis.role for axis in found):
            self._by_length(dataset, found)
        return found

    def _scale(self, dataset: h5py.Dataset, number: int) -> Coordinate:
        size = int(dataset.shape[number])
        dims = dataset.dims[number]
        if not len(dims):
            return Coordinate(name=str(dims.label or ""), size=size)
        scale = dims[0]
        name = scale.name.rpartition("/")[2]
        if plain(scale.attrs.get("NAME", b"")).startswith(_NO_VARIABLE) or scale.shape != (size,):
            beside = self._nearest(dataset.parent, name)
            return (
                self.coordinate(beside)
                if beside is not None and beside.shape == (size,) and beside != scale
                else (Coordinate(name=name, size=size))
            )
        return self.coordinate(scale)

    def coordinate(self, dataset: h5py.Dataset) -> Coordinate:
        """Return a one-dimensional dataset as an axis; long ones have no values."""
        if dataset.name not in self._axes:
            attributes = attributes_of(dataset)
            is_short = dataset.dtype.kind in "iuf" and dataset.size <= _LONGEST_AXIS
            values = _scaled(np.asarray(dataset[()]), attributes) if is_short else None
            self._axes[dataset.name] = Coordinate(
                name=dataset.name.rpartition("/")[2], size=int(dataset.size), values=values, attributes=attributes,
                bounds=self._bounds_of(dataset, attributes),
                is_single=dataset.dtype.itemsize <= 4 and dataset.dtype.kind == "f",
            )  # fmt: skip
        return self._axes[dataset.name]

    def _bounds_of(self, dataset: h5py.Dataset, attributes: Mapping[str, Any]) -> NDArray[Any] | None:
        name = attributes.get("bounds")
        bounds = None if name is None else self._nearest(dataset.parent, str(name).strip())
        if bounds is None:
            return None
        self._bounds.add(bounds.name)
        return np.asarray(bounds[()]) if bounds.shape == (dataset.size, 2) else None

    @property
    def bounds(self) -> set[str]:
        """Names of the datasets that are bounds of axes read so far."""
        return self._bounds

    def _by_length(self, dataset: h5py.Dataset, found: list[Coordinate]) -> None:
        """Take one-dimensional datasets of the group, or of one above it, for the axes of a dataset without scales."""
        for group in _upward(dataset.parent):
            y, x = None, None
            for candidate in _vectors(group):
                axis = self.coordinate(candidate)
                if axis.role in _ROWS_NAMES and axis.size in dataset.shape:
                    y = y or axis
                elif axis.role is not None and axis.size in dataset.shape:
                    x = x or axis
            if y is None or x is None:
                continue
            pairs = [
                (dataset.ndim - 2, dataset.ndim - 1),
                *((i, j) for i in range(dataset.ndim) for j in range(dataset.ndim)),
            ]
            for row, column in pairs:
                if row != column and (dataset.shape[row], dataset.shape[column]) == (y.size, x.size):
                    found[row], found[column] = y, x
                    return

    def mapping(self, dataset: h5py.Dataset) -> GridMapping | None:
        """Return the grid mapping of a dataset; without an attribute the only one in reach."""
        stated = plain(dataset.attrs.get("grid_mapping", b"")) or ""
        words = str(stated).replace(":", " ").split()
        node = self._nearest(dataset.parent, words[0]) if words else None
        if node is None:
            for group in _upward(dataset.parent):
                near = [entry for entry in _entries(group) if any(name in entry.attrs for name in _CRS_NAMES)]
                if len(near) == 1:
                    node = near[0]
                if near:
                    break
        if node is None:
            return None
        attributes = attributes_of(node)
        is_number = isinstance(node, h5py.Dataset) and node.shape == () and node.dtype.kind in "iu"
        if is_number and not any(name in attributes for name in _CRS_NAMES):
            # Projections of radar products are a number that is the code itself.
            attributes["epsg_code"] = int(node[()])
        return GridMapping(name=node.name, attributes=attributes)

    def positions(self, dataset: h5py.Dataset) -> tuple[h5py.Dataset, h5py.Dataset, tuple[int, int]] | None:
        """Return two-dimensional latitudes and longitudes of a dataset, and the axes that they have."""
        named = str(plain(dataset.attrs.get("coordinates", b"")) or "").split()
        nodes = [node for name in named if (node := self._nearest(dataset.parent, name)) is not None]
        groups = [*_upward(dataset.parent), *self._beside(dataset)]
        for candidates in [nodes, *(list(_entries(group)) for group in groups)]:
            planes = [node for node in candidates if isinstance(node, h5py.Dataset) and node.ndim == 2]
            latitude = next((node for node in planes if _is(node, "lat")), None)
            longitude = next((node for node in planes if _is(node, "lon")), None)
            if latitude is None or longitude is None or latitude.shape != longitude.shape:
                continue
            axes = _axes_of_shape(dataset, latitude)
            if axes is not None:
                return latitude, longitude, axes
        return None

    def _beside(self, dataset: h5py.Dataset) -> Iterator[h5py.Group]:
        for group in _upward(dataset.parent):
            for name in group:
                if name.lower() in _POSITIONS and isinstance(group.get(name), h5py.Group):
                    yield group[name]

    def _nearest(self, group: h5py.Group, name: str) -> Any:
        """Return what a name means in a group or one above it; None where there is nothing."""
        if name.startswith("/"):
            return self._file.get(name)
        return next((above[name] for above in _upward(group) if name in above), None)


def _is(node: h5py.Dataset, role: str) -> bool:
    name = node.name.rpartition("/")[2]
    return Coordinate(name=name, size=0, attributes=attributes_of(node)).role == role or name.lower().startswith(
        {"lat": "latitude", "lon": "longitude"}[role]
    )


def _axes_of_shape(dataset: h5py.Dataset, positions: h5py.Dataset) -> tuple[int, int] | None:
    """Return the two axes of a dataset that its positions have, by their scales, else by their sizes."""
    own = [dataset.dims[number][0].name if len(dataset.dims[number]) else "" for number in range(dataset.ndim)]
    theirs = [positions.dims[number][0].name if len(positions.dims[number]) else "" for number in range(2)]
    if all(theirs) and theirs[0] != theirs[1] and set(theirs) <= set(own):
        return own.index(theirs[0]), own.index(theirs[1])
    shape = tuple(positions.shape)
    for first in range(dataset.ndim - 2, -1, -1):
        if dataset.shape[first : first + 2] == shape:
            return first, first + 1
    return None


def _upward(group: h5py.Group) -> Iterator[h5py.Group]:
    yield group
    while group.name != "/":
        group = group.parent
        yield group


def _entries(group: h5py.Group) -> Iterator[Any]:
    for name in group:
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            node = group.get(name)
            if isinstance(node, (h5py.Dataset, h5py.Group)):
                yield node


def _vectors(group: h5py.Group) -> Iterator[h5py.Dataset]:
    return (node for node in _entries(group) if isinstance(node, h5py.Dataset) and node.ndim == 1 and node.size > 0)


def _scaled(values: NDArray[Any], attributes: Mapping[str, Any]) -> NDArray[Any]:
    scale, offset = attributes.get("scale_factor", 1), attributes.get("add_offset", 0)
    if isinstance(scale, (int, float)) and isinstance(offset, (int, float)) and (scale, offset) != (1, 0):
        return values * float(scale) + float(offset)
    return values
