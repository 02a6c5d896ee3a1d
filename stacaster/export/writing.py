"""From the name of the output to the writer of its format."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.analysis.bands import BESIDE, as_cube
from stacaster.analysis.pictures import write_picture
from stacaster.errors import UsageError
from stacaster.export.geotiff import write_geotiff
from stacaster.export.made import Progress, ProvenancedCube
from stacaster.export.netcdf import write_netcdf
from stacaster.export.results import write_results
from stacaster.export.tables import write_pixels
from stacaster.export.zarr_store import ZarrForm, read_zarr_form, write_zarr
from stacaster.model.checked import checked
from stacaster.model.values import read_path

if TYPE_CHECKING:
    import xarray as xr


@checked
def write_cube(
    cube: xr.Dataset | xr.DataArray,
    output: str | os.PathLike[str],
    *,
    items: Sequence[Any] = (),
    name: str = "cube",
    zarr_format: int | None = None,
    multiscales: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write a cube of one's own.

    Args:
        cube: Dataset or DataArray with dimensions (time, y, x) or (y, x), and a CRS.
        output: As for ``export``.
        items: Items that the cube was made of; a catalog of COGs names them as sources of all its items.
        name: Id of the collection of a catalog of COGs.
        zarr_format: As for ``export``.
        multiscales: As for ``export``.
        overwrite: Replace a file that exists.
        progress: Called with steps done, steps there are, and what is worked on.

    Returns:
        Path of the file or folder.

    Raises:
        UsageError: The file exists, or its name ends in something unknown.
        ExportError: The file cannot be written.

    Example:
        >>> cube = stacaster.open_catalog("catalogs/demo").load(bands=["red"], native=True, datetime="2003-12")
        >>> stacaster.write_cube(cube, "red.tif").name
        'red.tif'
    """
    cube = as_cube(cube)
    if not cube.data_vars:
        raise UsageError("the cube has no variable, so there is nothing to write")
    check_output(output, overwrite)
    form = read_zarr_form(Path(output), zarr_format, multiscales=multiscales)
    made = ProvenancedCube(cube=cube, scenes=(tuple(items),) * cube.sizes.get("time", 1), recipe={"name": name})
    return write_made(made, output, name=name, title=name, form=form, progress=progress)


def write_made(
    made: ProvenancedCube,
    output: str | os.PathLike[str],
    *,
    name: str,
    title: str,
    form: ZarrForm | None = None,
    progress: Progress | None,
) -> Path:
    """Write a cube in the format that the name of the output says."""
    path = Path(output)
    if path.suffix.lower() == ".zarr":
        return write_zarr(made.cube, path, progress=progress, form=form)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is not None:
        return writer(made.cube, path, progress=progress)
    return write_results(made, path, name=name, title=title, progress=progress)


def check_output(output: str | os.PathLike[str], overwrite: bool) -> None:
    """Refuse a place that cannot be written, before anything is computed.

    Raises:
        UsageError: The name says no known format, the file exists, or its folder cannot be made.
    """
    path = read_path("output", output)
    is_known = path.suffix.lower() in _WRITERS
    if not is_known and path.suffix and not path.is_dir():
        known = ", ".join(_WRITERS)
        raise UsageError(f"output is {path.name!r}, but a name ending in {known} or a folder is needed")
    if is_known:
        require_free(path, overwrite)


def require_free(path: Path, overwrite: bool) -> None:
    """Refuse a file that exists, or whose folder cannot be made.

    Raises:
        UsageError: It is so.
    """
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; overwrite=True replaces it")
    existing = next(folder for folder in path.absolute().parents if folder.exists())
    if not existing.is_dir():
        raise UsageError(f"{path} cannot be written: {existing} is a file")


def _draw(cube: xr.Dataset, path: Path, *, progress: Progress | None = None) -> Path:
    """Draw the variables with a legend, or three bands without a published range as red, green and blue."""
    del progress
    bands = [str(name) for name, band in cube.data_vars.items() if name not in BESIDE]
    is_colour = len(bands) == 3 and not any("display_range" in cube[name].attrs for name in bands)
    return write_picture(cube[bands], path, composite=bands if is_colour else None)


_WRITERS: dict[str, Callable[..., Path]] = {
    ".nc": write_netcdf,
    ".zarr": write_zarr,
    ".tif": write_geotiff,
    ".tiff": write_geotiff,
    ".csv": write_pixels,
    ".parquet": write_pixels,
    ".png": _draw,
}
