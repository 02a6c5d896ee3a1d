"""A checked request to a cube: pixels by the pipeline, then what is said of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis import masks
from stacaster.cube.grouping import moment_of
from stacaster.cube.masking import PREFIX
from stacaster.cube.pipeline.blocks import SceneFailedError
from stacaster.cube.pipeline.plan import COUNT, SOURCE, BandPlan, CubePlan, safe_name
from stacaster.cube.pipeline.planner import plan_cube
from stacaster.cube.pipeline.running import error_of, read_later, read_now
from stacaster.cube.target_grid import require_sane_size
from stacaster.cube.units import unit_attributes
from stacaster.network.http import guard_log

if TYPE_CHECKING:
    import pystac
    import xarray as xr

    from stacaster.cube.request import Request


def make_cube(request: Request) -> xr.Dataset:
    """Return the cube of a request.

    Raises:
        LoadError: A file cannot be read; the message names item, band and file.
        UsageError: The cube would be larger than memory.
    """
    guard_log("odc.loader._rio")
    # rasterio says this of the array in memory that it warps into.
    warnings.filterwarnings("ignore", message="Dataset has no geotransform", module="rasterio.warp")
    plan = plan_cube(request.wanted, request.geobox)
    chunks = None if request.chunks is None else _chunk_shape(plan, request.chunks)
    if not request.allow_large:
        require_sane_size(
            plan.geobox, plan.layers(), len(plan.slices), request.items, request.keys, resolution=request.resolution,
            chunks=chunks,
        )  # fmt: skip
    request.report.on_grid(plan.geobox, is_lazy=chunks is not None)
    arrays: Mapping[str, Any]
    if chunks is None:
        try:
            arrays = read_now(plan, pool=request.pool, progress=request.progress)
        except SceneFailedError as error:
            raise error_of(error) from None
        if not request.fails:
            _warn_of_failures(request)
    else:
        arrays = read_later(plan, chunks)
    return _described(plan, arrays, request)


def _warn_of_failures(request: Request) -> None:
    if not request.wanted.driver.is_quiet:
        failed = ", ".join(f"{entry.item_id} {entry.band}" for entry in request.report.of("failed"))
        if failed:
            warnings.warn(f"left out, as they cannot be read: {failed}", stacklevel=4)


def _chunk_shape(plan: CubePlan, chunks: Mapping[str, Any]) -> tuple[int, int, int]:
    from stacaster.geotiff.odc_private import resolve_chunk_shape

    largest = max((band.dtype for band in plan.bands), key=lambda name: np.dtype(name).itemsize)
    times, rows, cols = resolve_chunk_shape(len(plan.slices), plan.geobox, chunks, dtype=largest)[:3]
    return int(times), int(rows), int(cols)


def _described(plan: CubePlan, arrays: Mapping[str, Any], request: Request) -> xr.Dataset:
    """Return the arrays as a dataset with coordinates and attributes."""
    import xarray as xr
    from odc.geo.xr import xr_coords

    items, geobox = request.items, plan.geobox
    coords = dict(xr_coords(geobox))
    grid_mapping = str(list(coords)[-1])
    times = [np.datetime64(moment_of(items[part.positions[0]]).replace(tzinfo=None), "ns") for part in plan.slices]
    coords["time"] = xr.DataArray(times, dims=("time",))
    dims = ("time", *geobox.dimensions)
    variables: dict[str, xr.DataArray] = {}
    sensors = sorted({str(name) for item in items for name in item.properties.get("instruments") or ()})
    collections = sorted({item.collection_id for item in items if item.collection_id})
    for band in plan.bands:
        attrs = _attributes(band, request)
        if sensors:
            attrs["sensor"] = ", ".join(sensors)
        if collections:
            attrs["collections"] = ", ".join(collections)
        variables[band.key] = xr.DataArray(arrays[band.key], coords=coords, dims=dims, attrs=attrs)
    for name, attrs in _beside(request).items():
        if name in arrays:
            variables[name] = xr.DataArray(arrays[name], coords=coords, dims=dims, attrs=attrs)
    cube = xr.Dataset(variables)
    if plan.source:
        cube = cube.assign_coords(item=("item", [item.id for item in items]))
    if request.wanted.masking.keep == "classes":
        cube = _with_bits(cube)
    for variable in cube.data_vars.values():
        variable.encoding["grid_mapping"] = grid_mapping
    cube = _with_properties(cube, plan, request)
    return _renamed(cube, request.names)


def _renamed(cube: xr.Dataset, names: Mapping[str, str]) -> xr.Dataset:
    """Return a cube whose bands have the names that were asked for, in that order."""
    ordered = {name: cube[key].rename(name) for name, key in names.items()}
    keys = set(names.values())
    ordered |= {str(name): variable for name, variable in cube.data_vars.items() if name not in keys}
    import xarray as xr

    found = xr.Dataset(ordered, attrs=cube.attrs)
    return found.assign_coords({name: value for name, value in cube.coords.items() if name not in found.coords})


def _attributes(band: BandPlan, request: Request) -> dict[str, Any]:
    """Return what a band says of its numbers."""
    wanted = request.wanted
    having = [item.assets[band.key].extra_fields for item in request.items if band.key in item.assets]
    fields: Mapping[str, Any] = having[0] if having else {}
    attrs: dict[str, Any]
    if wanted.units == "dn" or band.kind != "continuous":
        attrs = {"units": "1"}
        if band.nodata is not None:
            attrs["nodata"] = np.dtype(band.dtype).type(band.nodata).item()
    else:
        attrs = unit_attributes(request.items, band.key, wanted.units, wanted.constants)
    if band.kind != "continuous":
        attrs |= _flags(fields, band.dtype) | {"kind": band.kind}
    attrs |= wanted.masking.attributes()
    attrs["asset"] = band.key
    return attrs


def _flags(fields: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Return the classes of a band as CF says them."""
    classes = [entry for entry in fields.get("classification:classes") or () if "value" in entry]
    kind = np.dtype(dtype)
    if not classes or kind.kind not in "iu":
        return {}
    limits = np.iinfo(kind)
    numbers = [int(entry["value"]) for entry in classes]
    if any(not limits.min <= number <= limits.max for number in numbers):
        return {}
    names = [str(entry.get("name") or entry.get("description") or entry["value"]) for entry in classes]
    return {
        "flag_values": np.array(numbers, dtype=kind).tolist(),
        "flag_meanings": " ".join(_word(name) for name in names),
    }


