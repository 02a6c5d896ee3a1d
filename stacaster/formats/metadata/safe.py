"""Metadata of Sentinel-1 products in the SAFE format: manifest and annotation. Pure functions of text.

Sources: Sentinel-1 Product Specification (S1-RS-MDA-52-7441); for the metadata of single bursts, the XML of the Alaska
Satellite Facility, which holds the manifest and the annotation of one scene.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from stacaster.errors import ReadError
from stacaster.model import GridPoint, StateVector


@dataclass(frozen=True, kw_only=True)
class BurstTiming:
    """One burst of a sub-swath."""

    start: dt.datetime
    """Zero-Doppler time of its first line, UTC."""
    burst_id: int | None
    """Relative burst id, where the annotation states it (since processor version 3.40)."""


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What one annotation file says: of one sub-swath (SLC) or image (GRD) and polarisation."""

    polarization: str
    """``VV``, ``VH``, ``HH`` or ``HV``."""
    swath: str
    """``IW1``, ``IW``, ``S3`` ..."""
    shape: tuple[int, int]
    """Lines and samples."""
    spacing: tuple[float, float]
    """Pixel spacing in range and azimuth, metres."""
    looks: tuple[int, int]
    """Looks in range and azimuth."""
    frequency: float
    """Radar frequency, Hz."""
    incidence: float | None
    """Incidence angle in the middle of the swath, degrees."""
    grid: tuple[GridPoint, ...]
    """Grid of positions; numbers of lines and samples are pixel centres."""
    orbit: tuple[StateVector, ...]
    """State vectors, ordered by time."""
    lines_per_burst: int = 0
    """Lines of a burst; 0 for products without bursts."""
    bursts: tuple[BurstTiming, ...] = ()
    """Bursts from first to last."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What ``manifest.safe`` says of a product."""

    start: dt.datetime
    """First moment, UTC."""
    end: dt.datetime
    """Last moment."""
    platform: str
    """``sentinel-1a``."""
    international_designator: str | None
    """Of the satellite, ``2014-016A``."""
    mode: str
    """Instrument mode, ``IW``."""
    product_type: str
    """``SLC`` or ``GRD``."""
    polarizations: tuple[str, ...]
    """Polarisations, ``VV`` ..."""
    orbit_state: str | None
    """``ascending`` or ``descending``."""
    absolute_orbit: int | None
    """Absolute orbit at the first moment."""
    relative_orbit: int | None
    """Relative orbit at the first moment."""
    ascending_node: dt.datetime | None
    """Time of the ascending node."""
    data_take: str | None
    """Id of the data take."""
    processor: str | None
    """Version of the processor."""
    created: dt.datetime | None
    """When it was processed."""
    outline: tuple[tuple[float, float], ...]
    """Longitude and latitude of the corners."""
    files: Mapping[str, tuple[int, str | None]] = field(default_factory=dict)
    """Size and MD5 of the files by their place in the product."""


def _parse(text: str, name: str) -> ET.Element:
    if "<!ENTITY" in text:
        raise ReadError(f"{name} defines entities; it is not read")
    try:
        return ET.fromstring(text)  # noqa: S314 - without entity definitions the parser expands nothing
    except ET.ParseError as error:
        raise ReadError(f"{name} is no XML: {error}") from error


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _all(root: ET.Element, name: str) -> Iterator[ET.Element]:
    """Yield elements by their name without namespace, which differs between versions."""
    return (element for element in root.iter() if _local(element.tag) == name)


def _text(root: ET.Element, name: str) -> str | None:
    found = next(_all(root, name), None)
    return None if found is None or found.text is None else found.text.strip()


def _need(root: ET.Element, name: str, where: str) -> str:
    found = _text(root, name)
    if not found:
        raise ReadError(f"{where} states no {name}")
    return found


def moment(text: str) -> dt.datetime:
    """Return a time, which SAFE writes in UTC without saying so.

    Raises:
        ReadError: The text is no time.
    """
    try:
        found = dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.strip()))
    except ValueError as error:
        raise ReadError(f"{text!r} is no time") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)


def parse_manifest(text: str, *, name: str = "manifest.safe") -> Manifest:
    """Return what a manifest says.

    Raises:
        ReadError: It is damaged or lacks what every manifest has.
    """
    return _manifest(_parse(text, name), name)


