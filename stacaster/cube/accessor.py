"""``cube.stacaster``: what can be done with a cube, at hand in notebooks; ``import stacaster`` registers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import xarray as xr

from stacaster.analysis import composites, indices, pictures, timeseries
from stacaster.analysis.bands import as_cube
from stacaster.cube.notebook import cube_html
from stacaster.errors import ExportError
from stacaster.model.values import read_count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class CubeAccessor:
    """Indices, composites, series and pictures of a cube; ``cube.stacaster``, also of a DataArray.

    Args:
        cube: The cube.
    """

    def __init__(self, cube: xr.Dataset) -> None:
        self._cube = cube

    def __repr__(self) -> str:
        return f"<CubeAccessor: {', '.join(str(name) for name in self._cube.data_vars)}>"

    def _repr_html_(self) -> str:
        return cube_html(self._cube)

    def index(self, name: str | indices.Index) -> xr.DataArray:
        """Compute an index; see ``stacaster.compute_index``."""
        return indices.compute_index(self._cube, name)

    def composite(
        self,
        method: str = "median",
        *,
        period: str | None = None,
        mads: bool = False,
        greenness: float = composites.GREENNESS,
    ) -> xr.Dataset:
        """Make a composite; see ``stacaster.composite``."""
        return composites.composite(self._cube, method, period=period, mads=mads, greenness=greenness)

    def time_series(
        self,
        areas: Any | None = None,
        *,
        name_column: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> pd.DataFrame:
        """Return means of areas; see ``stacaster.time_series``."""
        return timeseries.time_series(self._cube, areas, name_column=name_column, progress=progress)

    def to_rgb(
        self, composite: str | Sequence[str] | None = None, *, percent: tuple[float, float] = pictures.PERCENT
    ) -> xr.DataArray:
        """Return colours, stretched between percentiles; see ``stacaster.analysis.pictures.to_rgb``."""
        return pictures.to_rgb(self._cube, composite, percent=percent)

    def plot(
        self, composite: str | Sequence[str] | None = None, *, percent: tuple[float, float] = pictures.PERCENT
    ) -> Figure:
        """Draw each variable with a legend, or a colour composite; see ``stacaster.analysis.pictures.draw``."""
        return pictures.draw(self._cube, composite, percent=percent)

    def plot_rgb(
        self, composite: str | Sequence[str] | None = None, *, percent: tuple[float, float] = pictures.PERCENT
    ) -> Figure:
        """Draw a colour composite; see ``stacaster.analysis.pictures.draw``."""
        chosen = (
            pictures.find_composite(composite) if composite is not None else pictures.possible_composite(self._cube)
        )
        return pictures.draw(self._cube, chosen.channels, percent=percent)

    def explore(self, name: str | Sequence[str] | None = None, *, time: int = 0) -> Any:
        """Show a map that can be moved, with one time of a variable or colour composite over it.

        Args:
            name: Variable, colour composite, or three bands; None takes the only variable, or a colour composite.
            time: Position of the time.

        Raises:
            ExportError: folium is missing.
        """
        try:
            import folium  # noqa: F401
        except ImportError as error:
            raise ExportError("maps need folium: pip install 'stacaster[explore]'") from error
        import odc.geo.xr  # noqa: F401

        position = read_count("time", time, low=0, high=self._cube.sizes.get("time", 1) - 1)
        cube = self._cube.isel(time=position) if "time" in self._cube.dims else self._cube
        if name is None and len(cube.data_vars) == 1:
            name = str(next(iter(cube.data_vars)))
        if isinstance(name, str) and name in cube.data_vars:
            band = cube[name].compute()
            shown = band.attrs.get("display_range") or band.attrs.get("valid_range")
            low, high = shown if shown is not None else pictures.limits_of(band.values)
            return band.odc.explore(vmin=low, vmax=high)
        return pictures.to_rgb(cube, name).odc.explore()


def accessor_of(cube: xr.Dataset | xr.DataArray) -> CubeAccessor:
    """Return ``cube.stacaster``; a DataArray is a cube of one variable."""
    return CubeAccessor(as_cube(cube))