def _word(name: str) -> str:
    return "_".join(name.split())


def _beside(request: Request) -> dict[str, dict[str, Any]]:
    """Return the attributes of what stands beside the bands."""
    found: dict[str, dict[str, Any]] = {
        SOURCE: {"nodata": -1, "long_name": "scene of the pixel, as a position in the coordinate item"},
        COUNT: {"long_name": "number of scenes with a value", "units": "1"},
    }
    for name in request.wanted.masking.names:
        rule = masks.MASKS.get(name)
        found[PREFIX + safe_name(name)] = {"long_name": rule.meaning if rule else name}
    return found


def _with_bits(cube: xr.Dataset) -> xr.Dataset:
    found = {str(name).removeprefix(PREFIX): cube[name] for name in cube.data_vars if str(name).startswith(PREFIX)}
    bits = masks.as_bits(found)
    return cube.drop_vars([PREFIX + name for name in found]).assign(masks=bits)


def _with_properties(cube: xr.Dataset, plan: CubePlan, request: Request) -> xr.Dataset:
    """Return a cube with properties of items as coordinates of its times; of a slice those of its first scene."""
    for wanted in request.with_properties:
        spec = wanted if isinstance(wanted, Mapping) else {"key": str(wanted)}
        key = str(spec["key"])
        values = [_property(request.items, part.positions, key, spec.get("nodata")) for part in plan.slices]
        column = np.array(values, dtype=spec.get("dtype"))
        cube = cube.assign_coords({str(spec.get("name") or key): ("time", column)})
    return cube


def _property(items: Sequence[pystac.Item], positions: Sequence[int], key: str, nodata: Any) -> Any:
    values = (items[position].properties.get(key) for position in positions)
    found = next((value for value in values if value is not None), nodata)
    return np.nan if found is None else found
