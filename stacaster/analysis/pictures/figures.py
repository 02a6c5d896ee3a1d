"""Cubes as figures with titles and legends."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.bands import as_cube
from stacaster.analysis.pictures.colours import PERCENT, limits_of, to_rgb
from stacaster.errors import ExportError, LoadError, UsageError
from stacaster.files.atomic import complete_file
from stacaster.model.values import read_path

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_DPI = 110
_MAX_PANELS = 24
_MAX_PIXELS = 1200


def draw(
    cube: xr.Dataset | xr.DataArray,
    composite: str | Sequence[str] | None = None,
    *,
    percent: tuple[float, float] = PERCENT,
) -> Figure:
    """Draw a cube: a colour composite, or each variable with a legend, one panel a time.

    A variable with a published range (``display_range``, else ``valid_range``) is shown in it, another between
    percentiles.

    Args:
        cube: Dataset of dimensions (time, y, x) or (y, x).
        composite: Name of a colour composite, or three bands or formulas; None draws the variables.
        percent: Percentiles where there is no published range.

    Raises:
        ExportError: matplotlib is missing, or there is too much to draw.
        UsageError: There is no such composite.
        LoadError: The cube lacks a band.
    """
    thin = as_cube(cube)
    if not thin.data_vars or any(band.ndim < 2 for band in thin.data_vars.values() if band.dtype.kind in "fiu"):
        raise LoadError("a picture needs a cube with variables of dimensions (y, x)")
    thin = _thinned(thin)
    if composite is not None:
        rgb = to_rgb(thin, composite, percent=percent)
        panels: list[tuple[xr.DataArray, str | None]] = [(rgb, None)]
    else:
        panels = [(thin[name].compute(), str(name)) for name in thin.data_vars if thin[name].dtype.kind in "fiu"]
    times = thin.sizes.get("time", 1)
    if times * len(panels) > _MAX_PANELS:
        raise ExportError(f"{times} times of {len(panels)} variables are too many for one picture; choose some")
    across = len(panels) if len(panels) > 1 else min(4, times)
    down = -(-times * len(panels) // across)
    figure = new_figure(4.6 * across + 0.6, 3.9 * down + 0.4)
    axes = figure.subplots(down, across, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for column, (values, name) in enumerate(panels):
        for number in range(times):
            place = axes[number, column] if len(panels) > 1 else axes.flat[number]
            part = values.isel(time=number) if "time" in values.dims else values
            _draw_panel(figure, place, part, name, percent)
    return figure


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, which notebooks show without a plotting backend.

    Raises:
        ExportError: matplotlib is missing.
    """
    figure: Figure = _shown_figure()(figsize=(width, height), layout="constrained")
    return figure


@cache
def _shown_figure() -> type[Figure]:
    """Return a class of figures that notebooks show without a plotting backend."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExportError("pictures need matplotlib: pip install 'stacaster[plot]'") from error

    class ShownFigure(Figure):
        """A figure that draws itself."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            FigureCanvasAgg(self)

        def _repr_png_(self) -> bytes:
            buffer = BytesIO()
            self.savefig(buffer, format="png", dpi=_DPI)
            return buffer.getvalue()

    return ShownFigure


def write_picture(
    cube: xr.Dataset | xr.DataArray,
    output: str | os.PathLike[str],
    *,
    composite: str | Sequence[str] | None = None,
    percent: tuple[float, float] = PERCENT,
) -> Path:
    """Draw a cube into a PNG file; see ``draw``.

    Raises:
        UsageError: The name does not end in ``.png``.
        ExportError: matplotlib is missing, there is too much to draw, or the file cannot be written.

    Example:
        >>> cube = stacaster.open_catalog("catalogs/demo").load(bands=["red"], native=True, datetime="2003-12")
        >>> stacaster.write_picture(cube, "red.png").name
        'red.png'
    """
    path = read_path("output", output)
    if path.suffix.lower() != ".png":
        raise UsageError(f"output is {path.name!r}, but a name ending in .png is needed")
    figure = draw(cube, composite, percent=percent)
    with complete_file(path) as part:
        figure.savefig(part, dpi=_DPI, metadata={"Software": None})
    return path


def _draw_panel(figure: Any, axis: Any, values: xr.DataArray, name: str | None, percent: tuple[float, float]) -> None:
    across, down = values.dims[1], values.dims[0]
    x, y = values[across].values, values[down].values
    half_x, half_y = (abs(float(place[-1] - place[0])) / max(len(place) - 1, 1) / 2 for place in (x, y))
    extent = (float(x.min()) - half_x, float(x.max()) + half_x, float(y.min()) - half_y, float(y.max()) + half_y)
    origin = "upper" if y[0] >= y[-1] else "lower"
    axis.set_axis_on()
    if name is None:
        axis.imshow(values.values, extent=extent, origin=origin)
    else:
        shown = values.attrs.get("display_range") or values.attrs.get("valid_range")
        low, high = shown if shown is not None else limits_of(_valid(values), percent=percent)
        drawn = axis.imshow(_valid(values), extent=extent, origin=origin, vmin=low, vmax=high, cmap="viridis")
        unit = values.attrs.get("units", "1")
        figure.colorbar(drawn, ax=axis, shrink=0.85, extend="both",
                        label=name if unit in ("1", "dn") else f"{name} [{unit}]")  # fmt: skip
    title = str(values.attrs.get("long_name", name or ""))
    moment = f"{np.datetime_as_string(values['time'].values, unit='m')}Z" if "time" in values.coords else ""
    axis.set_title("\n".join(part for part in (title[:60], moment) if part), fontsize=9)
    axis.set_xlabel(_axis_label(values, str(across), with_crs=True), fontsize=7)
    axis.set_ylabel(_axis_label(values, str(down)), fontsize=7)
    axis.tick_params(labelsize=7)
    axis.ticklabel_format(style="plain", useOffset=False)
    axis.locator_params(nbins=4)


def _axis_label(values: xr.DataArray, name: str, *, with_crs: bool = False) -> str:
    """Return what stands on an axis: its unit and, once, the CRS."""
    attrs = values[name].attrs
    unit = {"metre": "m", "degrees_east": "°", "degrees_north": "°"}.get(str(attrs.get("units")), attrs.get("units"))
    crs = attrs.get("crs") if with_crs else None
    return f"{name}{f' [{unit}]' if unit else ''}{f', {crs}' if crs else ''}"


def _valid(values: xr.DataArray) -> NDArray[Any]:
    nodata = values.attrs.get("nodata")
    plain = values.values.astype(np.float64)
    return plain if nodata is None else np.where(values.values == nodata, np.nan, plain)


def _thinned(cube: xr.Dataset) -> xr.Dataset:
    """Return every n-th pixel of what is larger than a screen."""
    band = next(iter(cube.data_vars.values()))
    steps = {dim: max(1, -(-band.sizes[dim] // _MAX_PIXELS)) for dim in band.dims[-2:]}
    return cube.isel({dim: slice(step // 2, None, step) for dim, step in steps.items()})
