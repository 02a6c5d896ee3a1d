"""Which product a file is of and when it was observed: from metadata, sidecars, and its name."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stacaster.formats.granule_files import image_parts
from stacaster.formats.metadata import ecs
from stacaster.instruments.generic.times import CALENDAR, DAY_OF_YEAR, Said, parsed, times_of
from stacaster.model import GranuleContent

_ENDS = re.compile(r"\.(hdf4?|h5|he5|hdf5|nc4?|nc|tiff?|zip)$", re.IGNORECASE)
_SHORT = (
    "identifier_product_type",
    "shortname",
    "short_name",
    "identifiershortname",
    "doishortname",
    "collection_shortname",
    "algorithmid",
    "productshortname",
)
_VERSION = ("versionid", "version_id", "product_version", "productversion", "version", "collection_version")
_DOI = ("identifier_product_doi", "identifierproductdoi", "doi", "product_doi", "identifier_product_doi_number")
_PLATFORM = (
    "platform",
    "platformshortname",
    "associatedplatformshortname",
    "satellitename",
    "platform_id",
    "satid",
    "spacecraft",
)
_SENSOR = ("instrument", "instrumentshortname", "associatedinstrumentshortname", "instrumentname", "sensor", "sensorid")
_TITLE = ("longname", "title", "long_name")
_CREATED = (
    "date_created",
    "productiondatetime",
    "generationdatetime",
    "creation_date",
    "production_datetime",
    "datetimecreated",
)
_NO_NAME = {"", "merged", "multi", "unknown", "none", "n/a", "not set"}
_DOI_FORM = re.compile(r"10\.\d{4,9}/\S+")
_LONGEST = 25
_ORBITS = ("orbitnumber", "orbit_number", "startorbitnumber", "startorbit")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a file says of itself."""

    granule: str
    """Id of the granule."""
    short_name: str
    """Short name of the product; empty when nothing says it."""
    version: str
    """Version of the product; empty when nothing says it."""
    title: str
    """Title of the product; the short name without one."""
    doi: str | None
    """Digital object identifier."""
    platform: str
    """Satellite or model, lower case; empty when nothing says it."""
    instruments: tuple[str, ...]
    """Instruments, lower case."""
    level: str
    """Processing level, ``L3``; empty when nothing says it."""
    start: dt.datetime | None
    """First time; None when nothing says it."""
    end: dt.datetime | None
    """Last time."""
    created: dt.datetime | None
    """When it was made."""
    properties: Mapping[str, Any]
    """Cloud cover, orbit, day and night."""
    time_source: str
    """What the times are from."""


def identify(content: GranuleContent) -> Identity:
    """Return what a file says of itself.

    Args:
        content: What the reader found.
    """
    said = Said(content)
    umm = content.sidecars.get("umm") or {}
    reference = umm.get("CollectionReference") or {}
    base = _ENDS.sub("", content.name)
    if content.reader == "geotiff_set" and "umm" not in content.sidecars:
        base = image_parts(content.name)[0]
    short = str(reference.get("ShortName") or content.find("SHORTNAME") or said.text(_SHORT) or "")
    version = str(reference.get("Version") or _version(content.find("VERSIONID")) or said.text(_VERSION) or "")
    if not short:
        short, version = _from_name(base, version)
    if short.startswith("3IMERG"):
        # CMR puts the mission before the name of the algorithm.
        short = f"GPM_{short}"
    start, end, source = times_of(content, said, umm, base)
    doi = _DOI_FORM.search(said.text(_DOI))
    local = str(content.find("LOCALGRANULEID") or umm.get("GranuleUR") or "")
    return Identity(
        granule=_ENDS.sub("", local) if local and len(content.files) == 1 else base,
        short_name=_plain_name(short),
        version=_version(version) or "",
        title=str(content.find("LONGNAME") or said.text(_TITLE) or short or base),
        doi=doi[0].rstrip(";,") if doi else None,
        platform=_platform(content, said, umm),
        instruments=_instruments(content, said, umm),
        level=_level(said.text(("processing_level", "processinglevel", "productlevel"))),
        start=start,
        end=end,
        created=_created(content, said, umm),
        properties=_properties(content, said, umm),
        time_source=source,
    )


def _plain_name(text: str) -> str:
    return re.sub(r"[^\w.\-]+", "_", text.strip())[:64].strip("_.-")


