"""Find granules: the same question to CMR, to a STAC API or to a catalog on disk."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster import query as parsing
from stacaster.areas import as_geometry, box_geometry
from stacaster.errors import UsageError
from stacaster.http import RetryPolicy
from stacaster.model import Granule, Query
from stacaster.regions import region_bbox
from stacaster.sources.newest import newest_only

if TYPE_CHECKING:
    import geopandas

__all__ = ["GranuleSearch", "build_query", "iter_granules", "search"]


_MONTHS = range(1, 13)


@dataclass(frozen=True)
class GranuleSearch:
    """Granules that a search found, ordered by time."""

    granules: tuple[Granule, ...]
    """The granules."""
    area: Mapping[str, Any] | None = None
    """GeoJSON geometry of the area that was asked for."""

    def __len__(self) -> int:
        return len(self.granules)

    def __iter__(self) -> Iterator[Granule]:
        return iter(self.granules)

    def __getitem__(self, index: int) -> Granule:
        return self.granules[index]

    def to_geojson(self) -> dict[str, Any]:
        """Return a GeoJSON feature collection."""
        return {"type": "FeatureCollection", "features": [granule.to_feature() for granule in self.granules]}

    def to_geodataframe(self) -> geopandas.GeoDataFrame:
        """Return a GeoDataFrame with one row a granule."""
        import geopandas
        import shapely

        features = [granule.to_feature() for granule in self.granules]
        shapes = [None if row["geometry"] is None else shapely.geometry.shape(row["geometry"]) for row in features]
        return geopandas.GeoDataFrame([row["properties"] for row in features], geometry=shapes, crs="EPSG:4326")

    def __repr__(self) -> str:
        return f"<GranuleSearch: {len(self)} granules>"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(granule.id)}</td><td>{escape(granule.version)}</td>"
            f"<td>{granule.start:%Y-%m-%d %H:%M}</td>"
            f"<td>{'' if granule.cloud_cover is None else granule.cloud_cover}</td></tr>"
            for granule in self.granules[:20]
        )
        more = f"<p>and {len(self) - 20} more</p>" if len(self) > 20 else ""
        head = "<tr><th>granule</th><th>version</th><th>start</th><th>cloud cover</th></tr>"
        return f"<b>{len(self)} granules</b><table>{head}{rows}</table>{more}"


def search(
    product: str | None = None,
    *,
    source: str = "cmr",
    limit: int | None = None,
    all_versions: bool = False,
    **conditions: Any,
) -> GranuleSearch:
    """Find granules and return all of them.

    Args:
        product: Short name such as ``AST_L1T``; at a STAC API or catalog the collection.
        source: ``cmr``, ``planetary-computer``, ``earth-search``, address of a STAC API, or folder of a catalog.
        limit: Largest number of granules.
        all_versions: Keep older versions of a scene beside the newest.
        **conditions: ``version``, ``collection``, ``provider``, ``region``, ``bbox``, ``intersects``, ``datetime``,
            ``start``, ``end``, ``months``, ``cloud_cover_max``, ``day_night``, ``orbit``, ``name``, ``attributes``,
            ``ids``; see ``build_query``.

    Raises:
        UsageError: A condition cannot be understood, or the service cannot be asked so.
        SearchError: The service refuses or does not answer.
    """
    policy = conditions.pop("policy", None)
    query = build_query(product, **conditions)
    found = _found(query, source=source, limit=limit, all_versions=all_versions, policy=policy)
    area = query.intersects if query.bbox is None else box_geometry(query.bbox)
    return GranuleSearch(tuple(found), area)


def iter_granules(
    product: str | None = None,
    *,
    source: str = "cmr",
    limit: int | None = None,
    all_versions: bool = False,
    policy: RetryPolicy | None = None,
    **conditions: Any,
) -> Iterator[Granule]:
    """Yield granules one by one, ordered by time, in constant memory; arguments as in ``search``."""
    query = build_query(product, **conditions)
    return _found(query, source=source, limit=limit, all_versions=all_versions, policy=policy)


def _found(
    query: Query, *, source: str, limit: int | None, all_versions: bool, policy: RetryPolicy | None
) -> Iterator[Granule]:
    found = _ask(query, source=source, limit=limit, policy=policy)
    found = (granule for granule in found if _fits(granule, query))
    if query.intersects is not None:
        found = _touching(found, query.intersects)
    if not all_versions:
        found = newest_only(found)
    return islice(found, limit)


def _ask(query: Query, *, source: str, limit: int | None, policy: RetryPolicy | None) -> Iterator[Granule]:
    from stacaster.sources import cmr, stac_api

    if source == "cmr":
        return cmr.search(query, limit=limit, policy=policy)
    if source in stac_api.SERVICES or source.startswith(("https://", "http://")):
        return stac_api.search(query, url=source, limit=limit, policy=policy)
    if Path(source).is_dir():
        from stacaster.sources import local

        return local.search(query, root=Path(source))
    known = ", ".join(["cmr", *stac_api.SERVICES])
    raise UsageError(
        f"source is {source!r}, but {known}, the address of a STAC API or the folder of a catalog is needed"
    )


def build_query(
    product: str | None = None,
    *,
    region: str | None = None,
    bbox: str | Sequence[float] | None = None,
    intersects: Any | None = None,
    datetime: str | None = None,
    cloud_cover_max: float | None = None,
    day_night: str | None = None,
    **plain: Any,
) -> Query:
    """Check the conditions of a search.

    Args:
        product: Short name.
        region: Name of a region such as ``south_australia``.
        bbox: West, south, east, north in degrees; west > east crosses the antimeridian.
        intersects: GeoJSON geometry, a file with polygons, or anything with ``__geo_interface__``.
        datetime: ``2001``, ``2001-03``, ``2001-01-01/2001-06-30``, ``2001/..``.
        cloud_cover_max: Percent.
        day_night: ``day`` or ``night``.
        **plain: ``start`` and ``end`` (instead of ``datetime``), ``months`` (``11-2`` or a list: a season of every
            year), ``orbit`` (absolute orbit, or first and last), ``version``, ``collection``, ``provider``, ``name``,
            ``attributes``, ``ids``.

    Raises:
        UsageError: A condition cannot be understood, or two contradict each other.
    """
    if sum(value is not None for value in (region, bbox, intersects)) > 1:
        raise UsageError("region, bbox and intersects each name the area; give one of them")
    datetime = _time_range(datetime, plain.pop("start", None), plain.pop("end", None))
    unknown = set(plain) - {"months", "orbit", "version", "collection", "provider", "name", "attributes", "ids"}
    if unknown:
        raise UsageError(f"{', '.join(sorted(unknown))} is no condition of a search")
    if day_night is not None and day_night.lower() not in ("day", "night"):
        raise UsageError(f"day_night is {day_night!r}, but day or night is needed")
    if cloud_cover_max is not None and not 0 <= cloud_cover_max <= 100:
        raise UsageError(f"cloud_cover_max is {cloud_cover_max}, but a percentage from 0 to 100 is needed")
    box = region_bbox(region) if region is not None else None if bbox is None else parsing.parse_bbox(bbox)
    given = {key: value for key, value in plain.items() if value is not None}
    if "ids" in given:
        given["ids"] = tuple(given["ids"])
    if "months" in given:
        given["months"] = parse_months(given["months"])
    if "orbit" in given:
        orbits = [given["orbit"]] if isinstance(given["orbit"], int) else list(given["orbit"])
        given["orbit"] = (int(orbits[0]), int(orbits[-1]))
    return Query(
        product=product,
        bbox=box,
        intersects=None if intersects is None else read_area(intersects),
        datetime=None if datetime is None else parsing.parse_datetime(datetime),
        cloud_cover=None if cloud_cover_max is None else (None, float(cloud_cover_max)),
        day_night=None if day_night is None else day_night.lower(),
        **given,
    )


def _time_range(datetime: str | None, start: str | None, end: str | None) -> str | None:
    if start is None and end is None:
        return datetime
    if datetime is not None:
        raise UsageError("datetime and start or end each name the time; give one of them")
    return f"{start or '..'}/{end or '..'}"


def parse_months(value: str | Sequence[int]) -> tuple[int, ...]:
    """Return months from ``6``, ``6,7,8``, ``11-2`` (over the turn of the year) or a list.

    Raises:
        UsageError: A month is not 1 to 12.
    """
    found: list[int] = []
    try:
        for part in value.split(",") if isinstance(value, str) else [str(month) for month in value]:
            first, _, last = part.strip().partition("-")
            start, end = _MONTHS.index(int(first)), _MONTHS.index(int(last or first))
            found += [(start + step) % 12 + 1 for step in range((end - start) % 12 + 1)]
    except ValueError as error:
        raise UsageError(f"months is {value!r}, but months from 1 to 12 such as 6,7,8 or 11-2 are needed") from error
    return tuple(dict.fromkeys(found))


def read_area(value: Any) -> Mapping[str, Any]:
    """Return the geometry of GeoJSON, of an object with ``__geo_interface__``, or of a file with polygons, in degrees.

    Raises:
        UsageError: There is no such file, or it holds no geometry.
    """
    if isinstance(value, (str, os.PathLike)) and not str(value).lstrip().startswith("{"):
        import geopandas
        import shapely

        path = Path(value)
        if not path.exists():
            raise UsageError(f"intersects is {str(value)!r}, which is neither GeoJSON nor a file")
        try:
            frame = geopandas.read_file(path)
        except Exception as error:
            raise UsageError(f"{path.name} cannot be read as polygons: {error}") from error
        if not len(frame):
            raise UsageError(f"{path.name} holds no geometry")
        if frame.crs is not None:
            frame = frame.to_crs(4326)
        mapped: dict[str, Any] = shapely.geometry.mapping(shapely.union_all(frame.geometry.array))
        return mapped
    return as_geometry(value)


def _fits(granule: Granule, query: Query) -> bool:
    """Check what a service may not know or not do."""
    if query.datetime is not None:
        first, last = query.datetime
        if (first is not None and granule.end < first) or (last is not None and granule.start > last):
            return False
    if query.months and granule.start.month not in query.months:
        return False
    if query.name is not None and not fnmatch.fnmatchcase(granule.id, query.name.removesuffix(".hdf")):
        return False
    if query.cloud_cover is not None:
        low, high = query.cloud_cover
        cover = granule.cloud_cover
        if cover is None or (low is not None and cover < low) or (high is not None and cover > high):
            return False
    if query.day_night is not None and granule.day_night not in (query.day_night, "both"):
        return False
    return query.orbit is None or (granule.orbit is not None and query.orbit[0] <= granule.orbit <= query.orbit[1])


def _touching(granules: Iterator[Granule], area: Mapping[str, Any]) -> Iterator[Granule]:
    """Leave out what only the widened polygon of the question found; a granule without footprint stays."""
    import shapely

    shape = shapely.make_valid(shapely.geometry.shape(dict(area)))
    shapely.prepare(shape)
    for granule in granules:
        if granule.geometry is None or shape.intersects(shapely.geometry.shape(dict(granule.geometry))):
            yield granule
