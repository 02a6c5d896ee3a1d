"""Cubes as figures with titles and legends."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.bands import as_cube
from stacaster.analysis.pictures.canvas import DPI, new_figure
from stacaster.analysis.pictures.colours import PERCENT, limits_of, to_rgb
from stacaster.errors import ExportError, LoadError, UsageError
from stacaster.files.atomic import complete_file
from stacaster.model.checked import checked
from stacaster.model.values import read_path

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_MAX_PANELS = 24
_MAX_PIXELS = 1200
_COLUMNS = 4
_LETTERS_AN_INCH = 11


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
    whole = as_cube(cube)
    if not whole.data_vars or any(band.ndim < 2 for band in whole.data_vars.values() if band.dtype.kind in "fiu"):
        raise LoadError("a picture needs a cube with variables of dimensions (y, x)")
    thin = cut_to_data(_thinned(whole).compute())
    panels: list[tuple[xr.DataArray, str | None]]
    if composite is not None:
        panels = [(to_rgb(thin, composite, percent=percent), None)]
    else:
        panels = [(thin[name], str(name)) for name in thin.data_vars if thin[name].dtype.kind in "fiu"]
    times = thin.sizes.get("time", 1)
    if times * len(panels) > _MAX_PANELS:
        raise ExportError(f"{times} times of {len(panels)} variables are too many for one picture; choose some")
    rows = _rows_of(panels, times, percent)
    columns = max(len(row) for row in rows)
    figure = new_figure(*_size_of(panels[0][0], columns, len(rows)))
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for line, row in zip(axes, rows, strict=True):
        _draw_row(figure, line, row)
    title = cube_title(whole, [values for values, _ in panels])
    figure.suptitle(fill(title, int(_LETTERS_AN_INCH * figure.get_figwidth())), fontsize=11)
    return figure


@dataclass(frozen=True)
class _Panel:
    """One picture of a figure."""

    values: xr.DataArray
    """Of dimensions (y, x), or (y, x, band) for colours."""
    name: str | None
    """Variable; None for colours."""
    limits: tuple[float, float]
    """Values at both ends of the colour bar."""
    title: str
    """What stands above."""


def _rows_of(
    panels: Sequence[tuple[xr.DataArray, str | None]], times: int, percent: tuple[float, float]
) -> list[list[_Panel]]:
    """Return the panels of each row: the times of one variable, or several variables of one time."""
    titles = [str(values.attrs.get("long_name") or name or "") for values, name in panels]
    if len(set(titles)) < len(titles):  # "reflectance" of several bands
        titles = [str(name) for _, name in panels]
    listed = []
    for (values, name), title in zip(panels, titles, strict=True):
        limits = (0.0, 1.0) if name is None else _limits(values, percent)
        parts = [values.isel(time=number) for number in range(times)] if "time" in values.dims else [values]
        shown = title if len(panels) > 1 else ""
        listed.append([
            _Panel(part, name, limits, "\n".join(text for text in (shown[:60], _time_of(part)) if text) or title)
            for part in parts
        ])  # fmt: skip
    if times == 1:
        single = [row[0] for row in listed]
        return [single[first : first + _COLUMNS - 1] for first in range(0, len(single), _COLUMNS - 1)]
    return [row[first : first + _COLUMNS] for row in listed for first in range(0, times, _COLUMNS)]


def _time_of(values: xr.DataArray) -> str:
    return f"{np.datetime_as_string(values['time'].values, unit='m')}Z" if "time" in values.coords else ""


def _size_of(values: xr.DataArray, columns: int, rows: int) -> tuple[float, float]:
    """Return width and height in inches, so that panels are as high as their pixels ask for."""
    y, x = (values[dim].values for dim in _plane(values))
    extent = _extent(x, y)
    shape = (extent[3] - extent[2]) / (extent[1] - extent[0])
    if columns == 1:
        # A wide strip alone has the width of a page.
        return 4.8 + 3.6 * min(max(0.6 / shape - 1, 0), 1), 3.5 * min(max(shape, 0.35), 1.6) + 1.3
    return 3.6 * columns + 1.2, (3.5 * min(max(shape, 0.35), 1.6) + 0.9) * rows + 0.4


def _plane(values: xr.DataArray) -> tuple[Any, Any]:
    """Return the names of the dimensions along y and x, of colours too."""
    names = [dim for dim in values.dims if dim not in ("time", "band")]
    return names[0], names[1]


def cut_to_data(cube: xr.Dataset) -> xr.Dataset:
    """Return the part of a cube in memory around the pixels that have a value; all of it where none has."""
    bands = [band for band in cube.data_vars.values() if band.dtype.kind in "fiu" and band.ndim >= 2]
    y, x = bands[0].dims[-2:]
    valid = np.zeros((cube.sizes[y], cube.sizes[x]), dtype=bool)
    for band in bands:
        if band.dims[-2:] == (y, x):
            valid |= np.isfinite(_valid(band)).reshape(-1, *valid.shape).any(axis=0)
    if not valid.any():
        return cube
    lines, columns = np.flatnonzero(valid.any(axis=1)), np.flatnonzero(valid.any(axis=0))
    return cube.isel({y: slice(lines[0], lines[-1] + 1), x: slice(columns[0], columns[-1] + 1)})


def cube_title(cube: xr.Dataset, shown: Sequence[xr.DataArray] = ()) -> str:
    """Return collections, first and last day of a cube; in front what is shown, where that is one thing."""
    names = {str(values.attrs.get("long_name") or values.name or "") for values in shown}
    parts = [*names] if len(names) == 1 else []
    if method := str(cube.attrs.get("composite") or ""):
        parts = [f"{method} of {' '.join(parts)}" if parts else method]
    # Of which product: "aster-l1t-003".
    known = [str(band.attrs["collections"]) for band in cube.data_vars.values() if band.attrs.get("collections")]
    parts += [*dict.fromkeys(known)][:1]
    if "time" in cube.coords and cube["time"].size:
        times = np.atleast_1d(cube["time"].values)
        first, last = (str(np.datetime_as_string(time, unit="D")) for time in (times.min(), times.max()))
        parts.append(first if first == last else f"{first} to {last}")
    elif "time_coverage_start" in cube.attrs:
        first, last = (str(cube.attrs.get(f"time_coverage_{end}", ""))[:10] for end in ("start", "end"))
        parts.append(first if first == last else f"{first} to {last}")
    return ", ".join(part for part in parts if part)


@checked
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
        figure.savefig(part, dpi=DPI, metadata={"Software": None})
    return path


def _draw_row(figure: Any, axes: Sequence[Any], row: Sequence[_Panel]) -> None:
    """Draw panels; those of one variable share a colour bar."""
    is_shared = len({panel.name for panel in row}) == 1
    drawn = None
    for number, (axis, panel) in enumerate(zip(axes, row, strict=False)):
        drawn = _draw_panel(axis, panel, is_first=number == 0)
        if panel.name is not None and not is_shared:
            _draw_bar(figure, drawn, [axis], panel)
    if is_shared and row[0].name is not None:
        # Beside all places of the row, also empty ones, so that panels of all rows are of one size.
        _draw_bar(figure, drawn, list(axes), row[0])


def _draw_bar(figure: Any, drawn: Any, axes: list[Any], panel: _Panel) -> None:
    unit = panel.values.attrs.get("units", "1")
    label = str(panel.name) if unit in ("1", "dn") else f"{panel.name} [{unit}]"
    figure.colorbar(drawn, ax=axes, shrink=0.9, extend="both", label=label)


def _limits(values: xr.DataArray, percent: tuple[float, float]) -> tuple[float, float]:
    """Return the published range of a variable, else percentiles of all its times."""
    shown = values.attrs.get("display_range") or values.attrs.get("valid_range")
    low, high = shown if shown is not None else limits_of(_valid(values), percent=percent)
    return float(low), float(high)


def _extent(x: NDArray[Any], y: NDArray[Any]) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top edges of pixels with these centres."""
    half_x, half_y = (abs(float(axis[-1] - axis[0])) / max(len(axis) - 1, 1) / 2 or 0.5 for axis in (x, y))
    return float(x.min()) - half_x, float(x.max()) + half_x, float(y.min()) - half_y, float(y.max()) + half_y


