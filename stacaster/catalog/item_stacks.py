"""Items of one place seen again and again on one grid: radar frames cycle after cycle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, Unpack, overload

from stacaster.analysis.stacks import Baseline, Scene, baselines_of, middle_of
from stacaster.catalog.item_source import ItemSource
from stacaster.cube.lattice import asset_geobox
from stacaster.cube.selection import is_data, moment_of
from stacaster.errors import LoadError
from stacaster.instruments import radar
from stacaster.instruments.versions import Rank, version_of
from stacaster.model.names import Names, as_names, check_known
from stacaster.model.options import LoadOptions, StackLoadOptions

if TYPE_CHECKING:
    import pystac
    import xarray as xr

    from stacaster.cube.report import LoadReport


Search = TypeVar("Search", bound=ItemSource)

_POLARIZATIONS = ("nisar:polarization_mode", "sar:polarizations")
_WHOLE = (radar.FRAME, radar.BURST)
KEYS = ("sat:relative_orbit", "nisar:frame", "sat:orbit_state", "sar:frequency_band", "sar:instrument_mode",
        *_POLARIZATIONS)  # fmt: skip
"""Properties that acquisitions of one stack share."""


@dataclass(frozen=True)
class ItemStack(Generic[Search]):
    """Items that share some properties, ordered by time."""

    search: Search
    """Just these items."""
    key: dict[str, Any]
    """What they share."""
    ids: tuple[str, ...]
    """Ids of the items."""
    lattices: tuple[str, ...]
    """Bands whose pixels do not lie on one grid in all items; empty when all do."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def items(self) -> list[pystac.Item]:
        """The items, ordered by time."""
        return sorted(self.search.items(), key=lambda item: (str(item.datetime), item.id))

    def baselines(self, *, reference: str | None = None) -> list[Baseline]:
        """Return temporal and perpendicular baselines, from the state vectors that the items hold.

        Args:
            reference: Id of an item; None takes the first.

        Raises:
            UsageError: No item has that id.
        """
        scenes = [
            Scene(
                id=item.id,
                start=moment_of(item),
                vectors=radar.vectors_of_json(item.properties.get(radar.VECTORS)),
                place=middle_of(item.geometry),
            )
            for item in self.items
        ]
        return baselines_of(scenes, reference=reference)

    @overload
    def load(
        self, bands: Names | None = None, *, report: Literal[True], **options: Unpack[StackLoadOptions]
    ) -> tuple[xr.Dataset, LoadReport]: ...

    @overload
    def load(
        self, bands: Names | None = None, *, report: Literal[False] = False, **options: Unpack[StackLoadOptions]
    ) -> xr.Dataset: ...

    def load(
        self, bands: Names | None = None, *, report: bool = False, **options: Unpack[StackLoadOptions]
    ) -> xr.Dataset | tuple[xr.Dataset, LoadReport]:
        """Return the time series of the stack on its own grid; lazy unless ``chunks=None``.

        Args:
            bands: Asset keys; None takes all.
            report: Return the report as well, as for ``stacaster.load``.
            **options: Those of ``stacaster.load``.

        Raises:
            LoadError: The items do not share one grid; ``crs`` and ``resolution`` name another.
        """
        check_known("load", options, StackLoadOptions, also=("bands", "report"))
        wanted = as_names(bands, "bands")
        apart = [name for name in self.lattices if wanted is None or name in wanted]
        if apart and not {"crs", "geobox", "like"} & set(options):
            raise LoadError(
                f"{', '.join(apart)} lie on several grids in this stack of {len(self)} items; name crs and resolution, "
                "or choose items with stack.search"
            )
        is_native = not {"crs", "geobox", "like"} & set(options)
        given: LoadOptions = {"chunks": {}, "native": is_native, **options, "bands": wanted}
        return self.search.load(report=True, **given) if report else self.search.load(**given)


def item_stacks(search: Search, keys: Sequence[str], *, all_versions: bool = False) -> list[ItemStack[Search]]:
    """Return the stacks of a search, ordered by their keys.

    Args:
        search: The search.
        keys: Properties that the items of a stack share; a search of several collections is split by collection too.
        all_versions: Keep older productions of an acquisition beside the newest.
    """
    groups: dict[tuple[str, ...], list[pystac.Item]] = {}
    said: dict[tuple[str, ...], dict[str, Any]] = {}
    for item in search.items() if all_versions else _newest(search.items()):
        known = [*keys, *(key for key in _WHOLE if key in item.properties and keys == KEYS)]
        values = {"collection": item.collection_id, **{key: item.properties.get(key) for key in known}}
        if all(values.get(key) is not None for key in _POLARIZATIONS):
            # The mode is that of the acquisition; what an item has of it depends on the bands that were wanted.
            del values[_POLARIZATIONS[1]]
        name = tuple(str(value) for value in values.values())
        groups.setdefault(name, []).append(item)
        said[name] = values
    return [_stack(search, said[name], groups[name]) for name in sorted(groups)]


def _stack(search: Search, key: dict[str, Any], items: list[pystac.Item]) -> ItemStack[Search]:
    ordered = sorted(items, key=lambda item: (str(item.datetime), item.id))
    grids: dict[str, set[Any]] = {}
    for item in ordered:
        for name, asset in item.assets.items():
            if is_data(asset.to_dict()):
                grids.setdefault(name, set()).add(asset_geobox(item, name))
    apart = tuple(name for name, found in grids.items() if len(found) > 1)
    ids = tuple(item.id for item in ordered)
    wanted = {(str(item.collection_id), item.id) for item in ordered}
    return ItemStack(search.narrowed(wanted), key, ids, apart)


def _newest(items: Iterable[pystac.Item]) -> list[pystac.Item]:
    """Return one item for each acquisition: of several productions the newest."""
    best: dict[str, tuple[Rank, pystac.Item]] = {}
    for item in items:
        name = str(item.properties.get("title") or item.id)
        scene, rank = version_of(name, str(item.collection_id))
        if scene not in best or rank > best[scene][0]:
            best[scene] = (rank, item)
    return [item for _, item in best.values()]
