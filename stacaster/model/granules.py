"""Granules on disk, and what a product makes of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from stacaster.model.bands import Band
from stacaster.model.orbits import GridPoint
from stacaster.model.views import Orientation, PixelView, PlaneAxis, SwathLookup

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from stacaster.model.metadata import OdlObject


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One raster layer as it lies in a file, before its pixels are read."""

    path: str
    """Name that the reader understands: ``VNIR_Swath/ImageData1`` or a file name."""
    name: str
    """Last part of the path."""
    group: str
    """Swath, grid or group that holds the layer; empty when there is none."""
    shape: tuple[int, ...]
    """Size of every dimension."""
    data_type: str
    """NumPy name of the stored type."""
    nodata: int | float | None = None
    """Fill value that the file states."""
    geobox: GeoBox | None = None
    """Place of the layer, when the file format itself says it."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Attributes of the layer."""
    dims: tuple[str, ...] = ()
    """Names of the dimensions; empty when the file gives none."""
    orientation: Orientation | None = None
    """Rows and columns of the image; None for the last two axes, north up."""
    planes: tuple[PlaneAxis, ...] = ()
    """Axes beside rows and columns."""
    placed_by: str | None = None
    """What in the file says where the layer lies."""
    notes: tuple[str, ...] = ()
    """Assumptions about the place of the layer."""
    geolocation: tuple[str, str] | None = None
    """Layers of latitudes and longitudes of a swath."""
    swath: SwathLookup | None = None
    """How cells of a swath become pixels of ``geobox``; None for layers that lie on a grid themselves."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lattice:
    """Positions of some pixels of a swath, as the file gives them."""

    latitude: NDArray[Any]
    """Degrees, shape (rows, columns) of the lattice."""
    longitude: NDArray[Any]
    """Degrees, of the same shape."""
    latitude_field: str
    """Name of the field of latitudes, which may say of what kind they are."""


@dataclass(frozen=True, kw_only=True)
class GranuleContent:
    """What a reader says of a granule before any pixel is read."""

    reader: str
    """Name of the reader."""
    files: tuple[Path, ...]
    """Files of the granule, sorted by name; the first one names it."""
    layers: Mapping[str, Layer]
    """Raster layers by path."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Names of swaths and grids and what they are: ``{"VNIR_Swath": "swath"}``."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Attributes of the file that are not ODL."""
    objects: Sequence[OdlObject] = ()
    """Every ODL object of every metadata attribute, in file order."""
    lattices: Mapping[str, Lattice] = field(default_factory=dict)
    """Positions by swath."""
    sidecars: Mapping[str, Any] = field(default_factory=dict)
    """Parsed metadata files that lie beside the data: ``{"umm": {...}}``."""
    read_positions: Callable[[str], NDArray[Any]] | None = field(default=None, compare=False, repr=False)
    """Reads a layer of latitudes or longitudes while the granule is open; None where there are none."""
    footprint: Mapping[str, Any] | None = None
    """GeoJSON outline of the positions of a swath that is put on a grid."""
    notes: tuple[str, ...] = ()
    """How a swath is put on a grid."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Item properties that say the same."""

    @property
    def name(self) -> str:
        """Name of the first file."""
        return self.files[0].name

    def find_all(self, name: str) -> list[OdlObject]:
        """Return the ODL objects of this name (any case) in any metadata attribute, in file order."""
        return list(self._by_name.get(name.upper(), ()))

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[OdlObject]]:
        found: dict[str, list[OdlObject]] = {}
        for item in self.objects:
            found.setdefault(item.name.upper(), []).append(item)
        return found

    def find(self, name: str) -> Any | None:
        """Return the value of the first ODL object of this name, or None."""
        found = self.find_all(name)
        return found[0].value if found else None


