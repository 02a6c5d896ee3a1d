"""Swaths on a grid: the same layers with a place, made from the positions of their cells or from a lookup table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError
from stacaster.formats.metadata.ecs import short_name
from stacaster.geo.swath_cells import (
    Step,
    SwathGridError,
    cell_reach,
    covering_grid,
    expanded_positions,
    nearest_cells,
    pixels_of_cells,
)
from stacaster.instruments.generic.lookup_tables import TablePlace, lookup_table
from stacaster.instruments.generic.swaths import geolocations, outline
from stacaster.model import GranuleContent, Layer, Orientation, PlaneAxis, SwathLookup, TargetGrid

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

_MODIS_SCAN = 10
"""Lines of 1 km that MODIS sees at once."""


@dataclass(frozen=True, kw_only=True)
class SwathGeometry:
    """Which cells of a swath a field has, and where their positions are."""

    positions: tuple[str, str]
    """Layers of latitudes and longitudes."""
    cells: tuple[int, int]
    """Lines and columns of the field."""
    steps: tuple[Step, Step]
    """Offset and increment of the positions along lines and columns."""


def grid_content(content: GranuleContent, grid: TargetGrid | None) -> GranuleContent:
    """Return the content of a file whose swaths lie on a grid; what lies on one already stays as it is.

    Args:
        content: What the reader found; its granule is open.
        grid: The grid; None for that of the lookup table of the file, where it has one.

    Raises:
        UnknownProductError: The swath has no positions on the Earth.
        UsageError: The grid is too large.
    """
    if any(layer.geobox is not None for layer in content.layers.values()) or content.read_positions is None:
        return content
    geometries = {layer.path: found for layer in content.layers.values() if (found := geometry_of(layer, content))}
    table = lookup_table(content)
    if not geometries or (grid is None and table is None):
        return content
    if grid is None and table is not None:
        return _by_table(content, geometries, table)
    assert grid is not None
    return _by_positions(content, geometries, grid)


def geometry_of(layer: Layer, content: GranuleContent) -> SwathGeometry | None:
    """Return the geometry of a field of a swath; None for what is no such field, or fits no positions of its file."""
    pairs = geolocations(content)
    if layer.geolocation not in pairs or any(layer.path in pair for pair in pairs):
        return None
    latitude = content.layers[layer.geolocation[0]]
    axes = _mapped_axes(layer, latitude, content) or _axes_of_shape(layer, latitude)
    if axes is None:
        return None
    numbers, steps = axes
    return SwathGeometry(
        positions=layer.geolocation, cells=(layer.shape[numbers[0]], layer.shape[numbers[1]]), steps=steps
    )


_Axes = tuple[tuple[int, int], tuple[Step, Step]]


def _mapped_axes(layer: Layer, latitude: Layer, content: GranuleContent) -> _Axes | None:
    """Return the axes of a field that its positions have, by the names of dimensions and the maps between them."""
    maps = _dimension_maps(layer.group, content)
    numbers, steps = [], []
    for name, size in zip(latitude.dims, latitude.shape, strict=False):
        if name and name in layer.dims and layer.shape[layer.dims.index(name)] == size:
            numbers.append(layer.dims.index(name))
            steps.append((0, 1))
            continue
        data = next((data for geo, data in maps if geo == name and data in layer.dims), None)
        if data is None:
            return None
        numbers.append(layer.dims.index(data))
        steps.append(maps[name, data])
    if len(numbers) != 2 or numbers[0] == numbers[1]:
        return None
    return (numbers[0], numbers[1]), (steps[0], steps[1])


def _dimension_maps(group: str, content: GranuleContent) -> dict[tuple[str, str], Step]:
    """Return offset and increment by the names of the dimensions of geolocation and data of a swath."""
    path = next((item.path for item in content.objects if item.name == "SwathName" and str(item.value) == group), None)
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for item in content.objects:
        if path is not None and item.path[: len(path)] == path and "DimensionMap" in item.path:
            found.setdefault(item.path, {})[item.name] = item.value
    keys = ("GeoDimension", "DataDimension", "Offset", "Increment")
    rows = [tuple(entry.get(key) for key in keys) for entry in found.values()]
    return {
        (str(geo), str(data)): (offset, increment)
        for geo, data, offset, increment in rows
        if isinstance(offset, int) and isinstance(increment, int) and increment
    }


def _axes_of_shape(layer: Layer, latitude: Layer) -> _Axes | None:
    for first in range(len(layer.shape) - 2, -1, -1):
        if layer.shape[first : first + 2] == latitude.shape:
            return (first, first + 1), ((0, 1), (0, 1))
    return None


def _by_positions(content: GranuleContent, geometries: Mapping[str, SwathGeometry], grid: TargetGrid) -> GranuleContent:
    assert content.read_positions is not None
    positions = {}
    for geometry in dict.fromkeys(geometries.values()):
        latitude, longitude = (_numbers(content, path) for path in geometry.positions)
        is_modis = short_name(content)[:3] in ("MOD", "MYD") and geometry.steps[0] == (2, 5)
        positions[geometry] = expanded_positions(
            latitude, longitude, geometry.cells, geometry.steps, lines_a_scan=_MODIS_SCAN if is_modis else None
        )
    try:
        reaches = {key: grid.max_distance or cell_reach(*pair) for key, pair in positions.items()}
        every = [np.concatenate([pair[number].ravel() for pair in positions.values()]) for number in (0, 1)]
        geobox = covering_grid(
            every[0], every[1], crs=grid.crs, resolution=grid.resolution, reach=max(reaches.values())
        )
    except SwathGridError as error:
        raise UsageError(f"{content.name}: {error}") from error
    lookups = {
        key: SwathLookup(
            shape=(int(geobox.shape[0]), int(geobox.shape[1])), cells=key.cells,
            nearest=_once(partial(nearest_cells, *pair, geobox, reaches[key])),
            buckets=_once(partial(pixels_of_cells, *pair, geobox)) if grid.average else None,
        )
        for key, pair in positions.items()
    }  # fmt: skip
    distances = sorted({round(reach, 3) for reach in reaches.values()})
    rule = f"positions {' and '.join(next(iter(positions)).positions)}"
    how = "the mean of the cells in it, or the nearest cell for what is no measurement" if grid.average else (
        "the nearest cell"
    )  # fmt: skip
    within = ", ".join(f"{distance:g}" for distance in distances)
    notes = [f"a swath on a grid of {grid.resolution:g} in {grid.crs}: a pixel is {how}, within {within} m"]
    if any(key.steps != ((0, 1), (0, 1)) for key in positions):
        notes.append("positions of cells between those that the file gives lie on straight lines between them")
    properties = {
        "stacaster:swath_resampling": "average" if grid.average else "nearest",
        "stacaster:swath_max_distance": distances if len(distances) > 1 else distances[0],
    }
    placed = _placed(content, geometries, geobox, lookups, rule)
    return replace(placed, footprint=outline(content)[0], notes=tuple(notes), properties=properties)


def _numbers(content: GranuleContent, path: str) -> NDArray[np.float64]:
    """Return a layer of positions in degrees; fill values are no positions."""
    assert content.read_positions is not None
    layer = content.layers[path]
    values = np.asarray(content.read_positions(path), dtype="float64")
    if layer.nodata is not None:
        values[values == layer.nodata] = np.nan
    scale, offset = (layer.attributes.get(name, default) for name, default in (("scale_factor", 1), ("add_offset", 0)))
    if layer.data_type[0] in "iu" and isinstance(scale, (int, float)) and isinstance(offset, (int, float)):
        values = values * float(scale) + float(offset)
    return values


def _by_table(content: GranuleContent, geometries: Mapping[str, SwathGeometry], table: TablePlace) -> GranuleContent:
    fitting = {path: geometry for path, geometry in geometries.items() if geometry.steps == ((0, 1), (0, 1))}
    lookups = {
        key: SwathLookup(
            shape=(int(table.geobox.shape[0]), int(table.geobox.shape[1])), cells=key.cells,
            nearest=_once(partial(table.cells, key.cells)),
        )
        for key in dict.fromkeys(fitting.values())
    }  # fmt: skip
    notes = ("a swath on the grid of the lookup table in its file: a pixel is the cell that the table names",)
    placed = _placed(content, fitting, table.geobox, lookups, table.rule)
    return replace(placed, notes=notes, properties={"stacaster:swath_resampling": "lookup table"})


def _placed(
    content: GranuleContent,
    geometries: Mapping[str, SwathGeometry],
    geobox: GeoBox,
    lookups: Mapping[SwathGeometry, SwathLookup],
    rule: str,
) -> GranuleContent:
    layers = dict(content.layers)
    for path, geometry in geometries.items():
        layer = content.layers[path]
        axes = _mapped_axes(layer, content.layers[geometry.positions[0]], content) or _axes_of_shape(
            layer, content.layers[geometry.positions[0]]
        )
        assert axes is not None
        numbers = axes[0]
        planes = tuple(
            PlaneAxis(axis=number, name=layer.dims[number] if layer.dims else "", size=size)
            for number, size in enumerate(layer.shape) if number not in numbers
        )  # fmt: skip
        attributes = {key: value for key, value in layer.attributes.items() if key != "geobox_problem"}
        layers[path] = replace(
            layer, geobox=geobox, orientation=Orientation(rows=numbers[0], columns=numbers[1]), planes=planes,
            placed_by=rule, swath=lookups[geometry], attributes=attributes,
        )  # fmt: skip
    several = len(lookups) > 1
    for geometry, lookup in lookups.items():
        end = f"_{geometry.cells[0]}x{geometry.cells[1]}" if several else ""
        group = geometry.positions[0].rpartition("/")[0] if several else ""
        for axis in ("line", "column"):
            path = f"{group}/source_{axis}{end}".lstrip("/")
            layers[path] = Layer(
                path=path, name=f"source_{axis}{end}", group=group, shape=geometry.cells, data_type="int32", nodata=-1,
                geobox=geobox, attributes={"swath_axis": axis}, placed_by=rule, swath=lookup,
                orientation=Orientation(rows=0, columns=1),
            )  # fmt: skip
    return replace(content, layers=layers)


def _once(function: Callable[[], NDArray[Any]]) -> Callable[[], NDArray[Any]]:
    """Return a function that works something out at the first call; bands are written by several threads."""
    lock, known = Lock(), list[Any]()

    def result() -> NDArray[Any]:
        with lock:
            if not known:
                known.append(function())
            array: NDArray[Any] = known[0]
            return array

    return result
