"""Tiles of heights as the bucket of Copernicus GLO-30 has them, of a plane."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from stacaster.sar.elevation.tiles import Tile


def height(longitude: Any, latitude: Any) -> Any:
    """Heights that rise evenly, so that what lies between two columns is known; a column east of 180 goes on."""
    return 900.0 + 40.0 * np.mod(longitude, 360) + 25.0 * latitude


@lru_cache(maxsize=16)
def tile_bytes(tile: Tile) -> bytes:
    """Return a tile as the bucket has it: the first height stands at the north-western corner of its degree."""
    x, y = 1 / tile.columns, 1 / 3600
    lon, lat = tile.longitude + np.arange(tile.columns) * x, tile.latitude + 1 - np.arange(3600) * y
    values = height(lon[None, :], lat[:, None]).astype("float32")
    fields = {"driver": "GTiff", "width": tile.columns, "height": 3600, "count": 1, "dtype": "float32",
              "crs": "EPSG:4326", "transform": Affine(x, 0, tile.longitude - x / 2, 0, -y, tile.latitude + 1 + y / 2),
              "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "zstd", "zlevel": 1,
              "predictor": 3}  # fmt: skip
    fields.pop("zlevel")
    with MemoryFile() as memory:
        with memory.open(**fields) as file:
            file.write(values, 1)
        return bytes(memory.read())
