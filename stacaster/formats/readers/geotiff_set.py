"""Granules that are sets of single-band GeoTIFF files, loose or in a zip archive."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError, RasterioIOError

from stacaster.errors import ReadError
from stacaster.formats.archives import is_archive, open_archive, text_lattices
from stacaster.formats.granule_files import Closing
from stacaster.formats.metadata.safe import parse_burst
from stacaster.formats.metadata.sidecars import read_umm_sidecar, verify_against_umm
from stacaster.model import GranuleContent, Layer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_BANDS = 100
MAX_LAYER_BYTES = 8 << 30
"""Largest layer that is read: 8 GiB; a file that declares more is damaged or hostile."""


def open_files(files: Sequence[Path]) -> GeotiffSet:
    """Open the files of one granule.

    Raises:
        ReadError: A file is damaged, is no plain GeoTIFF, or differs from its checksum.
    """
    return GeotiffSet(files)


class GeotiffSet(Closing):
    """An open set of GeoTIFF files; see ``model.OpenGranule``."""

    content: GranuleContent

    def __init__(self, files: Sequence[Path]) -> None:
        archives = [path for path in files if is_archive(path)]
        notes = [path for path in files if path.suffix.lower() == ".xml"]
        loose = [path for path in files if path not in archives and path not in notes]
        self._paths: dict[str, Path | str] = {path.name: path for path in loose}
        texts: dict[str, str] = {}
        for path in archives:
            members, inner = open_archive(path, max_bytes=MAX_LAYER_BYTES)
            self._paths |= members
            texts |= inner
        if len(self._paths) < len(loose):
            raise ReadError("two files of the granule have the same name", granule=files[0].name)
        umm = _sidecar(files)
        for path in (*loose, *notes):
            if umm is not None:
                verify_against_umm(path, umm, origin="its .cmr.json sidecar")
        layers = {
            layer.path: layer for name, place in sorted(self._paths.items()) for layer in _layers(name, place)
        }  # fmt: skip
        self.content = GranuleContent(
            reader="geotiff_set",
            files=tuple(files),
            layers=layers,
            lattices=text_lattices(texts, files[0].name),
            sidecars=({} if umm is None else {"umm": umm}) | _burst_metadata(notes),
        )

    def read_layer(self, path: str) -> NDArray[Any]:
        """Return all pixels of a layer in their stored type; see ``model.OpenGranule``."""
        try:
            name, _, number = path.partition("#")
            with _open(self._paths[name]) as dataset:
                pixels: NDArray[Any] = dataset.read(int(number or 1))
        except (RasterioError, ValueError) as error:
            raise ReadError(f"the pixels cannot be read: {_reason(error)}", granule=path) from error
        return pixels

    def read_part(self, path: str, part: tuple[int | slice, ...]) -> NDArray[Any]:
        """Return a part of a layer; see ``model.OpenGranule``."""
        pixels: NDArray[Any] = self.read_layer(path)[part]
        return pixels

    def strips(self, path: str, window: tuple[slice, slice]) -> Iterator[NDArray[Any]]:
        """Yield a window of a layer at once; see ``model.OpenGranule``."""
        yield self.read_layer(path)[window]


def _sidecar(files: Sequence[Path]) -> dict[str, Any] | None:
    """Read the ``.cmr.json`` whose name is the beginning of the names of all files."""
    # Files share the beginning of their names, not folders: the comparison by characters is meant.
    prefix = os.path.commonprefix([path.name for path in files])  # noqa: RUF071
    for end in range(len(prefix), 0, -1):
        if end == len(prefix) or prefix[end] in "_.":
            found = read_umm_sidecar(files[0].with_name(f"{prefix[:end]}.cmr.json"))
            if found is not None:
                return found
    return None


def _burst_metadata(notes: Sequence[Path]) -> dict[str, Any]:
    """Return manifest and annotations of the XML beside a burst; empty without one."""
    if not notes:
        return {}
    try:
        return {"burst": parse_burst(notes[0].read_text("utf-8", "replace"), name=notes[0].name)}
    except OSError as error:
        raise ReadError(f"cannot be opened: {error.strerror or error}", granule=notes[0].name) from error


def _open(path: Path | str) -> Any:
    """Open with the GeoTIFF driver alone: a virtual raster of that name could open other files and the network."""
    return rasterio.open(path, driver="GTiff")


def _layers(name: str, place: Path | str) -> list[Layer]:
    """Describe the bands of a file: one is called as the file, several ``NAME#1``, ``NAME#2`` ..."""
    try:
        with _open(place) as dataset:
            size = dataset.width * dataset.height * 8
            if size > MAX_LAYER_BYTES:
                raise ReadError(f"declares {dataset.height} x {dataset.width} pixels, too many", granule=name)
            if dataset.count > _MAX_BANDS:
                raise ReadError(f"has {dataset.count} bands, more than {_MAX_BANDS}", granule=name)
            geobox = None
            if dataset.crs is not None:
                geobox = GeoBox((dataset.height, dataset.width), dataset.transform, dataset.crs.to_wkt())
            names = [name] if dataset.count == 1 else [f"{name}#{number}" for number in dataset.indexes]
            return [
                Layer(
                    path=path,
                    name=path,
                    group="",
                    shape=(dataset.height, dataset.width),
                    data_type=str(dataset.dtypes[number]),
                    nodata=dataset.nodatavals[number],
                    geobox=geobox,
                    attributes=_attributes(dataset, number),
                    placed_by="GeoTIFF",
                )
                for number, path in enumerate(names)
            ]
    except (RasterioIOError, RasterioError) as error:
        raise ReadError(f"cannot be opened as GeoTIFF: {_reason(error)}", granule=name) from error


def _attributes(dataset: Any, number: int) -> dict[str, Any]:
    """Return the tags of a file and of one of its bands, with scale, offset, unit and description as CF names them."""
    found: dict[str, Any] = {**dataset.tags(), **dataset.tags(number + 1)}
    scale, offset = float(dataset.scales[number]), float(dataset.offsets[number])
    if (scale, offset) != (1.0, 0.0):
        found |= {"scale_factor": scale, "add_offset": offset}
    if dataset.units[number]:
        found["units"] = dataset.units[number]
    if dataset.descriptions[number]:
        found["long_name"] = dataset.descriptions[number]
    return found


def _reason(error: BaseException) -> str:
    return str(error.__cause__ or error)