class OpenGranule(Protocol):
    """An open granule: its content, and its pixels one band at a time."""

    content: GranuleContent
    """What the granule holds."""

    def read_layer(self, path: str) -> NDArray[Any]:
        """Return all pixels of a layer.

        Args:
            path: Key of ``content.layers``.

        Returns:
            Array of shape ``content.layers[path].shape`` in the stored type.

        Raises:
            ReadError: The pixels cannot be read.
        """
        ...

    def read_part(self, path: str, part: tuple[int | slice, ...]) -> NDArray[Any]:
        """Return a part of a layer, one index or slice an axis, in the stored type.

        Raises:
            ReadError: The pixels cannot be read.
        """
        ...

    def strips(self, path: str, window: tuple[slice, slice]) -> Iterator[NDArray[Any]]:
        """Yield the rows of a window of a layer from top to bottom, some at a time.

        Args:
            path: Key of ``content.layers``.
            window: Rows and columns, as slices with a start and a stop.

        Raises:
            ReadError: The pixels cannot be read.
        """
        ...

    def close(self) -> None:
        """Release the files."""
        ...

    def __enter__(self) -> OpenGranule: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class OpenTracks(Protocol):
    """An open granule of tracks: its content, and its columns some rows at a time."""

    content: GranuleContent
    """What the granule holds; ``groups`` are its beams."""

    def groups(self) -> Sequence[str]:
        """Return the groups at the top of the file, beams among them; an empty name for datasets at the top."""
        ...

    def variables(self, beam: str) -> Mapping[str, tuple[tuple[int, ...], str]]:
        """Return shape and type of every dataset of a beam, by its path below the beam."""
        ...

    def read(self, beam: str, path: str, rows: slice | None = None) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return rows of a dataset, and where they hold no value (None where all do).

        Raises:
            ReadError: They cannot be read.
        """
        ...

    def text(self, beam: str, path: str) -> tuple[str | None, str | None]:
        """Return description and unit of a dataset as the file states them."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...

    def __enter__(self) -> OpenTracks: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, kw_only=True)
class SceneBand:
    """One band of one granule: where its pixels are, where they lie on Earth, what they mean."""

    band: Band
    """The band of the product."""
    layer: str
    """Key of ``GranuleContent.layers``."""
    geobox: GeoBox
    """Outer pixel edges, coordinate reference system and shape."""
    window: tuple[slice, slice] | None = None
    """Rows and columns of the layer that ``geobox`` is the grid of; None for all."""
    gcps: tuple[GridPoint, ...] = ()
    """Places of some pixels, where the image lies on no grid of a map; ``geobox`` then says only its shape."""
    part: Literal["amplitude", "phase"] | None = None
    """What is kept of complex numbers; None keeps them."""
    recoded: int | float | None = None
    """Fill value in the file of whole numbers that are written in the type and with the fill value of ``band``."""
    view: PixelView | None = None
    """How stored numbers become pixels; None for rows and columns as they are stored."""
    scale: float | None = None
    """Physical value = stored value * scale + offset."""
    offset: float | None = None
    """See ``scale``."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the STAC asset."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a product makes of a granule's metadata: all that an item says but the pixels."""

    id: str
    """Granule id as the provider gives it; made safe when it becomes an item id."""
    datetime: dt.datetime
    """Nominal time, UTC."""
    start_datetime: dt.datetime | None = None
    """First moment of a composite."""
    end_datetime: dt.datetime | None = None
    """Last moment of a composite."""
    created: dt.datetime | None = None
    """When the provider made the granule."""
    bands: tuple[SceneBand, ...]
    """Bands that exist and are wanted, in the order of the product table."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Bands of the product that get no asset, with the reason."""
    notes: tuple[str, ...] = ()
    """Contradictions and assumptions that a user of the item has to know."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """STAC item properties with their extension prefixes."""
    extensions: tuple[str, ...] = ()
    """Short names of the extensions that ``properties`` use: ``view``, ``sat``."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Files of the granule that the item holds as they are, by asset key."""
    footprint: Mapping[str, Any] | None = None
    """GeoJSON outline from the metadata, of scenes whose pixels do not say where they lie."""
    short_name: str | None = None
    """Short name at CMR, where those of one product differ; empty for what CMR does not have."""
