"""What is exported: cubes of a catalog with the items that each of their times comes from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Unpack

from stacaster.analysis.bands import BESIDE, period_starts
from stacaster.analysis.indices import Index, compute_indices, get_index, own_index
from stacaster.catalog import open_catalog
from stacaster.config import catalog_place
from stacaster.errors import UsageError
from stacaster.model.names import ALIASES, Names, as_names, option_names, with_one_name
from stacaster.model.options import ExportOptions, ItemOptions

if TYPE_CHECKING:
    import pystac
    import xarray as xr

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps there are, and what is worked on."""


@dataclass(frozen=True, kw_only=True)
class ProvenancedCube:
    """A cube and where it comes from."""

    cube: xr.Dataset
    """Variables of dimensions (time, y, x), or (y, x)."""
    scenes: Sequence[Sequence[pystac.Item]] = ()
    """Items of each time, or of the whole where there are no times; empty when they are not known."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """How it was made, as plain data."""

    def only_times(self, cube: xr.Dataset, period: str | None) -> ProvenancedCube:
        """Return what was made of all times, or of the times of each period."""
        if period is None:
            return replace(self, cube=cube, scenes=(tuple(item for group in self.scenes for item in group),))
        starts = period_starts(self.cube["time"].values, period)
        groups: dict[Any, list[pystac.Item]] = {}
        for start, group in zip(starts, self.scenes, strict=True):
            groups.setdefault(start, []).extend(group)
        return replace(self, cube=cube, scenes=tuple(groups[start] for start in sorted(groups)))


def find_indices(names: str | Sequence[str]) -> list[Index]:
    """Return indices by name, or made from formulas of reflectances.

    Raises:
        UsageError: There is no such index, or they need different units.
    """
    if not isinstance(names, (str, Iterable)):
        raise UsageError(f"index is {names!r}, but names of indices, or formulas, are needed")
    wanted = [names] if isinstance(names, str) else [str(name) for name in names]
    found = []
    for number, name in enumerate(wanted, start=1):
        is_name = name.strip().replace(":", "_").isidentifier()
        found.append(
            get_index(name) if is_name else own_index(name, name="own" if len(wanted) == 1 else f"own_{number}")
        )
    units = {index.units for index in found}
    if len(units) > 1:
        of = "; ".join(f"{index.name} needs {index.units}" for index in found)
        raise UsageError(f"indices of one file need the same units, but {of}")
    return found


def load_made(
    catalog: str | os.PathLike[str] | None,
    *,
    bands: Names | None,
    indices: Sequence[Index] = (),
    **options: Unpack[ExportOptions],
) -> ProvenancedCube:
    """Search and load, in pieces, without ``crs`` on the scenes' own grid.

    Args:
        catalog: Folder of the catalog.
        bands: Bands; None takes all, or those of the indices.
        indices: What is to be computed: their bands are loaded in their units.
        **options: Those of ``Catalog.load``; ``collection`` is not needed when the catalog has one.

    Raises:
        NothingFoundError: No item fits.
        UsageError: An argument is wrong.
        LoadError: The items do not share one grid.
    """
    from stacaster.catalog.cubes import open_cube
    from stacaster.cube.selection import group_items

    opened = open_catalog(catalog_place(catalog))
    given = {key: value for key, value in with_one_name(options).items() if value is not None}
    asked = {key: given.pop(key, None) for key in option_names(ItemOptions) if key not in ALIASES}
    if indices and given.get("units") == "dn":
        # The default of what has no index.
        del given["units"]
    for index in indices:
        if given.setdefault("units", index.units) != index.units:
            raise UsageError(f"{index.name} needs units {index.units!r}, not {given['units']!r}")
    wanted = (
        list(dict.fromkeys([*(as_names(bands, "bands") or ()), *(name for index in indices for name in index.bands)]))
        or None
    )
    opened_cube = open_cube(opened, wanted, asked, given)
    # The scenes of a result are its links; a list of ids would say them twice.
    recipe = {"catalog": opened.name, "bands": wanted, **opened_cube.conditions, **given, "ids": None}
    recipe |= {key: opened_cube.options[key] for key in ("crs", "resolution") if key in opened_cube.options}
    cube, items = opened_cube.cube, opened_cube.items
    groups = group_items(items, given.get("groupby") or "time", geobox=cube.odc.geobox)
    plain = {key: value for key, value in recipe.items() if value not in (None, (), [], False)}
    return ProvenancedCube(cube=cube, scenes=tuple([items[i] for i in group] for group in groups), recipe=plain)


def with_indices(cube: xr.Dataset, indices: Sequence[Index]) -> xr.Dataset:
    """Return indices of a cube as a cube, with what stands beside the bands (``n_obs``, ``source``, ``date``)."""
    beside = {name: cube[name] for name in BESIDE if name in cube}
    return compute_indices(cube, indices).assign(beside).assign_attrs(cube.attrs)
