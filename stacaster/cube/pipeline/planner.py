"""From prepared items and checked options to the plan of a cube."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis import masks
from stacaster.cube.band_model import BAND_NUMBER, HAS_MASK, NO_CRS, fits
from stacaster.cube.grouping import GroupBy, group_items, moment_of
from stacaster.cube.lattice import asset_geobox, turns_of
from stacaster.cube.masking import Masking, class_test
from stacaster.cube.pipeline import output_types as types
from stacaster.cube.pipeline.mask_steps import MaskStep
from stacaster.cube.pipeline.plan import BandPlan, CubePlan, SceneBand, SlicePlan
from stacaster.cube.quantities import require_one_unit
from stacaster.cube.units import Constants, formula_of
from stacaster.errors import LoadError, UsageError
from stacaster.instruments.aster import BANDS, SWIR_CUTOFF
from stacaster.model.options import Units

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

_SWIR = {band.name for band in BANDS if band.group == "SWIR"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a cube is made of."""

    items: Sequence[pystac.Item]
    """Prepared, in the order of their times."""
    names: Mapping[str, str]
    """Band key by wanted name."""
    units: Units
    constants: Constants
    masking: Masking
    factors: Mapping[str, str]
    """Key of the factor from gamma0 to sigma0 by band."""
    groupby: GroupBy
    keep_order: bool
    source: bool
    n_obs: bool
    resampling: Any
    dtype: Any
    nodata: Any
    use_overviews: bool
    min_valid: float
    fuse_func: Any
    driver: Any
    patch: Callable[[str], str]
    warn: Callable[[str], None]
    """Told what is done differently from what was asked."""


def plan_cube(wanted: Wanted, geobox: GeoBox) -> CubePlan:
    """Return the plan of a cube on a grid.

    Raises:
        LoadError: An item lacks what units or masks need.
        UsageError: An option does not fit a band.
    """
    bands = [_band_plan(wanted, key) for key in dict.fromkeys(wanted.names.values())]
    if wanted.units not in ("dn", "physical") and all(band.kind != "continuous" for band in bands):
        # Codes stay codes beside bands in units; alone they are none of what is asked for.
        for band in bands:
            require_one_unit(wanted.items, band.key, wanted.units)
    makers = {band.key: _SceneMaker(wanted, band, geobox) for band in bands}
    groups = group_items(wanted.items, wanted.groupby, geobox=geobox, keep_order=wanted.keep_order)
    slices = []
    for group in groups:
        scenes = {}
        for position in group:
            for band in bands:
                scene = makers[band.key].scene(position)
                if scene is not None:
                    scenes[position, band.key] = scene
        slices.append(SlicePlan(positions=tuple(group), scenes=scenes))
    inner = wanted.driver.inner
    return CubePlan(
        geobox=geobox, bands=tuple(bands), slices=tuple(slices), driver=wanted.driver, env=inner.capture_env(),
        state=inner.new_load(geobox), source=wanted.source, n_obs=wanted.n_obs,
        deep=max((len(group) for group in groups), default=0) > np.iinfo("uint8").max,
        kept_masks=wanted.masking.names if wanted.masking.keep else (),
    )  # fmt: skip


def _band_plan(wanted: Wanted, key: str) -> BandPlan:
    from odc.loader.types import RasterBandMetadata, RasterLoadParams

    names = [name for name, of in wanted.names.items() if of == key]
    kind = types.kind_of_band(wanted.items, key)
    asked = types.resampling_of(wanted.resampling, key, names)
    how = types.resampling_by_kind(asked, kind)
    if how != asked:
        what = "codes of classes" if kind == "class" else "bits"
        wanted.warn(f"{key} holds {what}, so resampling={asked!r} is {how!r} for it")
    dtype, nodata = types.output_type(wanted.items, key)
    own = types.checked_type(types.option_of(wanted.dtype, key, names))
    is_stored = wanted.units == "dn" or kind != "continuous" or dtype.startswith("complex")
    if is_stored:
        dtype = own or dtype
        given = _given_nodata(wanted, key)
        nodata = nodata if given is None else given
        if given is not None or own is not None:
            types.require_fill(nodata, dtype, key)
        if wanted.masking.names and nodata is None and np.dtype(dtype).kind not in "fc":
            raise LoadError(
                f"{key} has no value for no data, so it cannot be masked; give nodata=, or units, or dtype='float32'"
            )
    else:
        dtype = own if own is not None and own.startswith("float") else types.physical_type(wanted.items, key)
        nodata = float("nan")
    if not 0 <= wanted.min_valid <= 1:
        raise UsageError(f"min_valid={wanted.min_valid:g}: a share from 0 to 1 is needed")
    fuser = types.option_of(wanted.fuse_func, key, names)
    cfg = RasterLoadParams(
        dtype=dtype, fill_value=None if nodata is None else np.dtype(dtype).type(nodata), resampling=how,
        use_overviews=wanted.use_overviews and kind == "continuous",
        meta=RasterBandMetadata(data_type=dtype, nodata=nodata, units="1"), fuser_fqn=fuser,
    )  # fmt: skip
    return BandPlan(
        key=key, dtype=dtype, nodata=nodata, kind=kind, resampling=how, cfg=cfg, use_overviews=cfg.use_overviews,
        min_valid=wanted.min_valid, fuser=_fuser_name(fuser),
    )  # fmt: skip


def _given_nodata(wanted: Wanted, key: str) -> float | None:
    """Return the fill value that the user gives for a band."""
    names = [name for name, of in wanted.names.items() if of == key]
    given = types.option_of(wanted.nodata, key, names)
    return None if given is None else float(given)


