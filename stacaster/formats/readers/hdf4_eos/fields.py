"""Scientific data sets of an HDF4 file as layers: on grids of HDF-EOS2, on axes of the file, or of swaths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stacaster.formats.metadata.cf_axes import Coordinate
from stacaster.formats.metadata.cf_grids import axes_of, place_axes
from stacaster.formats.metadata.gctp import GridError, PlacedGrid, place_grid
from stacaster.model import Layer, PlaneAxis
from stacaster.model.metadata import OdlObject

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MERGED = "MRGFLD_"
_LATITUDES = ("Latitude", "GeodeticLatitude")


@dataclass(frozen=True, kw_only=True)
class StoredField:
    """One data set as the HDF4 library describes it."""

    name: str
    """Name of the data set."""
    group: str
    """Swath or grid that it belongs to; empty for none."""
    shape: tuple[int, ...]
    """Size of every dimension."""
    data_type: str
    """NumPy name of the stored type."""
    dims: tuple[str, ...]
    """Names of the dimensions."""
    attributes: Mapping[str, Any]
    """Attributes of the data set."""
    is_axis: bool
    """It holds the positions along a dimension."""

    @property
    def path(self) -> str:
        """Group and name."""
        return f"{self.group}/{self.name}" if self.group else self.name


@dataclass(frozen=True)
class Merged:
    """A field that lies with others of its type in one data set."""

    path: str
    """Path of the data set."""
    index: int
    """Position along its first axis."""


@dataclass(frozen=True, kw_only=True)
class PlacedFields:
    """Layers of a file."""

    layers: Mapping[str, Layer] = field(default_factory=dict)
    """Fields as the file means them."""
    stored: Mapping[str, Layer] = field(default_factory=dict)
    """Data sets as they are stored."""
    merged: Mapping[str, Merged] = field(default_factory=dict)
    """Where fields lie that share a data set."""


def place_fields(
    fields: Sequence[StoredField],
    structure: Sequence[OdlObject],
    read: Callable[[str], NDArray[Any]],
) -> PlacedFields:
    """Describe all fields of a file.

    Args:
        fields: Its data sets.
        structure: Objects of the attribute ``StructMetadata``.
        read: Reads a data set by its path, for positions along axes.
    """
    axes = {entry.name: entry for entry in fields if entry.is_axis}
    layers: dict[str, Layer] = {}
    stored: dict[str, Layer] = {}
    merged: dict[str, Merged] = {}
    positions = _positions(fields, structure)
    for entry in fields:
        if entry.is_axis:
            continue
        stored[entry.path] = _layer(entry, structure, axes, read, positions.get(entry.group))
        names = _merged_names(entry, structure)
        for number, name in enumerate(names):
            part = StoredField(
                name=name, group=entry.group, shape=entry.shape[1:], data_type=entry.data_type, dims=entry.dims[1:],
                attributes=entry.attributes, is_axis=False,
            )  # fmt: skip
            layers[part.path] = _layer(part, structure, axes, read, positions.get(entry.group))
            merged[part.path] = Merged(entry.path, number)
        if not names:
            layers[entry.path] = stored[entry.path]
    return PlacedFields(layers=layers, stored=stored, merged=merged)


def _merged_names(entry: StoredField, structure: Sequence[OdlObject]) -> list[str]:
    """Return the fields that lie in one data set, in their order along its first axis."""
    if not entry.name.startswith(_MERGED) or len(entry.shape) < 2:
        return []
    for item in structure:
        if item.name == "MergedFieldName" and str(item.value) == entry.name:
            listed = next((o.value for o in structure if o.name == "FieldList" and o.path == item.path), ())
            names = [str(name) for name in (listed if isinstance(listed, tuple) else (listed,))]
            return names if len(names) == entry.shape[0] else []
    return []


def _positions(fields: Sequence[StoredField], structure: Sequence[OdlObject]) -> dict[str, tuple[str, str]]:
    """Return the layers of latitudes and longitudes of each swath."""
    names = {entry.path for entry in fields}
    for entry in fields:
        prefix = f"{entry.group}/" if entry.group else ""
        names |= {f"{prefix}{name}" for name in _merged_names(entry, structure)}
    found = {}
    for group in {entry.group for entry in fields}:
        prefix = f"{group}/" if group else ""
        for latitude in _LATITUDES:
            pair = (f"{prefix}{latitude}", f"{prefix}Longitude")
            if set(pair) <= names and group not in found:
                found[group] = pair
    return found


def _layer(
    entry: StoredField,
    structure: Sequence[OdlObject],
    axes: Mapping[str, StoredField],
    read: Callable[[str], NDArray[Any]],
    positions: tuple[str, str] | None,
) -> Layer:
    placed, extra = None, {}
    is_grid = any(item.name == "GridName" and str(item.value) == entry.group for item in structure)
    own = [_coordinate(name, size, axes, read) for name, size in zip(entry.dims, entry.shape, strict=True)]
    try:
        if is_grid:
            placed = place_grid(entry.group, structure, entry.shape, entry.dims)
        elif positions is None and len(entry.shape) > 1:
            placed = _by_axes(own)
    except GridError as error:
        extra = {"geobox_problem": str(error)}
    is_position = positions is not None and entry.path in positions
    if positions is not None and not is_grid and not is_position:
        extra = {"geobox_problem": "it is a swath: every pixel has its own latitude and longitude"}
    return Layer(
        path=entry.path,
        name=entry.name,
        group=entry.group,
        shape=entry.shape,
        data_type=entry.data_type,
        nodata=_scalar(entry.attributes.get("_FillValue")),
        geobox=None if placed is None else placed.geobox,
        attributes={**entry.attributes, **extra},
        dims=tuple(name.partition(":")[0] for name in entry.dims),
        orientation=None if placed is None else placed.orientation,
        planes=() if placed is None else _planes(own, placed),
        placed_by=None if placed is None else placed.rule,
        notes=() if placed is None else placed.notes,
        geolocation=None if is_grid or is_position else positions,
    )


def _by_axes(own: Sequence[Coordinate]) -> PlacedGrid:
    if axes_of(own) is None:
        listed = ", ".join(axis.name for axis in own)
        raise GridError(f"its axes ({listed}) are not one of rows and one of columns")
    return place_axes(own, None)


def _coordinate(
    name: str, size: int, axes: Mapping[str, StoredField], read: Callable[[str], NDArray[Any]]
) -> Coordinate:
    variable = axes.get(name)
    plain = name.partition(":")[0]
    if variable is None or variable.shape != (size,):
        return Coordinate(name=plain, size=size)
    return Coordinate(
        name=plain, size=size, values=read(variable.path), attributes=variable.attributes,
        is_single=variable.data_type == "float32",
    )  # fmt: skip


def _planes(own: Sequence[Coordinate], placed: PlacedGrid) -> tuple[PlaneAxis, ...]:
    taken = (placed.orientation.rows, placed.orientation.columns)
    return tuple(
        PlaneAxis(
            axis=number, name=axis.name, size=axis.size,
            values=() if axis.values is None else tuple(float(value) for value in axis.values),
            unit=str((axis.attributes or {}).get("units", "")) or None,
        )
        for number, axis in enumerate(own) if number not in taken
    )  # fmt: skip


def _scalar(value: Any) -> int | float | None:
    return value if isinstance(value, (int, float)) else None
