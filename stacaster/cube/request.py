"""What a load was asked for, checked before anything is read.

Decision: options are checked before anything is read, because odc-stac would take any keyword for one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stacaster.cube.area import find_place
from stacaster.cube.band_model import BandTable, prepare, table_of
from stacaster.cube.grouping import GroupBy, moment_of
from stacaster.cube.masking import Masking, read_masking
from stacaster.cube.pipeline.planner import Wanted
from stacaster.cube.quantities import sigma0_factors
from stacaster.cube.report import LoadReport, ReportingDriver, driver_of
from stacaster.cube.selection import gridded_items
from stacaster.cube.target_grid import GRID_OPTIONS, target_geobox
from stacaster.cube.units import check_units, read_constants
from stacaster.errors import NothingFoundError, UsageError
from stacaster.geo.area_input import Place
from stacaster.model.names import Names, as_names
from stacaster.model.options import Units
from stacaster.network.transport.url_signer import sign

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

_PLACE = ("intersects", "region", "name_column", "point", "radius")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What ``load`` was asked for, checked."""

    items: list[pystac.Item]
    """Prepared: one asset a band; in the order of their times."""
    wanted: Wanted
    geobox: GeoBox
    place: Place
    report: LoadReport
    chunks: Mapping[str, Any] | None
    pool: Any
    progress: Any
    resolution: Any
    allow_large: bool
    with_properties: Sequence[Any]
    fails: bool = True
    """Whether a file that cannot be read is an error."""
    originals: Sequence[pystac.Item] = field(default=(), repr=False)

    @property
    def names(self) -> Mapping[str, str]:
        """Band key by wanted name."""
        return self.wanted.names

    @property
    def keys(self) -> list[str]:
        """Keys of the wanted bands."""
        return list(self.wanted.names.values())

    @property
    def needed(self) -> list[str]:
        """Keys of the wanted bands and of those that masks and factors need."""
        masking = self.wanted.masking
        others = [masking.keys.get(name, name) for name in masking.bands()]
        return list(dict.fromkeys([*self.keys, *others, *self.wanted.factors.values()]))


def read_request(  # noqa: PLR0913 - the options of ``load``
    items: Iterable[pystac.Item],
    *,
    bands: Names | None = None,
    bbox: str | Sequence[float] | None = None,
    native: bool = False,
    units: Units = "dn",
    groupby: GroupBy = None,
    report: bool = False,
    mask: Any = None,
    keep_masks: Any = False,
    cloud: Any = "paper",
    source: bool = False,
    n_obs: bool = False,
    strict: bool = False,
    fail_on_error: bool | None = None,
    resampling: Any = None,
    dtype: Any = None,
    nodata: Any = None,
    use_overviews: bool | None = None,
    min_valid: float | None = None,
    fuse_func: Any = None,
    stac_cfg: Mapping[str, Any] | None = None,
    patch_url: Callable[[str], str] | None = None,
    preserve_original_order: bool = False,
    driver: Any = None,
    chunks: Mapping[str, Any] | None = None,
    pool: Any = None,
    progress: Any = None,
    with_properties: Any = None,
    allow_large: bool = False,
    **others: Any,
) -> Request:
    """Check the arguments of ``load``, which ``checked_options`` gave; see there.

    Raises:
        LoadError: An item says what cannot be true, or the scenes share no grid.
        NothingFoundError: There is no item.
        UsageError: An argument is wrong.
    """
    listed = list(items)
    if not listed:
        raise NothingFoundError("there is no item to load")
    chosen = gridded_items(listed)
    if not preserve_original_order:
        chosen = sorted(chosen, key=lambda item: (moment_of(item), item.id))
    known_units = check_units(units)
    masking = read_masking(mask, cloud=cloud or "paper", keep=keep_masks)
    asked = as_names(bands, "bands")
    table = table_of(chosen, stac_cfg, asked)
    names = table.resolve(asked)
    masking = _with_keys(masking, table)
    for by_band in (resampling, dtype, nodata, fuse_func):
        # Of other bands than those that are loaded, too, as odc.stac.load takes it; but not of bands that nobody has.
        for name in by_band if isinstance(by_band, Mapping) else ():
            if name != "*":
                table.keys_of(name)
    factors = sigma0_factors(chosen, list(names.values())) if known_units == "sigma0" else {}
    keys = list(dict.fromkeys([*names.values(), *masking.keys.values(), *factors.values()]))
    prepared = prepare(
        chosen, {key: table.bands[key] for key in keys}, scales=known_units != "dn" or bool(masking.names),
        check=True, stac_cfg=stac_cfg,
    )  # fmt: skip
    place = find_place(bbox=bbox, **{key: others.get(key) for key in _PLACE})
    grid = {name: others[name] for name in GRID_OPTIONS if others.get(name) is not None}
    geobox = target_geobox(prepared.items, list(names.values()), grid, place, native=native, allow_large=allow_large)
    told = LoadReport(prepared.items, keys)
    for where, texts in prepared.contradictions.items():
        told.contradict(where, texts)
    goes_on = (report and not strict) or fail_on_error is False
    reporting = ReportingDriver(told, goes_on=goes_on, driver=driver_of(driver))
    reporting.is_quiet = report or strict
    wanted = Wanted(
        items=prepared.items, names=names, units=known_units, constants=read_constants(others), masking=masking,
        factors=factors, groupby="time" if groupby is None else groupby, keep_order=preserve_original_order,
        source=bool(source), n_obs=bool(n_obs), resampling=resampling, dtype=dtype, nodata=nodata,
        use_overviews=use_overviews is not False, min_valid=float(min_valid or 0), fuse_func=fuse_func,
        driver=reporting, patch=_patch(patch_url), warn=told.say,
    )  # fmt: skip
    return Request(
        items=prepared.items, wanted=wanted, geobox=geobox, place=place, report=told, chunks=chunks, pool=pool,
        progress=progress, resolution=grid.get("resolution"), allow_large=bool(allow_large),
        with_properties=tuple(with_properties or ()), fails=not goes_on, originals=chosen,
    )  # fmt: skip


def _with_keys(masking: Masking, table: BandTable) -> Masking:
    """Return masks with the keys of the bands that they need.

    Raises:
        UsageError: None of the items has one.
    """
    keys = {}
    lacking = []
    for name in masking.bands():
        try:
            (keys[name],) = table.keys_of(name)
        except (UsageError, ValueError):
            lacking.append(name)
    if lacking:
        raise UsageError(
            f"mask={list(masking.names)} needs {', '.join(lacking)}, which none of the selected items has; "
            f"they have {', '.join(sorted(table.bands))}"
        )
    return replace(masking, keys=keys)


def _patch(patch_url: Callable[[str], str] | None) -> Callable[[str], str]:
    return sign if patch_url is None else patch_url