def _manifest(root: ET.Element, name: str) -> Manifest:
    number = _need(root, "number", name)
    platform = next(_all(root, "platform"), root)
    state = (_text(root, "pass") or "").lower()
    orbit = _text(root, "orbitNumber")
    relative = _text(root, "relativeOrbitNumber")
    node = _text(root, "ascendingNodeTime")
    processing = next((element for element in _all(root, "processing") if element.get("stop")), None)
    software = None if processing is None else next(_all(processing, "software"), None)
    return Manifest(
        start=moment(_need(root, "startTime", name)),
        end=moment(_need(root, "stopTime", name)),
        platform=f"sentinel-1{number.lower()}",
        international_designator=_text(platform, "nssdcIdentifier"),
        mode=_need(root, "mode", name),
        product_type=_need(root, "productType", name),
        polarizations=tuple(sorted(e.text.strip() for e in _all(root, "transmitterReceiverPolarisation") if e.text)),
        orbit_state=state if state in ("ascending", "descending") else None,
        absolute_orbit=None if orbit is None else int(orbit),
        relative_orbit=None if relative is None else int(relative),
        ascending_node=None if node is None else moment(node),
        data_take=_text(root, "missionDataTakeID"),
        processor=None if software is None else software.get("version"),
        created=None if processing is None else moment(str(processing.get("stop"))),
        outline=_outline(root),
        files=dict(_files(root)),
    )


def _outline(root: ET.Element) -> tuple[tuple[float, float], ...]:
    numbers = [float(part) for part in re.split(r"[\s,]+", (_text(root, "coordinates") or "").strip()) if part]
    # Latitude comes first.
    return tuple(zip(numbers[1::2], numbers[::2], strict=True))


def _files(root: ET.Element) -> Iterator[tuple[str, tuple[int, str | None]]]:
    for stream in _all(root, "byteStream"):
        place = next(_all(stream, "fileLocation"), None)
        if place is not None and place.get("href"):
            name = str(place.get("href")).removeprefix("./")
            yield name, (int(stream.get("size") or -1), _text(stream, "checksum"))


def parse_annotation(text: str, *, name: str) -> Annotation:
    """Return what an annotation file says.

    Raises:
        ReadError: It is damaged or lacks what every annotation has.
    """
    return _annotation(_parse(text, name), name)


def _annotation(root: ET.Element, name: str) -> Annotation:
    looks = next(_all(root, "swathProcParams"), root)
    counted = [int(element.text or 1) for element in _all(looks, "numberOfLooks")] or [1, 1]
    angle = _text(root, "incidenceAngleMidSwath")
    grid = tuple(_grid_point(point) for point in _all(root, "geolocationGridPoint"))
    if len(grid) < 4:
        raise ReadError(f"{name} has {len(grid)} positions in its geolocation grid, but at least 4 are needed")
    return Annotation(
        polarization=_need(root, "polarisation", name),
        swath=_need(root, "swath", name),
        shape=(int(_need(root, "numberOfLines", name)), int(_need(root, "numberOfSamples", name))),
        spacing=(float(_need(root, "rangePixelSpacing", name)), float(_need(root, "azimuthPixelSpacing", name))),
        looks=(counted[0], counted[-1]),
        frequency=float(_need(root, "radarFrequency", name)),
        incidence=None if angle is None else float(angle),
        grid=grid,
        orbit=tuple(sorted((_vector(entry) for entry in _all(root, "orbit")), key=lambda vector: vector.time)),
        lines_per_burst=int(_text(root, "linesPerBurst") or 0),
        bursts=tuple(_burst(entry) for entry in _all(root, "burst") if _text(entry, "azimuthTime")),
    )


def _grid_point(point: ET.Element) -> GridPoint:
    values = (float(point.findtext(key) or "nan") for key in ("line", "pixel", "longitude", "latitude", "height"))
    return GridPoint(*values)


def _vector(entry: ET.Element) -> StateVector:
    parts = [entry.find(f"{kind}/{axis}") for kind in ("position", "velocity") for axis in "xyz"]
    numbers = [float(part.text or "nan") if part is not None else float("nan") for part in parts]
    time = moment(entry.findtext("time") or "")
    return StateVector(time, (numbers[0], numbers[1], numbers[2]), (numbers[3], numbers[4], numbers[5]))


def _burst(entry: ET.Element) -> BurstTiming:
    number = entry.findtext("burstId")
    return BurstTiming(start=moment(entry.findtext("azimuthTime") or ""), burst_id=None if not number else int(number))


def parse_burst(text: str, *, name: str) -> tuple[Manifest, list[Annotation]]:
    """Return manifest and annotations of the metadata of a single burst.

    Raises:
        ReadError: It is no such document.
    """
    root = _parse(text, name)
    package = next(_all(root, "XFDU"), None)
    annotations = [
        _annotation(entry, name) for entry in _all(root, "product") if next(_all(entry, "orbit"), None) is not None
    ]
    if package is None or not annotations:
        raise ReadError(f"{name} holds no manifest with annotations of a burst")
    return _manifest(package, name), annotations
