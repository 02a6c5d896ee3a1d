"""Files of which GDAL reads the pixels, and this reader finds out where they belong.

What GDAL reads does not depend on what else is read with it; what it warps does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo import CRS

from stacaster.geotiff.driver.files import Opened
from stacaster.geotiff.driver.georeference import Georeference
from stacaster.geotiff.driver.levels import Image, Level
from stacaster.geotiff.driver.unsupported import UnsupportedError
from stacaster.geotiff.odc_private import rio_env
from stacaster.geotiff.opening import drivers_for, open_with

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DATA_TYPES = {"uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"}
# Rows and columns of a block at least.
_SIDE = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class _GdalLevel(Level):
    number: int
    """0 is full resolution."""
    band: int
    is_mask: bool = False


class GdalSource:
    """Blocks of a file by GDAL.

    Args:
        uri: Address as GDAL takes it.
        band: Number of the band in the file.
        datasets: Open levels by their number; takes those that are opened later.
    """

    def __init__(self, uri: str, band: int, datasets: dict[int, Any]) -> None:
        self.band = band
        self._uri, self._datasets = uri, datasets

    def dataset(self, level: Level) -> Any:
        """Return a level of the file, opened by rasterio."""
        assert isinstance(level, _GdalLevel)
        if level.number not in self._datasets:
            self._datasets[level.number] = _opened_file(self._uri, level.number)
        return self._datasets[level.number]

    def blocks(
        self, level: Level, tiles: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[tuple[int, int], NDArray[Any] | None]]:
        """Yield blocks of a level by their row and column of blocks."""
        assert isinstance(level, _GdalLevel)
        dataset = self.dataset(level)
        read = dataset.read_masks if level.is_mask else dataset.read
        for row, col in tiles:
            top, left = row * level.tile_height, col * level.tile_width
            low, right = min(top + level.tile_height, level.height), min(left + level.tile_width, level.width)
            block = np.zeros((level.tile_height, level.tile_width), dtype=level.dtype)
            block[: low - top, : right - left] = read(level.band, window=((top, low), (left, right)))
            yield (row, col), block


def _opened_file(uri: str, level: int) -> Any:
    options = {"overview_level": level - 1} if level else {}
    return open_with(uri, drivers_for(uri), **options)


@contextmanager
def opened_by_gdal(
    uri: str, band: int, env: Mapping[str, Any], known: dict[tuple[str, int], Opened]
) -> Iterator[tuple[Opened, GdalSource]]:
    """Open one band of a file with rasterio; it is band 1 of what is given.

    Args:
        uri: Address as GDAL takes it.
        band: Number of the band.
        env: Settings of GDAL.
        known: Keeps what is known of files and bands during one load.

    Raises:
        UnsupportedError: It has no grid, or no numbers that are known here.
        RasterioError: It cannot be read.
    """
    # Files next to one on this disk count: masks, overviews, places.
    settings = {**env, "VSI_CACHE": False} | ({} if "://" in uri else {"GDAL_DISABLE_READDIR_ON_OPEN": "FALSE"})
    datasets: dict[int, Any] = {}
    with rio_env(**settings):
        try:
            datasets[0] = _opened_file(uri, 0)
            if (uri, band) not in known:
                known[uri, band] = _opened(datasets[0], uri, band)
            yield known[uri, band], GdalSource(uri, band, datasets)
        finally:
            for dataset in datasets.values():
                dataset.close()


def _opened(dataset: Any, uri: str, band: int) -> Opened:
    if dataset.crs is None or dataset.transform.is_identity:
        raise UnsupportedError("it says no CRS or no grid")
    if not 1 <= band <= dataset.count:
        raise UnsupportedError(f"it has no band {band}")
    dtype = dataset.dtypes[band - 1]
    if dtype not in _DATA_TYPES:
        raise UnsupportedError(f"its data type is {dtype}")
    levels = [_level(dataset, 0, band, dtype)]
    for number in range(1, len(dataset.overviews(band)) + 1):
        with _opened_file(uri, number) as overview:
            levels.append(_level(overview, number, band, dtype))
    levels = [
        levels[0],
        *sorted((one for one in levels[1:] if one.width < levels[0].width), key=lambda one: -one.width),
    ]
    flags = {flag.name for flag in dataset.mask_flag_enums[band - 1]}
    masks = tuple(replace(level, is_mask=True, dtype="uint8") for level in levels) if "per_dataset" in flags else ()
    image = Image(
        bands=(tuple(levels),), masks=masks, georeference=Georeference(dataset.transform, None),
        nodata=dataset.nodatavals[band - 1],
    )  # fmt: skip
    return Opened(image, CRS(dataset.crs))


def _level(dataset: Any, number: int, band: int, dtype: str) -> _GdalLevel:
    height, width = dataset.block_shapes[band - 1]
    return _GdalLevel(
        width=dataset.width, height=dataset.height, tile_width=-(-_SIDE // width) * width,
        tile_height=-(-_SIDE // height) * height, dtype=dtype, compression="gdal", offsets=np.empty(0, "int64"),
        counts=np.empty(0, "int64"), number=number, band=band,
    )  # fmt: skip
