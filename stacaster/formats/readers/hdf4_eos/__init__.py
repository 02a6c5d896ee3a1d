"""HDF-EOS2 swaths and grids in HDF4 files: structure through pyhdf, pixels from the file itself where that is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pyhdf.error import HDF4Error
from pyhdf.SD import SD, SDC

from stacaster.errors import ReadError
from stacaster.formats.granule_files import Closing, only_file
from stacaster.formats.metadata.sidecars import read_sidecars
from stacaster.formats.readers.hdf4_eos.direct import DirectFile
from stacaster.formats.readers.hdf4_eos.fields import Merged, StoredField, place_fields
from stacaster.formats.readers.hdf4_eos.layout import LayoutError, check_layout
from stacaster.formats.readers.hdf4_eos.structure import read_metadata, read_text, read_vgroups
from stacaster.model import GranuleContent, Lattice, Layer

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_LAYER_BYTES = 2 << 30
"""Largest layer that is read: 2 GiB; a file that declares more is damaged or hostile."""

_LATITUDES = ("Latitude", "GeodeticLatitude")
_MAX_LATTICE = 64
_TYPES = {
    SDC.UINT8: "uint8",
    SDC.INT8: "int8",
    SDC.UCHAR8: "uint8",
    SDC.CHAR8: "int8",
    SDC.UINT16: "uint16",
    SDC.INT16: "int16",
    SDC.UINT32: "uint32",
    SDC.INT32: "int32",
    SDC.FLOAT32: "float32",
    SDC.FLOAT64: "float64",
}


def open_files(files: Sequence[Path]) -> Hdf4Granule:
    """Open one HDF-EOS2 file.

    Raises:
        ReadError: There is more than one file, or the file is damaged or truncated.
    """
    return Hdf4Granule(only_file(files, "an HDF4 granule is one file"))


class Hdf4Granule(Closing):
    """An open HDF-EOS2 file; see ``model.OpenGranule``."""

    content: GranuleContent
    _all: Mapping[str, Layer]

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._sd: Any = None
        self._direct: DirectFile | None = None
        self._sidecars = read_sidecars(path)
        self._merged: Mapping[str, Merged] = {}
        self._last: tuple[str, NDArray[Any]] | None = None
        try:
            elements = check_layout(path)
            self._sd = SD(str(path), SDC.READ)
            self._direct = DirectFile(path, elements)
        except LayoutError as error:
            raise ReadError(str(error), granule=path.name) from error
        except HDF4Error as error:
            raise ReadError(f"the HDF4 library cannot open it: {error}", granule=path.name) from error
        try:
            self._indexes: dict[str, int] = {}
            self.content = self._read_content(path)
        except HDF4Error as error:
            self.close()
            raise ReadError(f"the HDF4 library cannot read its structure: {error}", granule=path.name) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the file."""
        if self._sd is not None:
            self._sd.end()
            self._sd = None
        if self._direct is not None:
            self._direct.close()
            self._direct = None

    def read_layer(self, path: str) -> NDArray[Any]:
        """Return all pixels of a layer in their stored type; see ``model.OpenGranule``."""
        merged = self._merged.get(path)
        if merged is not None:
            part: NDArray[Any] = self._stored(merged.path)[merged.index]
            return part
        return self._stored(path)

    def read_part(self, path: str, part: tuple[int | slice, ...]) -> NDArray[Any]:
        """Return a part of a layer; see ``model.OpenGranule``. Planes of one field are read once."""
        if self._last is None or self._last[0] != path:
            self._last = (path, self.read_layer(path))
        pixels: NDArray[Any] = self._last[1][part]
        return pixels

    def _stored(self, path: str) -> NDArray[Any]:
        layer = self._all[path]
        size = int(np.prod(layer.shape, dtype=np.int64)) * np.dtype(layer.data_type).itemsize
        if size > MAX_LAYER_BYTES:
            text = f"{path} declares {size / 2**30:.1f} GiB, more than the limit of {MAX_LAYER_BYTES / 2**30:.0f} GiB"
            raise ReadError(text, granule=self._name)
        pixels = self._read_directly(path, layer)
        if pixels is None:
            pixels = self._pixels(path)
        if pixels.shape != layer.shape:
            text = f"{path} gives pixels of shape {pixels.shape}, but {layer.shape} is declared"
            raise ReadError(text, granule=self._name)
        return pixels if pixels.dtype == layer.data_type else pixels.view(layer.data_type)

    def strips(self, path: str, window: tuple[slice, slice]) -> Iterator[NDArray[Any]]:
        """Yield a window of a layer at once; see ``model.OpenGranule``."""
        yield self.read_layer(path)[window]

    def _read_directly(self, path: str, layer: Layer) -> NDArray[Any] | None:
        """Return the pixels without the HDF4 library, or None when it has to read them."""
        dataset = self._sd.select(self._indexes[path])
        try:
            reference = int(dataset.ref())
        finally:
            dataset.endaccess()
        assert self._direct is not None
        return self._direct.read(reference, layer.shape, layer.data_type)

    def _pixels(self, path: str) -> NDArray[Any]:
        try:
            dataset = self._sd.select(self._indexes[path])
            try:
                return np.asarray(dataset.get())
            finally:
                dataset.endaccess()
        except (HDF4Error, ValueError) as error:
            raise ReadError(f"the pixels of {path} cannot be read: {error}", granule=self._name) from error

    def _read_content(self, path: Path) -> GranuleContent:
        objects, attributes = read_metadata(self._attributes(), path.name)
        structure = [item for item in objects if item.document.lower() == "structmetadata"]
        groups, members = read_vgroups(path)
        fields: list[StoredField] = []
        count, _ = self._sd.info()
        for index in range(count):
            field = self._field(index, members)
            if field is not None:
                self._indexes[field.path] = index
                fields.append(field)
        named = {str(item.value): "swath" for item in structure if item.name == "SwathName"}
        named |= {str(item.value): "grid" for item in structure if item.name == "GridName"}
        placed = place_fields(fields, structure, self._axis)
        self._all, self._merged = placed.stored, placed.merged
        return GranuleContent(
            reader="hdf4_eos",
            files=(path,),
            layers=placed.layers,
            groups=groups | named,
            attributes=attributes,
            objects=objects,
            lattices=self._lattices(placed.stored),
            sidecars=self._sidecars,
            read_positions=self.read_layer,
        )

    def _axis(self, path: str) -> NDArray[Any]:
        return self._pixels(path)

    def _lattices(self, layers: Mapping[str, Layer]) -> dict[str, Lattice]:
        """Read the positions of each swath that gives few of them."""
        found = {}
        for latitude in layers.values():
            longitude = layers.get(f"{latitude.group}/Longitude" if latitude.group else "Longitude")
            is_lattice = latitude.name in _LATITUDES and longitude is not None and longitude.shape == latitude.shape
            if longitude is None or not is_lattice or len(latitude.shape) != 2 or max(latitude.shape) > _MAX_LATTICE:
                continue
            values = [np.asarray(self._pixels(path), dtype="float64") for path in (latitude.path, longitude.path)]
            found[latitude.group] = Lattice(latitude=values[0], longitude=values[1], latitude_field=latitude.name)
        return found

    def _attributes(self) -> list[tuple[str, Any]]:
        found = []
        for index in range(self._sd.info()[1]):
            attribute = self._sd.attr(index)
            name, kind, length = attribute.info()
            found.append((name, read_text(self._sd, index, length) if kind == SDC.CHAR else attribute.get()))
        return found

    def _field(self, index: int, members: Mapping[int, str]) -> StoredField | None:
        """Describe one scientific data set; None for one without numbers."""
        dataset = self._sd.select(index)
        try:
            name, rank, dims, kind, _ = dataset.info()
            names = tuple(str(dataset.dim(i).info()[0]) for i in range(rank))
            found = StoredField(
                name=name,
                group=members.get(dataset.ref()) or _group_of_dimensions(names),
                shape=tuple(int(size) for size in (dims if rank > 1 else [dims])),
                data_type=_TYPES.get(kind, ""),
                dims=names,
                attributes=dataset.attributes(),
                is_axis=bool(dataset.iscoordvar()),
            )
        finally:
            dataset.endaccess()
        return found if found.data_type else None


def _group_of_dimensions(names: Sequence[str]) -> str:
    """Return the swath or grid from dimension names such as ``ImageLine:VNIR_Swath``; empty when they do not agree."""
    found = {name.partition(":")[2] for name in names}
    return found.pop() if len(found) == 1 else ""
