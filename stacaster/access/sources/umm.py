"""UMM-G records of NASA's Common Metadata Repository (CMR) as granules."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from stacaster.errors import SearchError
from stacaster.formats.metadata.umm import parse_time, umm_geometry
from stacaster.instruments import icesat2_orbit
from stacaster.model import FileRole, Granule, GranuleFile

APPROXIMATE = "approximate_footprint"
"""Attribute of granules whose footprint is worked out from an orbit: what it leaves out may be there."""

_SIDE_FILES = (".md5", ".sha256", ".sha512", ".xml", ".cmr.json", ".iso.xml", ".dmrpp", ".jpg", ".jpeg", ".png")
_NAME_ENDS = re.compile(r"\.(hdf|h5|he5|hdf5|nc|nc4|tif|tiff|zip)$", re.IGNORECASE)
_NISAR_FACTS = re.compile(r"NISAR_\w\d_\w{2}_\w{4}_\d{3}_(?P<track>\d{3})_(?P<direction>[AD])_(?P<frame>\d{3})_")
_POLARIZATION = re.compile(r"[HV][HV]")
_CLOUD_NAMES = ("SceneCloudCoverage", "CLOUD_COVERAGE", "CloudCover")
_NAMELESS = ("", "Not provided", "Not Provided", None)


def parse_umm(entry: Mapping[str, Any], *, product: str = "") -> Granule:
    """Return the granule of one item of a ``umm_json`` answer.

    Args:
        entry: ``{"meta": ..., "umm": ...}``.
        product: Short name to take where the record names its collection by title only.

    Raises:
        SearchError: The record lacks name or time.
    """
    meta, umm = entry.get("meta", {}), entry.get("umm", {})
    try:
        name = str(umm["GranuleUR"])
        start, end = _times(umm["TemporalExtent"])
    except (KeyError, ValueError, TypeError) as error:
        record = meta.get("concept-id", "an item")
        raise SearchError(f"{record} of the answer is no UMM-G record: {error!r}") from error
    reference = umm.get("CollectionReference", {})
    data = umm.get("DataGranule") or {}
    attributes = {row["Name"]: _value(row.get("Values", ())) for row in umm.get("AdditionalAttributes", ())}
    orbits = umm.get("OrbitCalculatedSpatialDomains") or [{}]
    flag = str(data.get("DayNightFlag", "")).lower()
    identifiers = {row.get("IdentifierType"): row.get("Identifier") for row in data.get("Identifiers", ())}
    files, total = _files(umm.get("RelatedUrls", ()), data.get("ArchiveAndDistributionInformation", ()))
    produced = data.get("ProductionDateTime")
    identity = _NAME_ENDS.sub("", str(identifiers.get("ProducerGranuleId") or name))
    extent = umm.get("SpatialExtent") or {}
    geometry = umm_geometry(extent)
    orbit = (extent.get("HorizontalSpatialDomain") or {}).get("Orbit")
    if geometry is None and orbit and any("ATL" in text for text in (product, name, identity)):
        geometry = icesat2_orbit.strip(orbit)
        attributes[APPROXIMATE] = geometry is not None
    return Granule(
        id=identity,
        source="cmr",
        product=str(reference.get("ShortName") or product),
        version=str(reference.get("Version") or ""),
        collection=str(meta.get("collection-concept-id") or ""),
        geometry=geometry,
        start=start,
        end=end,
        files=files,
        total_size=total,
        record=f"{meta.get('concept-id', name)}:{meta.get('revision-id', '')}".rstrip(":"),
        produced=parse_time(produced) if produced else None,
        cloud_cover=_cloud_cover(umm, attributes),
        day_night=flag if flag in ("day", "night", "both") else None,
        orbit=orbits[0].get("OrbitNumber") or orbits[0].get("BeginOrbitNumber"),
        **_radar_facts(identity, attributes),
        attributes=attributes | ({"CRID": identifiers["CRID"]} if "CRID" in identifiers else {}),
        credentials_href=_credentials(umm.get("RelatedUrls", ())),
    )


def _radar_facts(name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return path, frame, direction and polarisations from attributes as ASF and LP DAAC name them, or the NISAR name.

    Source of the names: asf_search's table of CMR attributes; NISAR naming convention.
    """
    match = _NISAR_FACTS.match(name)
    named = {} if match is None else match.groupdict()
    direction = str(
        attributes.get("ASCENDING_DESCENDING") or attributes.get("FlyingDirection") or named.get("direction") or ""
    )
    raw = attributes.get("POLARIZATION") or attributes.get("FREQUENCY_A_POLARIZATION_CONCAT") or ()
    texts = [raw] if isinstance(raw, str) else list(raw)
    found = [part for text in texts for part in _POLARIZATION.findall(text.upper())]
    return {
        "path": _number(attributes, "PATH_NUMBER", "TRACK_NUMBER") or _number(named, "track"),
        "frame": _number(attributes, "FRAME_NUMBER", "CENTER_ESA_FRAME") or _number(named, "frame"),
        "direction": {"A": "ascending", "D": "descending"}.get(direction[:1].upper()),
        "polarizations": tuple(dict.fromkeys(found)),
    }