def _fuser_name(fuser: Any) -> str | None:
    if fuser is None:
        return None
    if isinstance(fuser, str):
        module, _, function = fuser.rpartition(".")
        try:
            getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            raise UsageError(f"fuse_func is {fuser!r}, which cannot be imported: {error}") from error
        return fuser
    if not callable(fuser):
        raise UsageError(f"fuse_func is {fuser!r}, but a function of a module, or its full name, is needed")
    name = f"{getattr(fuser, '__module__', '')}.{getattr(fuser, '__qualname__', '')}"
    if "<" in name or name.startswith("__main__"):
        raise UsageError("fuse_func: a function of a module, or its full name as text, is needed")
    return name


class _SceneMaker:
    """Makes the scenes of one band."""

    def __init__(self, wanted: Wanted, band: BandPlan, geobox: GeoBox) -> None:
        self._wanted, self._band, self._geobox = wanted, band, geobox
        self._units: Units = wanted.units
        self._is_stored = band.kind != "continuous" or band.dtype.startswith("complex") or wanted.units == "dn"
        if not self._is_stored:
            require_one_unit(wanted.items, band.key, wanted.units)

    def scene(self, position: int) -> SceneBand | None:
        """Return the band of an item; None when it has none, or a mask takes all of it."""
        item, key = self._wanted.items[position], self._band.key
        if key not in item.assets:
            return None
        steps = [self._step(item, name) for name in self._wanted.masking.names]
        scene = self._plain(item, key)
        if not self._is_stored:
            formula = formula_of(item, key, self._units, self._wanted.constants, scene.nodata)
            scene = replace(scene, formula=replace(formula, dtype=self._band.dtype))
            factor = self._wanted.factors.get(key)
            if factor is not None:
                if factor not in item.assets:
                    return None
                scene = replace(scene, factor=self._physical(item, factor, "physical"))
        is_empty = any(step is not None and step.rule == "all" for step in steps) and not self._wanted.masking.keep
        return None if is_empty else replace(scene, masks=tuple(step for step in steps if step is not None))

    def _plain(self, item: pystac.Item, key: str) -> SceneBand:
        asset = item.assets[key]
        fields, geobox = asset.extra_fields, asset_geobox(item, key)
        nodata = fields.get("nodata")
        if nodata is None and key == self._band.key:
            nodata = _given_nodata(self._wanted, key)
            if nodata is not None and not fits(nodata, str(fields.get("data_type") or "float32")):
                nodata = None
        no_crs = bool(fields.get(NO_CRS))
        if no_crs and geobox is None:
            raise LoadError(
                f"{item.id} {key}: neither the file nor the item says a CRS ({asset.href})", href=asset.href
            )
        return SceneBand(
            item_id=item.id, key=key, address=self._wanted.patch(asset.href), number=int(fields.get(BAND_NUMBER, 1)),
            dtype=str(fields.get("data_type") or "float32"), nodata=nodata,
            crs=str(geobox.crs) if no_crs and geobox is not None else None, geobox=geobox,
            turns=(0.0,) if geobox is None else turns_of(geobox, self._geobox), has_mask=bool(fields.get(HAS_MASK)),
        )  # fmt: skip

    def _physical(self, item: pystac.Item, key: str, units: Units) -> SceneBand | None:
        """Return a band in units; None where the item cannot have it, such as reflectance by night."""
        if key not in item.assets:
            return None
        if key in _SWIR and moment_of(item) >= SWIR_CUTOFF:
            return None
        if units == "reflectance" and not float(item.properties.get("view:sun_elevation") or 0) > 0:
            return None
        scene = self._plain(item, key)
        return replace(scene, formula=formula_of(item, key, units, self._wanted.constants, scene.nodata))

    def _step(self, item: pystac.Item, name: str) -> MaskStep | None:
        key, masking = self._band.key, self._wanted.masking
        if name == "swir_dead":
            is_dead = key in _SWIR and moment_of(item) >= SWIR_CUTOFF
            return MaskStep(name=name, rule="all") if is_dead else None
        if name == "saturated":
            level = item.assets[key].extra_fields.get("stacaster:saturation")
            return None if level is None else MaskStep(name=name, rule=name, own=True, level=float(level))
        if name == "fill":
            others = [other for other in dict.fromkeys(self._wanted.names.values()) if other != key]
            if any(other not in item.assets for other in others):
                return MaskStep(name=name, rule="all")
            return MaskStep(name=name, rule=name, own=True, inputs=tuple(self._plain(item, other) for other in others))
        rule = masks.MASKS.get(name)
        if rule is None:
            return self._class_step(item, name)
        inputs = [self._physical(item, band, "reflectance") for band in rule.reflectance]
        inputs += [self._physical(item, band, "brightness_temperature") for band in rule.temperature]
        return MaskStep(
            name=name, rule=name, inputs=tuple(band for band in inputs if band is not None),
            thresholds=masks.cloud_thresholds(masking.cloud) if name == "cloud" else None,
        )  # fmt: skip

    def _class_step(self, item: pystac.Item, name: str) -> MaskStep | None:
        band, _, wanted = name.partition("=")
        key = self._wanted.masking.keys.get(band, band)
        if key not in item.assets:
            return None
        test = class_test(item.assets[key].extra_fields, wanted, name=band)
        # A class may be the fill value of its band.
        raw = replace(self._plain(item, key), nodata=None, is_raw=True)
        return MaskStep(name=name, rule="class", inputs=(raw,), test=test)
