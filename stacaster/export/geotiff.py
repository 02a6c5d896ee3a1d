"""One GeoTIFF of all variables and times, band after band."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import ExportError, WriteError
from stacaster.export.made import Progress
from stacaster.export.planes import Plane, grid_of, planes_of, strips_of, time_text
from stacaster.files.atomic import complete_file

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

_MAX_BANDS = 65_535
_BLOCK = 512


def write_geotiff(cube: xr.Dataset, path: Path, *, progress: Progress | None = None) -> Path:
    """Write a cube as one tiled, compressed GeoTIFF; the bands are named ``VARIABLE TIME``.

    Variables of different types are written in the smallest type that holds all of them.

    Args:
        cube: Dataset with dimensions (time, y, x) or (y, x), and a CRS.
        path: File to write; replaced when it exists.
        progress: Called after every band.

    Returns:
        The path.

    Raises:
        SpaceError: The disk is full.
        WriteError: What was written is not what comes back.
        ExportError: The file cannot be written, there are too many bands, or several values stand for no data.
    """
    import rasterio
    from rasterio.windows import Window

    planes = list(planes_of(cube))
    grid = grid_of(cube)
    if len(planes) > _MAX_BANDS:
        raise ExportError(f"{path.name}: {len(planes)} bands are more than a GeoTIFF can hold; write .nc or .zarr")
    data_type = np.result_type(*{np.dtype(plane.data_type) for plane in planes})
    nodata = _nodata(planes, data_type, path)
    predictor = 3 if data_type.kind == "f" else 2
    options = {"tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK, "compress": "deflate", "interleave": "band",
               "predictor": predictor, "bigtiff": "if_safer", "sparse_ok": False}  # fmt: skip
    sums: list[tuple[int, Window, int]] = []

    def check(written: Path) -> None:
        with rasterio.open(written, driver="GTiff") as file:
            for number, window, expected in sums:
                if _checksum(file.read(number, window=window)) != expected:
                    raise WriteError(f"{path}: band {number} is not what was written, from row {window.row_off} on")

    with complete_file(path, check=check) as staged:  # noqa: SIM117 - GDAL closes the file before it is looked at
        with rasterio.open(staged, "w", driver="GTiff", width=grid.shape[1], height=grid.shape[0], count=len(planes),
                           dtype=data_type.name, crs=str(grid.crs), transform=grid.transform, nodata=nodata,
                           **options) as file:  # fmt: skip
            for number, plane in enumerate(planes, start=1):
                for rows in strips_of(plane.values):
                    window = Window(0, rows.start, grid.shape[1], rows.stop - rows.start)
                    pixels = _pixels(plane, rows, data_type, nodata)
                    sums.append((number, window, _checksum(pixels)))
                    file.write(pixels, number, window=window)
                file.set_band_description(number, _title(plane))
                file.update_tags(number, **_tags(plane))
                if progress is not None:
                    progress(number, len(planes), _title(plane))
    return path


def _checksum(pixels: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(pixels).view(np.uint8).data)


def _title(plane: Plane) -> str:
    return plane.name if plane.time is None else f"{plane.name} {time_text(plane.time)}"


def _tags(plane: Plane) -> dict[str, str]:
    texts = {key: str(value) for key, value in plane.values.attrs.items() if key not in ("grid_mapping", "nodata")}
    return texts if plane.time is None else texts | {"time": time_text(plane.time)}


def _nodata(planes: list[Plane], data_type: np.dtype[Any], path: Path) -> int | float | None:
    if data_type.kind == "f":
        return float("nan")
    found = {plane.nodata for plane in planes if plane.nodata is not None}
    if len(found) > 1:
        values = ", ".join(str(value) for value in sorted(found))
        raise ExportError(f"{path.name}: no data is {values} in different variables; write .nc, or fewer bands")
    return found.pop() if found else None


def _pixels(plane: Plane, rows: slice, data_type: np.dtype[Any], nodata: int | float | None) -> NDArray[Any]:
    pixels = plane.read(rows)
    own = plane.nodata
    changed = pixels.astype(data_type)
    if own is not None and not np.isnan(own) and nodata is not None and np.isnan(nodata):
        changed[pixels == own] = np.nan
    return changed