def _number(attributes: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        try:
            return int(float(attributes[name]))
        except (KeyError, TypeError, ValueError):
            continue
    return None


def _times(extent: Mapping[str, Any]) -> tuple[dt.datetime, dt.datetime]:
    if "SingleDateTime" in extent:
        moment = parse_time(extent["SingleDateTime"])
        return moment, moment
    span = extent["RangeDateTime"]
    start = parse_time(span["BeginningDateTime"])
    end = span.get("EndingDateTime")
    return start, parse_time(end) if end else start


def _value(values: Any) -> Any:
    return values[0] if len(values) == 1 else list(values)


def _cloud_cover(umm: Mapping[str, Any], attributes: Mapping[str, Any]) -> float | None:
    for raw in (umm.get("CloudCover"), *(attributes.get(name) for name in _CLOUD_NAMES)):
        try:
            if raw is not None and 0 <= float(raw) <= 100:
                return float(raw)
        except (TypeError, ValueError):
            continue
    return None


def _credentials(urls: Iterable[Mapping[str, Any]]) -> str | None:
    for row in urls:
        url = str(row.get("URL", ""))
        if url.startswith("https://") and urlsplit(url).path.rstrip("/").endswith("/s3credentials"):
            return url
    return None


def _files(
    urls: Iterable[Mapping[str, Any]], archive: Iterable[Mapping[str, Any]]
) -> tuple[tuple[GranuleFile, ...], int | None]:
    """Return the files, data first, and the size of all together where the record states only that."""
    listed = [row for entry in archive for row in (entry.get("Files") or [entry])]
    by_name = {row["Name"]: row for row in listed if row.get("Name") not in _NAMELESS}
    nameless = [row for row in listed if row.get("Name") in _NAMELESS]
    buckets: dict[str, str] = {}
    found: dict[str, tuple[str, FileRole]] = {}
    for row in urls:
        url, kind = str(row.get("URL", "")), row.get("Type")
        name = file_name(url)
        role = _role(kind, name)
        if role is None or not name:
            continue
        if url.startswith("s3://"):
            buckets[name] = url
        elif url.startswith("https://") and name not in found:
            found[name] = (url, role)
    for name, url in buckets.items():
        found.setdefault(name, (url, "metadata" if name.lower().endswith(_SIDE_FILES) else "data"))
    data = [name for name, (_, role) in found.items() if role == "data"]
    total = None
    if len(nameless) == 1 and len(data) == 1 and data[0] not in by_name:
        by_name[data[0]] = nameless[0]
    elif len(nameless) == 1:
        total = nameless[0].get("SizeInBytes")
    files = [_file(name, url, role, buckets.get(name), by_name.get(name, {})) for name, (url, role) in found.items()]
    order = {"data": 0, "metadata": 1, "browse": 2}
    return tuple(sorted(files, key=lambda file: (order[file.role], file.name))), total


def _file(name: str, url: str, role: FileRole, bucket: str | None, row: Mapping[str, Any]) -> GranuleFile:
    checksum = row.get("Checksum") or {}
    size = row.get("SizeInBytes")
    # "Size" with a unit is rounded, and a megabyte has two meanings in CMR: only SizeInBytes is exact.
    return GranuleFile(
        name=name,
        href=url,
        s3_href=bucket,
        size=None if size is None else int(size),
        checksum_kind=checksum.get("Algorithm"),
        checksum=checksum.get("Value"),
        role=role,
    )


def _role(kind: Any, name: str) -> FileRole | None:
    if kind in ("GET DATA", "GET DATA VIA DIRECT ACCESS"):
        # NISAR lists statistics for quality control beside each granule.
        is_side = name.lower().endswith(_SIDE_FILES) or "_QA_STATS" in name
        return "metadata" if is_side else "data"
    if kind == "EXTENDED METADATA":
        return "metadata"
    return "browse" if kind == "GET RELATED VISUALIZATION" else None


def file_name(url: str) -> str:
    """Return the last part of the path of an address, decoded, without query; empty when there is none."""
    return PurePosixPath(unquote(urlsplit(url).path)).name
