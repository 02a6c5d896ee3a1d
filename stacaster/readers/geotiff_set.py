"""Granules that are sets of single-band GeoTIFF files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError, RasterioIOError

from stacaster.errors import ReadError
from stacaster.model import GranuleContent, Layer
from stacaster.sidecars import read_umm_sidecar, verify_against_umm

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

MAX_LAYER_BYTES = 8 << 30
"""Largest layer that is read: 8 GiB; a file that declares more is damaged or hostile."""


def open_files(files: Sequence[Path]) -> GeotiffSet:
    """Open the files of one granule.

    Raises:
        ReadError: A file is damaged, is no plain GeoTIFF, or differs from its checksum.
    """
    return GeotiffSet(files)


class GeotiffSet:
    """An open set of GeoTIFF files; see ``model.OpenGranule``."""

    content: GranuleContent

    def __init__(self, files: Sequence[Path]) -> None:
        self._paths = {path.name: path for path in files}
        if len(self._paths) != len(files):
            raise ReadError("two files of the granule have the same name", granule=files[0].name)
        umm = _sidecar(files)
        for path in files:
            if umm is not None:
                verify_against_umm(path, umm, origin="its .cmr.json sidecar")
        layers = {path.name: _layer(path) for path in files}
        sidecars = {} if umm is None else {"umm": umm}
        self.content = GranuleContent(reader="geotiff_set", files=tuple(files), layers=layers, sidecars=sidecars)

    def __enter__(self) -> GeotiffSet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing stays open between reads."""

    def read_layer(self, path: str) -> NDArray[Any]:
        """Return all pixels of a layer in their stored type; see ``model.OpenGranule``."""
        try:
            with _open(self._paths[path]) as dataset:
                pixels: NDArray[Any] = dataset.read(1)
        except (RasterioError, ValueError) as error:
            raise ReadError(f"the pixels cannot be read: {_reason(error)}", granule=path) from error
        return pixels


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


def _open(path: Path) -> Any:
    """Open with the GeoTIFF driver alone: a virtual raster of that name could open other files and the network."""
    return rasterio.open(path, driver="GTiff")


def _layer(path: Path) -> Layer:
    try:
        with _open(path) as dataset:
            if dataset.count != 1:
                text = f"has {dataset.count} bands, but one is needed; is it a browse image?"
                raise ReadError(text, granule=path.name)
            size = dataset.width * dataset.height * 8
            if size > MAX_LAYER_BYTES:
                raise ReadError(f"declares {dataset.height} x {dataset.width} pixels, too many", granule=path.name)
            geobox = None
            if dataset.crs is not None:
                geobox = GeoBox((dataset.height, dataset.width), dataset.transform, dataset.crs.to_wkt())
            return Layer(
                path=path.name,
                name=path.name,
                group="",
                shape=(dataset.height, dataset.width),
                data_type=str(dataset.dtypes[0]),
                nodata=dataset.nodata,
                geobox=geobox,
                attributes=dict(dataset.tags()),
            )
    except (RasterioIOError, RasterioError) as error:
        raise ReadError(f"cannot be opened as GeoTIFF: {_reason(error)}", granule=path.name) from error


def _reason(error: BaseException) -> str:
    return str(error.__cause__ or error)
