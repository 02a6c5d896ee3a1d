"""What is asked of a search service and what comes back, the same for all services."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FileRole = Literal["data", "metadata", "browse"]
"""What a file of a granule is for."""

_MOMENTS = ("start", "end", "produced")


@dataclass(frozen=True, kw_only=True)
class GranuleFile:
    """One file of a granule at its provider."""

    name: str
    """File name without folders and query."""
    href: str
    """Address for download: https or s3."""
    s3_href: str | None = None
    """Address in the provider's bucket, when it is another."""
    size: int | None = None
    """Exact number of bytes, when the provider states it."""
    checksum_kind: str | None = None
    """``MD5``, ``SHA-256``, ``SHA-512`` ... as the provider writes it."""
    checksum: str | None = None
    """Hexadecimal checksum."""
    role: FileRole = "data"
    """What the file is for."""


@dataclass(frozen=True, kw_only=True)
class Granule:
    """One granule that a search service knows."""

    id: str
    """Name of the granule at its producer; file names begin with it as a rule."""
    source: str
    """Name of the service that answered."""
    product: str
    """Short name of the product, ``AST_L1T``."""
    version: str
    """Version of the product, ``003``."""
    collection: str
    """Collection at the service: a CMR concept id or a STAC collection id."""
    geometry: Mapping[str, Any] | None
    """GeoJSON footprint in degrees; None when the service states none."""
    start: dt.datetime
    """First moment."""
    end: dt.datetime
    """Last moment."""
    files: tuple[GranuleFile, ...]
    """Files, data first."""
    total_size: int | None = None
    """Bytes of all data files together, when the provider states only that."""
    record: str = ""
    """Concept id with revision, or the address of the item: where this came from."""
    produced: dt.datetime | None = None
    """When the provider made it."""
    cloud_cover: float | None = None
    """Percent."""
    day_night: str | None = None
    """``day``, ``night``, ``both`` or None."""
    orbit: int | None = None
    """Absolute orbit number."""
    path: int | None = None
    """Relative orbit: the path or track that comes again every cycle."""
    frame: int | None = None
    """Place along the path, as the provider counts."""
    direction: str | None = None
    """``ascending``, ``descending`` or None."""
    polarizations: tuple[str, ...] = ()
    """``HH``, ``HV`` ...; of radar only."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Further attributes as the provider names them."""
    credentials_href: str | None = None
    """Where temporary S3 credentials for its bucket are given out."""

    @property
    def data_files(self) -> tuple[GranuleFile, ...]:
        """Files with measurements."""
        return tuple(file for file in self.files if file.role == "data")

    @property
    def size(self) -> int | None:
        """Bytes of the data files, or None when it is not known exactly."""
        sizes = [file.size for file in self.data_files]
        if sizes and all(size is not None for size in sizes):
            return sum(size for size in sizes if size is not None)
        return self.total_size

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, from which ``from_dict`` makes the same granule."""
        plain = {**vars(self), "attributes": dict(self.attributes), "polarizations": list(self.polarizations)}
        for name in _MOMENTS:
            plain[name] = None if plain[name] is None else plain[name].isoformat()
        return {**plain, "files": [dict(vars(file)) for file in self.files]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Granule:
        """Return the granule that ``to_dict`` described."""
        given = dict(data)
        for name in _MOMENTS:
            given[name] = None if given[name] is None else dt.datetime.fromisoformat(given[name])
        files = tuple(GranuleFile(**file) for file in given.pop("files"))
        return cls(**{**given, "files": files, "polarizations": tuple(given["polarizations"])})

    def to_feature(self) -> dict[str, Any]:
        """Return a GeoJSON feature with plain properties."""
        properties = {
            "id": self.id,
            "source": self.source,
            "product": self.product,
            "version": self.version,
            "collection": self.collection,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "cloud_cover": self.cloud_cover,
            "day_night": self.day_night,
            "orbit": self.orbit,
            "path": self.path,
            "frame": self.frame,
            "direction": self.direction,
            "polarizations": list(self.polarizations),
            "size": self.size,
            "record": self.record,
            "files": [{k: v for k, v in vars(file).items() if v is not None} for file in self.files],
        }
        geometry = None if self.geometry is None else dict(self.geometry)
        return {"type": "Feature", "id": self.id, "geometry": geometry, "properties": properties}


@dataclass(frozen=True, kw_only=True)
class Query:
    """One search, the same for every service; None leaves a condition out."""

    product: str | None = None
    """Short name of the product."""
    version: str | None = None
    """Version as text, ``003``."""
    collection: str | None = None
    """Collection at the service."""
    provider: str | None = None
    """Provider at CMR, ``LPCLOUD``."""
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees; west > east crosses the antimeridian."""
    intersects: Mapping[str, Any] | None = None
    """GeoJSON geometry."""
    datetime: tuple[dt.datetime | None, dt.datetime | None] | None = None
    """First and last moment; None is open."""
    months: tuple[int, ...] = ()
    """Months of the year, 1 to 12; empty means all."""
    cloud_cover: tuple[float | None, float | None] | None = None
    """Smallest and largest percentage. Granules without the figure never fit."""
    day_night: str | None = None
    """``day`` or ``night``."""
    orbit: tuple[int, int] | None = None
    """First and last absolute orbit."""
    path: tuple[int, int] | None = None
    """First and last relative orbit (path, track)."""
    frame: tuple[int, int] | None = None
    """First and last frame."""
    tracks: tuple[int, ...] = ()
    """Reference ground tracks of ICESat-2; empty means all."""
    cycles: tuple[int, ...] = ()
    """Cycles of ICESat-2; empty means all."""
    direction: str | None = None
    """``ascending`` or ``descending``."""
    polarization: str | None = None
    """Polarisations as the provider writes them: ``VV+VH``, ``HH``, ``HHHV``."""
    short_names: tuple[str, ...] = ()
    """Short names of several products that answer to ``product``."""
    platforms: tuple[str, ...] = ()
    """Platforms at CMR, ``SENTINEL-1A``."""
    instrument: str | None = None
    """Instrument at CMR, ``C-SAR``."""
    name: str | None = None
    """Pattern of granule names with ``*`` and ``?``."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Provider attributes by name: a value, or ``low..high``."""
    ids: tuple[str, ...] = ()
    """Granule names."""
