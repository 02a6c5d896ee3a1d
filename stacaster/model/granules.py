"""Granules on disk, and what a product makes of them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from stacaster.model.bands import Band
from stacaster.model.files import FileKind
from stacaster.model.options import ReadOptions
from stacaster.model.orbits import GridPoint
from stacaster.model.tracks import TrackTable

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from stacaster.odl import OdlObject


@dataclass(frozen=True, kw_only=True)
class Provider:
    """An organisation as in the STAC ``providers`` field."""

    name: str
    """Name."""
    roles: tuple[str, ...]
    """``producer``, ``processor``, ``licensor`` or ``host``."""
    url: str
    """Home page."""


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


@dataclass(frozen=True, kw_only=True)
class Product:
    """One data product: a table, and two pure functions that read a granule's metadata."""

    name: str
    """Name in stacaster, ``aster_l1t_003``."""
    collection_id: str
    """STAC collection, ``aster-l1t-003``."""
    short_name: str
    """Short name at the provider, ``AST_L1T``."""
    version: str
    """Version at the provider, ``003``."""
    title: str
    """Title of the collection."""
    description: str
    """Description of the collection."""
    reader: str
    """File format: the name of a reader."""
    bands: tuple[Band, ...]
    """All bands in the order of their assets."""
    platform: str
    """STAC ``platform``, lower case."""
    instruments: tuple[str, ...]
    """STAC ``instruments``, lower case."""
    processing_level: str
    """STAC ``processing:level``."""
    doi: str | None
    """Digital object identifier without resolver."""
    citation: str
    """How the provider wants the data cited."""
    license: str
    """SPDX identifier, or ``other``."""
    providers: tuple[Provider, ...]
    """Who made and who hosts the data."""
    keywords: tuple[str, ...]
    """Search words."""
    recognise: Callable[[GranuleContent], bool]
    """Tells from the content, not only from the name, whether a granule is of this product."""
    describe: Callable[[GranuleContent, ReadOptions], Scene]
    """Turns the content into a scene; raises ReadError that says what is missing or contradictory."""
    tables: tuple[TrackTable, ...] = ()
    """Tables of a product along a track, which has no bands."""
    files: tuple[FileKind, ...] = ()
    """Files that items hold as they are."""
    file_set: re.Pattern[str] | None = None
    """For granules of several files: pattern with the groups ``granule`` and ``band``."""
    renders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """STAC render extension: named views."""
    notes: tuple[str, ...] = ()
    """What a user of the whole product has to know."""

    def band(self, name: str) -> Band:
        """Return the band of this name; KeyError when the product has none."""
        for band in self.bands:
            if band.name == name:
                return band
        raise KeyError(name)