def _draw_panel(axis: Any, panel: _Panel, *, is_first: bool) -> Any:
    values = panel.values
    y_name, x_name = _plane(values)
    x, y = values[x_name].values, values[y_name].values
    options: dict[str, Any] = {"extent": _extent(x, y), "origin": "upper" if y[0] >= y[-1] else "lower"}
    axis.set_axis_on()
    pixels = values.values if panel.name is None else _valid(values)
    if panel.name is not None:
        options |= {"vmin": panel.limits[0], "vmax": panel.limits[1], "cmap": "viridis"}
    drawn = axis.imshow(pixels, **options)
    if not (pixels[..., -1].any() if panel.name is None else np.isfinite(pixels).any()):
        axis.text(0.5, 0.5, "no data", transform=axis.transAxes, ha="center", va="center", fontsize=8, color="#64748b")
    axis.set_title(panel.title, fontsize=9)
    axis.set_xlabel(_axis_label(values, str(x_name), with_crs=True), fontsize=7)
    if is_first:
        axis.set_ylabel(_axis_label(values, str(y_name)), fontsize=7)
    else:
        axis.tick_params(labelleft=False)
    axis.tick_params(labelsize=7)
    axis.ticklabel_format(style="plain", useOffset=False)
    axis.locator_params(nbins=4)
    return drawn


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
