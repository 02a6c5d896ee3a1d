"""A data product: a table and two pure functions that read a granule's metadata."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stacaster.model.bands import Band
from stacaster.model.files import FileKind
from stacaster.model.granules import GranuleContent, Scene
from stacaster.model.read_options import ReadOptions
from stacaster.model.tracks import TrackTable


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
    is_generic: bool = False
    """Made from one file: other files of the collection may have other bands."""
    origin: str = "stacaster"
    """Where the table comes from: ``stacaster``, a package and its version, or a file."""

    def band(self, name: str) -> Band:
        """Return the band of this name; KeyError when the product has none."""
        for band in self.bands:
            if band.name == name:
                return band
        raise KeyError(name)
