"""Options of searches and ingests of granules; see ``stacaster.model.options``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from stacaster.model.names import Names
from stacaster.model.options import AreaOptions, PlaceOptions, Time

PathLike = str | os.PathLike[str]
Numbers = int | str | Sequence[int]
"""``98``, ``"98-100"``, or first and last."""


class GranuleOptions(PlaceOptions, total=False):
    """Which granules of a search service."""

    datetime: Time | None
    """Time or range: ``2001``, ``2001-03``, ``2001-01-01/2001-06-30``, ``2001/..``."""
    start: Time | None
    """First moment, instead of ``datetime``."""
    end: Time | None
    """Last moment, instead of ``datetime``."""
    months: int | str | Sequence[int] | None
    """Season of every year: ``6,7,8``, ``11-2`` or a list."""
    cloud_cover_max: float | str | None
    """Largest cloud cover, percent."""
    day_night: str | None
    """``day`` or ``night``."""
    orbit: Numbers | None
    """Absolute orbit, or first and last."""
    path: Numbers | None
    """Relative orbit (path, track), or first and last."""
    frame: Numbers | None
    """Frame along the path, or first and last."""
    track: Numbers | None
    """ICESat-2: reference ground tracks, ``5``, ``5,9``, ``5-8``."""
    cycle: Numbers | None
    """ICESat-2: cycles of 91 days."""
    direction: str | None
    """``ascending`` or ``descending``."""
    polarization: Names | None
    """Radar: ``HH+HV``, ``VV`` ..."""
    attributes: Mapping[str, Any] | None
    """Attributes of the provider by name: a value, or ``low..high``."""
    provider: str | None
    """Provider at CMR, ``LPCLOUD``."""
    collection: Names | None
    """Collection at the service (CMR: concept id)."""
    collections: Names | None
    """The same as ``collection``: services take one."""
    version: str | int | None
    """Version of the product, ``003``."""
    name: Names | None
    """Pattern of granule names with ``*`` and ``?``."""
    ids: Names | None
    """Names of granules."""
    platforms: Names | None
    """Platforms as CMR names them, ``SENTINEL-1A``."""
    instrument: str | None
    """Instrument as CMR names it, ``C-SAR``."""


class ServiceOptions(TypedDict, total=False):
    """Which service is asked, and how."""

    source: PathLike
    """``cmr``, ``asf``, ``planetary-computer``, ``earth-search``, address of a STAC API, or folder of a catalog."""
    all_versions: bool
    """Keep older versions of a scene beside the newest."""
    policy: Any
    """Attempts and time of each question: a ``stacaster.network.RetryPolicy``."""
    token: bool | str | None
    """True sends the token of the login to CMR, for restricted collections; or a token. By default none is sent."""


class StackChoiceOptions(TypedDict, total=False):
    """What is kept of each stack of granules."""

    latest: int | None
    """Only the last so many."""
    earliest: int | None
    """Only the first so many."""
    min_count: int | None
    """Leave out stacks with fewer granules."""
    max_count: int | None
    """At most so many of each stack, the first ones."""
    drop_above: int | None
    """Leave out stacks with more granules."""
    min_coverage: float | None
    """Leave out granules that cover less of the area, 0 to 1."""


class StackedOptions(StackChoiceOptions, total=False):
    """How granules make stacks, and what is kept of each."""

    stack_by: Names | None
    """Stacks by ``path``, ``frame``, ``direction``, ``orbit`` ..."""


class SearchOptions(GranuleOptions, ServiceOptions, StackedOptions, total=False):
    """Options of ``stacaster.search``."""

    limit: int | None
    """Largest number of granules."""
    max_items: int | None
    """The same as ``limit``."""
    group_by: Names | None
    """The same as ``stack_by``."""
    groupby: Names | None
    """The same as ``stack_by``."""


class TileSearchOptions(GranuleOptions, ServiceOptions, total=False):
    """Options of ``search_tiles``."""


class GranuleFilterOptions(TypedDict, total=False):
    """Conditions on granules that were found."""

    start: Any
    """First date or moment."""
    end: Any
    """Last date or moment; a whole last day counts."""
    path: Any
    """Path, or several."""
    frame: Any
    """Frame, or several; of bursts the full burst id."""
    asf_frame: Any
    """Frame as the facility counts."""
    direction: str | None
    """``ascending`` or ``descending``."""
    orbits: Any
    """Absolute orbits."""
    polarization: Names | None
    """Those that must be there, ``VV+VH``; a list means any of these."""
    path_frame: Any
    """A pair of path and frame, or several."""
    look_direction: str | None
    """``left`` or ``right``."""
    beam_mode: Any
    """``IW``, ``EW`` ..., or several."""
    beam_swath: Any
    """Beam swath, or several."""
    processing_level: Any
    """``SLC``, ``GRD_HD`` ..., or several."""
    platform: Any
    """``S1A``, ``SENTINEL-1A`` ..., or several."""
    burst_id: Any
    """Full burst id, or several."""
    months: Any
    """Months of every year: ``12-2``, or a list of these months."""
    days: Any
    """First and last day of every year: ``[335, 60]``; also over the turn of the year."""
    season: Any
    """``12-2``, ``11-15/02-20``, or numbers: up to 12 these months, above days of the year."""
    ids: Any
    """Names of granules."""


class GranuleSearchFilterOptions(GranuleFilterOptions, StackChoiceOptions, total=False):
    """Options of ``GranuleSearch.filter``, also by their names in asf_search."""

    asfFrame: Any
    """The same as ``asf_frame``."""
    relativeOrbit: Any
    """The same as ``path``."""
    absoluteOrbit: Any
    """The same as ``orbits``."""
    flightDirection: str | None
    """The same as ``direction``."""
    lookDirection: str | None
    """The same as ``look_direction``."""
    processingLevel: Any
    """The same as ``processing_level``."""
    beamMode: Any
    """The same as ``beam_mode``."""
    granule_names: Any
    """The same as ``ids``."""
    polarisation: str | None
    """The same as ``polarization``."""
    orbit: Any
    """The same as ``orbits``."""
    absolute_orbit: Any
    """The same as ``orbits``."""
    relative_orbit: Any
    """The same as ``path``."""
    flight_direction: str | None
    """The same as ``direction``."""
    latest_n: int | None
    """The same as ``latest``."""
    earliest_n: int | None
    """The same as ``earliest``."""


class GranuleSelectOptions(StackChoiceOptions, total=False):
    """Options of ``GranuleSearch.select``."""

    group_by: Names | None
    """Keys of the stacks; those of the search unless something else is said."""


class PartOptions(TypedDict, total=False):
    """What is wanted of a granule beside bands and area."""

    frequency: str | None
    """NISAR: ``A`` or ``B``."""
    split_complex: bool
    """Amplitude and phase instead of complex numbers."""


class SwathOptions(TypedDict, total=False):
    """Grid that swaths are put on; what lies on a grid already stays on it."""

    grid: str | None
    """Coordinate reference system, ``EPSG:32755``; without it the files of swaths are kept as they came."""
    resolution: float | None
    """Side of a pixel in units of ``grid``."""
    average: bool
    """Mean of the cells in a pixel for measurements, in place of the nearest cell."""
    max_distance: float | None
    """Largest distance of the nearest cell, metres; half the diagonal of the widest cells of the swath by default."""


class IngestOptions(AreaOptions, PartOptions, SwathOptions, total=False):
    """What is wanted of each granule."""

    bands: Names | None
    """Names of assets; others are left out."""
    variables: Names | None
    """Tracks: columns to add, as patterns of paths such as ``canopy/*``."""
    classes: PathLike | Sequence[PathLike] | None
    """Tracks: ATL08 granules that classify photons of ATL03: a folder, or files and folders."""
    s3: bool
    """Read granules of a search from their bucket."""
    keep_files: bool
    """Take radar granules in as they come, without COGs."""


class ReadAreaOptions(AreaOptions, PartOptions, SwathOptions, total=False):
    """Options of ``read_area``."""


class ConversionOptions(TypedDict, total=False):
    """How granules become items."""

    subsystem: Names
    """Keep only these parts, such as ``VNIR``."""
    keep_swir: bool
    """Make ASTER SWIR assets also after 2008-04-01, when the detectors are unusable."""
    profile: str | None
    """COG profile, ``zstd`` or ``deflate``."""
    clip: bool
    """Cut the granules to the area of the search."""
    with_classes: bool
    """Download the ATL08 granule of each ATL03 granule, which classifies its photons."""
    remote: bool
    """Read HDF5 granules where they lie, only the area."""


class IngestSearchOptions(SearchOptions, ConversionOptions, PartOptions, SwathOptions, total=False):
    """Options of ``ingest_search``."""

    workers: Any
    """Worker processes, or a ``stacaster.executors.Cluster``."""
    bands: Names | None
    """Names of assets; others are left out."""
    variables: Names | None
    """Tracks: columns to add, as patterns of paths such as ``canopy/*``."""
    classes: PathLike | Sequence[PathLike] | None
    """Tracks: ATL08 granules that classify photons of ATL03: a folder, or files and folders."""
    s3: bool
    """With ``remote``: from the providers' buckets."""
    keep_files: bool
    """Take radar granules in as they come, without COGs."""