def _version(value: Any) -> str:
    """Return a version as providers write it: whole numbers have three digits."""
    if value is None or isinstance(value, tuple):
        return ""
    text = str(value).strip()
    if re.fullmatch(r"\d{1,3}", text):
        return text.zfill(3)
    letter = re.fullmatch(r"V(\d{2})[A-Z]", text)
    if letter is not None:
        return letter[1]
    return re.sub(r"[^\w.\-]+", "_", text)[:32]


def _from_name(base: str, version: str) -> tuple[str, str]:
    """Return short name and version of a file name: what stands before the first date, and a part like ``v2.0``."""
    cut = [match.start() for pattern in (CALENDAR, DAY_OF_YEAR) if (match := pattern.search(base))]
    head = base[: min(cut)] if cut else ""
    stated = re.search(r"(?:^|[._-])[vV](\d+(?:\.\d+)?)(?=[._-]|$)", base) or re.search(r"\.(\d{3})\.\d{13}", base)
    head = re.sub(r"[._-]+$", "", head)
    # Names of tiles are no part of the name of a product.
    head = re.sub(r"[._-](T?\d{2}[A-Z]{3}|h\d{2}v\d{2})(?=$|[._-])", "", head)
    return head, version or (stated[1] if stated else "")


def _level(text: str) -> str:
    match = re.search(r"(?:^|\W|[A-Za-z]*Level\s*)L?(\d[A-D]?)\b", text)
    return f"L{match[1]}" if match else ""


def _words(values: Iterator[Any]) -> tuple[str, ...]:
    plain = (re.sub(r"[^a-z0-9]+", "-", str(value).strip().lower()).strip("-") for value in values if value)
    return tuple(dict.fromkeys(word for word in plain if word not in _NO_NAME and len(word) <= _LONGEST))


def _platform(content: GranuleContent, said: Said, umm: Mapping[str, Any]) -> str:
    stated = [item.value for item in content.find_all("ASSOCIATEDPLATFORMSHORTNAME")]
    flat = [entry for value in stated for entry in (value if isinstance(value, tuple) else (value,))]
    named = [entry.get("ShortName") for entry in umm.get("Platforms") or ()]
    return ",".join(sorted(_words(iter([*named, *flat] or [said.text(_PLATFORM)]))))


def _instruments(content: GranuleContent, said: Said, umm: Mapping[str, Any]) -> tuple[str, ...]:
    named = [inner.get("ShortName") for entry in umm.get("Platforms") or () for inner in entry.get("Instruments") or ()]
    stated = [item.value for item in content.find_all("ASSOCIATEDINSTRUMENTSHORTNAME")]
    flat = [entry for value in stated for entry in (value if isinstance(value, tuple) else (value,))]
    return _words(iter([*named, *flat] or [said.text(_SENSOR)]))


def _created(content: GranuleContent, said: Said, umm: Mapping[str, Any]) -> dt.datetime | None:
    stated = (umm.get("DataGranule") or {}).get("ProductionDateTime") or content.find("PRODUCTIONDATETIME")
    return parsed(stated) if stated else parsed(said.text(_CREATED)) if said.text(_CREATED) else None


def _properties(content: GranuleContent, said: Said, umm: Mapping[str, Any]) -> dict[str, Any]:
    cloud = ecs.number(umm.get("CloudCover"))
    extra = ecs.additional_attributes(content)
    for name in ("QAPERCENTCLOUDCOVER", "CLOUDCOVER", "CLOUDCOVERPERCENT"):
        if cloud is None:
            cloud = ecs.number(extra.get(name)) if name in extra else None
    flag = (
        (umm.get("DataGranule") or {}).get("DayNightFlag")
        or content.find("DAYNIGHTFLAG")
        or said.text(("daynightflag",))
    )
    orbit = ecs.number(content.find("ORBITNUMBER")) or ecs.number(said.text(_ORBITS) or None)
    found = {
        "eo:cloud_cover": cloud if cloud is not None and 0 <= cloud <= 100 else None,
        "sat:absolute_orbit": int(orbit) if orbit is not None and orbit > 0 else None,
        "stacaster:day_night": ecs.day_night(flag),
    }
    return {key: value for key, value in found.items() if value is not None}
