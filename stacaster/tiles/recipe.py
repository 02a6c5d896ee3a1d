"""What is computed of each tile: the recipe, as a small file or as options."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from stacaster.analysis.composites import GREENNESS, check_method
from stacaster.cube.grid_options import read_groupby
from stacaster.cube.masking import read_masking
from stacaster.cube.units import check_units
from stacaster.errors import UsageError
from stacaster.export.made import find_indices
from stacaster.files.settings import read_settings
from stacaster.geo.bbox_datetime import interval_text, parse_datetime
from stacaster.geo.grid_input import read_crs, read_resampling, read_resolution
from stacaster.model.checked import checked
from stacaster.model.names import as_names, check_known, one_of
from stacaster.model.run_options import RecipeOptions
from stacaster.model.values import read_number, read_path

_LISTS = ("bands", "index", "mask")
_NUMBERS = ("tile_size", "resolution", "greenness")
_FORMATS = ("cog", "netcdf", "zarr")
_PERIODS = ("day", "month", "season", "year")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is computed of each tile."""

    grid: str = "degree"
    """``degree``, ``mercator``, ``utm``, ``mgrs`` or a projected CRS."""
    tile_size: float | None = None
    """Side of a tile, in degrees or metres; for ``mercator`` the zoom level; None takes 1, for ``mgrs`` 100000."""
    resolution: float | None = None
    """Side of a pixel, in degrees or metres; None takes 1/4000 degree, 20 m of ``mgrs`` or 30 m."""
    collection: str | None = None
    """Collection of the catalog; not needed when it has one."""
    datetime: str | None = None
    """Time or range."""
    filter: str | None = None
    """CQL2 text."""
    bands: tuple[str, ...] = ()
    """Bands; empty takes those of the indices, or every band."""
    index: tuple[str, ...] = ()
    """Indices to write in place of the bands."""
    units: str | None = None
    """Units of the bands; None takes those of the indices, or stored numbers."""
    mask: tuple[str, ...] = ()
    """Masks as for ``load``."""
    groupby: str = "time"
    """How scenes are joined before anything is computed."""
    composite: str | None = None
    """Composite of all dates or of each period; None keeps the dates."""
    period: str | None = None
    """``day``, ``month``, ``season`` or ``year``."""
    greenness: float = GREENNESS
    """Of ``bare_earth``."""
    resampling: str = "nearest"
    """How pixels come to the grid of the tiles."""
    format: str = "cog"
    """``cog`` (one a variable and time), ``netcdf`` (one file a tile) or ``zarr`` (one for all tiles)."""
    name: str | None = None
    """Name of the results; None makes one of what is computed."""

    @property
    def pixel(self) -> float:
        """Side of a pixel."""
        if self.resolution is not None:
            return self.resolution
        return {"degree": 1 / 4000, "mgrs": 20.0}.get(self.grid, 30.0)

    @property
    def tile(self) -> float:
        """Side of a tile."""
        if self.tile_size is not None:
            return self.tile_size
        return 100_000.0 if self.grid == "mgrs" else 1.0

    @property
    def title(self) -> str:
        """Id of the collection of results."""
        parts = [self.name] if self.name else [*self.index[:3], self.composite, self.period]
        return "-".join(part for part in parts if part) or "bands"

    def to_dict(self) -> dict[str, Any]:
        """Return what differs from the defaults, as plain data."""
        found = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                found[field.name] = list(value) if isinstance(value, tuple) else value
        return found


@checked
def read_recipe(
    source: Recipe | str | os.PathLike[str] | Mapping[str, Any] | None = None, **options: Unpack[RecipeOptions]
) -> Recipe:
    """Return a recipe.

    Args:
        source: ``.toml`` or ``.json`` file, a mapping, or a recipe.
        **options: Fields of ``Recipe``, which go before those of the file.

    Raises:
        UsageError: There is no such file, or a field is unknown or wrong.
    """
    if isinstance(source, Recipe):
        source = source.to_dict()
    given = (
        {} if source is None else dict(source) if isinstance(source, Mapping) else _read(read_path("recipe", source))
    )
    given = _by_own_names({key: value for key, value in given.items() if value is not None})
    given |= _by_own_names({key: value for key, value in options.items() if value not in (None, (), [])})
    recipe = Recipe(**_read_values(given))
    _check(recipe)
    return recipe


def _read_values(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a recipe in one form each, as all functions take them.

    Raises:
        UsageError: One cannot be understood.
    """
    for key in _NUMBERS:
        if key in given:
            given[key] = read_number(f"{key} of the recipe", given[key], low=0, is_open=key != "greenness")
    if "datetime" in given:
        interval = parse_datetime(given["datetime"])
        # A text stays as it was written.
        given["datetime"] = given["datetime"] if isinstance(given["datetime"], str) else interval_text(interval)
    if "resampling" in given:
        given["resampling"] = read_resampling(given["resampling"])
    if "groupby" in given:
        given["groupby"] = read_groupby(given["groupby"])
    for key in set(given) - set(_LISTS) - set(_NUMBERS):
        if not isinstance(given[key], str):
            raise UsageError(f"{key} of the recipe is {given[key]!r}, but a text is needed")
    if "resolution" in given:
        grid = str(given.get("grid", "degree"))
        crs = {"degree": "EPSG:4326", "mercator": "EPSG:3857", "utm": "utm", "mgrs": "utm"}.get(grid)
        read_resolution(given["resolution"], crs or read_crs(grid, name="grid"))
    return given


def _by_own_names(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a recipe by one name each, lists of names as tuples."""
    check_known("a recipe", options, RecipeOptions)
    given = dict(options)
    for name, alias in (("collection", "collections"), ("groupby", "group_by")):
        value = one_of(given, name, alias)
        if value is not None:
            given[name] = value
    if "collection" in given:
        given["collection"] = ",".join(as_names(given["collection"], "collection") or ())
    for name in ("bands", "mask"):
        if name in given:
            given[name] = tuple(as_names(given[name], name) or ())
    if "index" in given:
        # A formula may have commas.
        given["index"] = (given["index"],) if isinstance(given["index"], str) else tuple(map(str, given["index"]))
    return given


def _read(path: Path) -> dict[str, Any]:
    if path.suffix.lower() not in (".toml", ".json"):
        raise UsageError(f"the recipe is {path.name!r}, but a name ending in .toml or .json is needed")
    return read_settings(path, what="recipe")


def _check(recipe: Recipe) -> None:
    if recipe.mask:
        read_masking(list(recipe.mask))
    if recipe.index:
        units = {index.units for index in find_indices(recipe.index)}
        if recipe.units not in (None, *units):
            raise UsageError(f"the indices need units {units.pop()!r}, not {recipe.units!r}")
    elif recipe.units is not None:
        check_units(recipe.units)
    if recipe.composite is not None:
        check_method(recipe.composite)
    if recipe.period is not None and (recipe.composite is None or recipe.period not in _PERIODS):
        raise UsageError(f"period {recipe.period!r} needs a composite, and is one of {', '.join(_PERIODS)}")
    if recipe.format not in _FORMATS:
        raise UsageError(f"format is {recipe.format!r}, but one of {', '.join(_FORMATS)} is needed")
