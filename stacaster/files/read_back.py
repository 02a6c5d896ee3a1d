"""Decode a whole file once more before it gets its name: libraries lose errors of a full disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

_ROWS, _STRIP = 1 << 16, 512


def read_back(path: Path) -> None:
    """Read a file to its end in the way of its format; a format that only Python writes is not looked at.

    Args:
        path: File; its suffix says the format.

    Raises:
        OSError: The file cannot be read.
        Exception: Of the library that found the file damaged.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is not None:
        reader(path)


def _raster(path: Path) -> None:
    import warnings

    import rasterio
    from rasterio.windows import Window

    with warnings.catch_warnings():
        # A picture has no place on Earth.
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, driver="PNG" if path.suffix.lower() == ".png" else "GTiff") as file:
            for top in range(0, file.height, _STRIP):
                file.read(window=Window(0, top, file.width, min(_STRIP, file.height - top)))


def _hdf5(path: Path) -> None:
    import h5py

    def visit(_: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and node.shape:
            step = max(1, node.chunks[0] if node.chunks else _ROWS)
            for start in range(0, node.shape[0], step):
                node[start : start + step]

    with h5py.File(path, "r") as file:
        file.visititems(visit)


def _parquet(path: Path) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        rows = sum(file.read_row_group(number).num_rows for number in range(file.num_row_groups))
        if rows != file.metadata.num_rows:
            raise OSError(f"{rows} rows came back of {file.metadata.num_rows}")


def _json(path: Path) -> None:
    json.loads(path.read_bytes())


_READERS: dict[str, Callable[[Path], None]] = {
    ".tif": _raster, ".png": _raster, ".nc": _hdf5, ".parquet": _parquet, ".json": _json, ".geojson": _json,
}  # fmt: skip
