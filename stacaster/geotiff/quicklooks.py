"""Small pictures of a granule beside its bands, as people see them in STAC Browser.

Decision: thumbnails are assets of the item, with checksums, made from the verified COGs in the worker. They are no
item_assets of the collection, which lists bands.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from stacaster.errors import SpaceError, WriteError, is_space_error
from stacaster.files.checksums import multihash

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIZE = 320
_PERCENT = (2.0, 98.0)


class WrittenBands(Mapping[str, Path]):
    """Paths of the bands of a granule while they are written; who looks one up waits until it is there.

    Args:
        names: Names of all bands.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._paths: dict[str, Future[Path]] = {name: Future() for name in names}

    def add(self, name: str, path: Path) -> None:
        """Say that a band is there."""
        self._paths[name].set_result(path)

    def close(self) -> None:
        """Let nobody wait for a band that will not come."""
        for future in self._paths.values():
            future.cancel()

    def __getitem__(self, name: str) -> Path:
        return self._paths[name].result()

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def write_quicklooks(
    renders: Mapping[str, Mapping[str, Any]], bands: Mapping[str, Path], folder: Path
) -> dict[str, dict[str, Any]]:
    """Write a PNG for each render whose bands are there.

    Values between the 2nd and 98th percentile of the picture become dark to bright; pixels without data are
    transparent.

    Args:
        renders: Of the product: one or three ``assets`` each; the first that can be drawn becomes the thumbnail.
        bands: COG of each band; looking one up may wait until it is written.
        folder: Where to write.

    Returns:
        STAC assets by key, hrefs relative to the folder.

    Raises:
        WriteError: A file cannot be written, or is not what was read back.
        SpaceError: The disk is full.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, render in renders.items():
        wanted = [str(key) for key in render["assets"]]
        if not all(key in bands for key in wanted):
            continue
        picture = _picture([bands[key] for key in wanted])
        if picture is None:
            continue
        key = f"thumbnail-{name}" if found else "thumbnail"
        path = folder / f"{key}.png"
        content = _write(picture, path)
        found[key] = {
            "href": f"./{path.name}",
            "type": "image/png",
            "title": str(render["title"]),
            "roles": ["overview" if key != "thumbnail" else "thumbnail"],
            "file:size": len(content),
            "file:checksum": multihash(hashlib.sha256(content).hexdigest()),
        }
    return found


def _picture(paths: list[Path]) -> NDArray[np.uint8] | None:
    """Return red, green, blue and alpha, shape (4, rows, cols), or None without a valid pixel."""
    channels, valid = [], None
    for path in paths:
        with rasterio.open(path, driver="GTiff") as file:
            step = max(1.0, max(file.shape) / _SIZE)
            shape = tuple(max(1, round(size / step)) for size in file.shape)
            pixels = file.read(1, out_shape=shape, resampling=Resampling.average, masked=True)
        here = ~np.ma.getmaskarray(pixels)
        channels.append(pixels.filled(0).astype(np.float64))
        valid = here if valid is None else valid & here
    assert valid is not None
    if not valid.any():
        return None
    colours = [np.where(valid, _stretched(channel, valid), 0).astype(np.uint8) for channel in channels]
    if len(colours) == 1:
        colours *= 3
    return np.stack([*colours, np.where(valid, 255, 0).astype(np.uint8)])


def _stretched(channel: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    low, high = np.percentile(channel[valid], _PERCENT)
    span = high - low if high > low else 1.0
    stretched: NDArray[np.float64] = np.rint(np.clip((channel - low) / span, 0, 1) * 255)
    return stretched


def _write(picture: NDArray[np.uint8], path: Path) -> bytes:
    """Write a picture, and return the bytes of the file."""
    count, rows, cols = picture.shape
    options = {"driver": "PNG", "count": count, "height": rows, "width": cols, "dtype": "uint8"}
    with warnings.catch_warnings(), rasterio.Env(GDAL_PAM_ENABLED="NO"), MemoryFile(ext=".png") as memory:
        # A picture has no place on Earth; the item says where it lies.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(**options) as file:
            file.write(picture)
        with memory.open() as file:
            again = file.read()
        content = bytes(memory.getbuffer())
    if not np.array_equal(again, picture):
        raise WriteError(f"{path.name} is not what was written", href=path.name)
    try:
        path.write_bytes(content)
    except OSError as error:
        kind = SpaceError if is_space_error(error) else WriteError
        raise kind(f"{path.name} cannot be written: {error.strerror or error}", href=path.name) from error
    return content
