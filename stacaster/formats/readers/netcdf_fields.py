"""Fields of any HDF5 file: netCDF-4 by its axes, HDF-EOS5 by its structure, others by their positions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from stacaster.errors import ReadError
from stacaster.formats.granule_files import only_file
from stacaster.formats.hdf5.fields import Fields, attributes_of, datasets
from stacaster.formats.hdf5.files import OpenHdf5, plain
from stacaster.formats.metadata.cf_axes import Coordinate
from stacaster.formats.metadata.cf_grids import axes_of, place_axes
from stacaster.formats.metadata.gctp import GridError, PlacedGrid, place_grid
from stacaster.formats.metadata.latlon import place_latlon
from stacaster.formats.metadata.odl import OdlError, parse_odl
from stacaster.formats.metadata.sidecars import read_sidecars
from stacaster.model import GranuleContent, Layer, PlaneAxis
from stacaster.model.metadata import OdlObject

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_LAYER_BYTES = 16 << 30
"""Largest layer that is read; a file that declares more is damaged or hostile."""

_EOS = re.compile(r"HDFEOS/(?P<kind>GRIDS|SWATHS|ZAS)/(?P<name>[^/]+)/(?P<part>Data|Geolocation) Fields/")
_KINDS = {"GRIDS": "grid", "SWATHS": "swath", "ZAS": "zonal average"}
_INFORMATION = "HDFEOS INFORMATION"
_MOST_POSITIONS = 64 << 20
_FEWEST_PIXELS = 4


def open_files(files: Sequence[Path]) -> NetcdfGranule:
    """Open one HDF5 or netCDF-4 file.

    Raises:
        ReadError: There is more than one file, or the file is damaged or truncated.
    """
    return NetcdfGranule(only_file(files, "an HDF5 granule is one file"))


class NetcdfGranule(OpenHdf5):
    """An open HDF5 file with fields of any convention; see ``model.OpenGranule``.

    Args:
        path: The file.
    """

    content: GranuleContent

    def __init__(self, path: Path) -> None:
        sidecars = read_sidecars(path)
        super().__init__(path)
        self._positions: dict[str, PlacedGrid | None] = {}
        try:
            self._fields = Fields(self.file)
            self._objects = self._odl()
            self._structure = [item for item in self._objects if item.document == "StructMetadata"]
            layers = {layer.path: layer for layer in self._layers()}
            self.content = GranuleContent(
                reader="netcdf_fields", files=(path,), layers=layers, groups=self._groups(layers),
                attributes=self._attributes(), objects=self._objects, sidecars=sidecars,
                read_positions=self.read_layer,
            )  # fmt: skip
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            self.close()
            raise self.failure("its structure cannot be read", error) from error
        except BaseException:
            self.close()
            raise

    def read_layer(self, path: str) -> NDArray[Any]:
        """Return all pixels of a layer in their stored type; see ``model.OpenGranule``."""
        return self.read_part(path, tuple(slice(0, size) for size in self.content.layers[path].shape))

    def read_part(self, path: str, part: tuple[int | slice, ...]) -> NDArray[Any]:
        """Return a part of a layer; see ``model.OpenGranule``."""
        layer = self.content.layers[path]
        window = tuple(slice(entry, entry + 1) if isinstance(entry, int) else entry for entry in part)
        self._check_size(layer)
        try:
            found = np.concatenate(list(self.chunks.strips(self.file[path], window)))
        except (OSError, RuntimeError, ValueError) as error:
            raise self.failure(f"the pixels of {path} cannot be read", error) from error
        chosen = tuple(0 if isinstance(entry, int) else slice(None) for entry in part)
        result: NDArray[Any] = found[chosen].astype(layer.data_type, copy=False)
        return result

    def strips(self, path: str, window: tuple[slice, slice]) -> Iterator[NDArray[Any]]:
        """Yield rows of a window of a layer, whole chunks at a time; see ``model.OpenGranule``."""
        layer = self.content.layers[path]
        self._check_size(layer)
        try:
            for strip in self.chunks.strips(self.file[path], window):
                yield strip.astype(layer.data_type, copy=False)
        except (OSError, RuntimeError, ValueError) as error:
            raise self.failure(f"the pixels of {path} cannot be read", error) from error

    def _check_size(self, layer: Layer) -> None:
        size = int(np.prod(layer.shape, dtype=np.int64)) * np.dtype(layer.data_type).itemsize
        if size > MAX_LAYER_BYTES:
            raise ReadError(f"{layer.path} declares {size / 2**30:.1f} GiB, too many", granule=self.name)

    def _odl(self) -> list[OdlObject]:
        """Return the objects of the metadata documents of HDF-EOS5; one that does not parse is left out."""
        information = self.file.get(_INFORMATION)
        texts: dict[str, str] = {}
        for name in sorted(information, key=_piece) if isinstance(information, h5py.Group) else ():
            node = information[name]
            if isinstance(node, h5py.Dataset) and node.shape in ((), (1,)):
                stem = name.rpartition(".")[0] or name
                texts[stem] = texts.get(stem, "") + str(plain(node[()]))
        found: list[OdlObject] = []
        for document, text in texts.items():
            try:
                found += parse_odl(text, document=document)
            except OdlError as error:
                if document == "StructMetadata":
                    raise ReadError(f"{document} is damaged: {error}", granule=self.name) from error
        return found

    def _layers(self) -> Iterator[Layer]:
        listed = [node for node in datasets(self.file) if not node.name.startswith(f"/{_INFORMATION}")]
        images = [
            node for node in listed if node.ndim >= 2 and node.dtype.kind in "iuf" and node.size >= _FEWEST_PIXELS
        ]
        axes = {node.name: self._fields.axes(node) for node in images}
        for node in images:
            if node.name not in self._fields.bounds and not (
                node.ndim == 2 and node.shape[1] == 2 and _is_bounds(node)
            ):
                yield self._layer(node, axes[node.name])

    def _layer(self, node: h5py.Dataset, axes: list[Coordinate]) -> Layer:
        path = node.name.strip("/")
        attributes = attributes_of(node)
        placed: PlacedGrid | None = None
        geolocation = None
        try:
            placed = self._place(node, axes)
        except GridError as error:
            attributes["geobox_problem"] = str(error)
        if placed is None:
            positions = self._fields.positions(node)
            geolocation = None if positions is None else (positions[0].name.strip("/"), positions[1].name.strip("/"))
            if geolocation is not None and path not in geolocation:
                attributes.setdefault("geobox_problem", "it is a swath: every pixel has its own latitude and longitude")
        shape = tuple(int(size) for size in node.shape)
        return Layer(
            path=path,
            name=path.rpartition("/")[2],
            group=_group_of(path),
            shape=shape,
            data_type=node.dtype.newbyteorder("=").name,
            nodata=_number(attributes.get("_FillValue")),
            geobox=None if placed is None else placed.geobox,
            attributes=attributes,
            dims=tuple(axis.name for axis in axes),
            orientation=None if placed is None else placed.orientation,
            planes=() if placed is None else _planes(axes, placed),
            placed_by=None if placed is None else placed.rule,
            notes=() if placed is None else placed.notes,
            geolocation=geolocation if geolocation is None or path not in geolocation else None,
        )

    def _place(self, node: h5py.Dataset, axes: list[Coordinate]) -> PlacedGrid | None:
        match = _EOS.match(node.name.strip("/"))
        if match is not None:
            if match["kind"] != "GRIDS":
                return None
            self._name_axes(node, axes)
            dims = [axis.name for axis in axes]
            return place_grid(match["name"], self._structure, tuple(node.shape), dims)
        positions = None
        if axes_of(axes) is None:
            positions = self._fields.positions(node)
            if positions is None:
                named = ", ".join(axis.name for axis in axes if axis.name)
                raise GridError(f"its axes{f' ({named})' if named else ''} are not one of rows and one of columns")
            return self._by_positions(*positions)
        try:
            return place_axes(axes, self._fields.mapping(node))
        except GridError:
            positions = self._fields.positions(node)
            placed = None if positions is None else self._by_positions(*positions)
            if placed is None:
                raise
            return placed

    def _name_axes(self, node: h5py.Dataset, axes: list[Coordinate]) -> None:
        """Name axes as StructMetadata does; a field along one axis alone holds its positions."""
        name = node.name.rpartition("/")[2]
        dims = self._stated_dims(name)
        if len(dims) != len(axes):
            return
        for number, dim in enumerate(dims):
            if axes[number].values is not None:
                continue
            axes[number] = Coordinate(name=dim, size=axes[number].size)
            for other in node.parent.values():
                is_axis = isinstance(other, h5py.Dataset) and other.shape == (axes[number].size,)
                if (
                    dim not in ("XDim", "YDim")
                    and is_axis
                    and self._stated_dims(other.name.rpartition("/")[2]) == [dim]
                ):
                    axes[number] = self._fields.coordinate(other)

    def _stated_dims(self, name: str) -> list[str]:
        for item in self._structure:
            if item.name == "DataFieldName" and str(item.value) == name:
                found = next((o.value for o in self._structure if o.name == "DimList" and o.path == item.path), ())
                return [str(dim) for dim in (found if isinstance(found, tuple) else (found,))]
        return []

    def _by_positions(
        self, latitude: h5py.Dataset, longitude: h5py.Dataset, axes: tuple[int, int]
    ) -> PlacedGrid | None:
        if latitude.size > _MOST_POSITIONS:
            return None
        key = f"{latitude.name} {axes}"
        if key not in self._positions:
            self._positions[key] = place_latlon(latitude[()], longitude[()], axes, latitude.name.strip("/"))
        return self._positions[key]

    def _groups(self, layers: dict[str, Layer]) -> dict[str, str]:
        found: dict[str, str] = {}
        for folder, name in _KINDS.items():
            node = self.file.get(f"HDFEOS/{folder}")
            found |= dict.fromkeys(node, name) if isinstance(node, h5py.Group) else {}
        for layer in layers.values():
            if layer.group and layer.group not in found and (layer.geobox or layer.geolocation):
                found[layer.group] = "swath" if layer.geobox is None else "grid"
        return found

    def _attributes(self) -> dict[str, Any]:
        """Return the attributes of the file, those of groups that describe it by their path, and the time axis."""
        found = attributes_of(self.file)
        for name in ("Metadata", "METADATA", "HDFEOS/ADDITIONAL/FILE_ATTRIBUTES", "StandardMetadata"):
            group = self.file.get(name)
            if isinstance(group, h5py.Group):
                found |= {f"{group.name.strip('/')}/{key}": value for key, value in attributes_of(group).items()}
                for inner in group.values():
                    if isinstance(inner, h5py.Group):
                        path = inner.name.strip("/")
                        found |= {f"{path}/{key}": value for key, value in attributes_of(inner).items()}
        for node in datasets(self.file):
            unit = plain(node.attrs.get("units", b"")) if node.ndim <= 1 and node.size else None
            if isinstance(unit, str) and " since " in unit and node.size <= _MOST_TIMES and node.dtype.kind in "iuf":
                values = np.asarray(node[()], dtype="float64").ravel()
                stated = {"units": unit, "calendar": plain(node.attrs.get("calendar", b"")) or "standard"}
                found.setdefault("time_axis", {**stated, "first": float(values[0]), "last": float(values[-1])})
        return found


_MOST_TIMES = 100_000


def _piece(name: str) -> tuple[str, int]:
    stem, _, number = name.rpartition(".")
    return stem, int(number) if number.isdigit() else 0


def _is_bounds(node: h5py.Dataset) -> bool:
    name = node.name.rpartition("/")[2].lower()
    return name.endswith(("_bnds", "_bounds")) or name in ("bnds", "bounds")


def _group_of(path: str) -> str:
    match = _EOS.match(path)
    return match["name"] if match is not None else path.rpartition("/")[0]


def _planes(axes: Sequence[Coordinate], placed: PlacedGrid) -> tuple[PlaneAxis, ...]:
    taken = (placed.orientation.rows, placed.orientation.columns)
    found = []
    for number, axis in enumerate(axes):
        if number not in taken:
            has_values = axis.values is not None and axis.values.shape == (axis.size,)
            values = tuple(float(value) for value in axis.values) if has_values and axis.values is not None else ()
            unit = str((axis.attributes or {}).get("units", "")) or None
            found.append(PlaneAxis(axis=number, name=axis.name, size=axis.size, values=values, unit=unit))
    return tuple(found)


def _number(value: Any) -> float | int | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
