"""Orbit files of Sentinel-1 (Earth Explorer format): names, validity, state vectors. Pure functions of text.

Source: Earth Observation Ground Segment File Format Standard (PE-TN-ESA-GS-0001).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from stacaster.errors import IntegrityError
from stacaster.model import StateVector

_NAME = re.compile(
    r"(?P<mission>S1[A-D])_OPER_AUX_(?P<kind>POEORB|RESORB)_OPOD_(?P<created>\d{8}T\d{6})_"
    r"V(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})"
)
_FEW = 100


@dataclass(frozen=True, kw_only=True)
class OrbitFile:
    """What the name of an orbit file says."""

    name: str
    """Name with ``.EOF``."""
    mission: str
    """``S1A`` ..."""
    kind: str
    """``POEORB`` (precise) or ``RESORB`` (restituted)."""
    created: dt.datetime
    """When it was made, UTC."""
    start: dt.datetime
    """First moment that it is valid for."""
    stop: dt.datetime
    """Last moment."""

    def covers(self, start: dt.datetime, end: dt.datetime) -> bool:
        """Tell whether it is valid for a whole interval."""
        return self.start <= start and end <= self.stop


def parse_name(name: str) -> OrbitFile | None:
    """Return what a name says; None for what is no orbit file."""
    match = _NAME.match(name)
    if match is None:
        return None
    moments = {key: dt.datetime.strptime(match[key], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
               for key in ("created", "start", "stop")}  # fmt: skip
    return OrbitFile(name=f"{match.group()}.EOF", mission=match["mission"], kind=match["kind"], **moments)


def parse_vectors(text: str, *, name: str) -> tuple[StateVector, ...]:
    """Return the state vectors of an orbit file, ordered by time.

    Raises:
        IntegrityError: It is no orbit file, is cut, or holds other vectors than its name says.
    """
    if "<!ENTITY" in text:
        raise IntegrityError(f"{name} defines entities; it is not read")
    try:
        root = ET.fromstring(text)  # noqa: S314 - without entity definitions the parser expands nothing
    except ET.ParseError as error:
        raise IntegrityError(f"{name} is no orbit file, or was cut: {error}") from error
    try:
        vectors = sorted((_vector(entry) for entry in root.iter("OSV")), key=lambda vector: vector.time)
    except (TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"{name} holds a state vector that cannot be read: {error}") from error
    if len(vectors) < _FEW:
        raise IntegrityError(f"{name} holds {len(vectors)} state vectors, too few for an orbit file")
    stated = parse_name(name)
    slack = dt.timedelta(seconds=60)
    if stated is not None and not (vectors[0].time <= stated.start + slack and stated.stop - slack <= vectors[-1].time):
        text = f"{vectors[0].time:%Y-%m-%dT%H:%M:%S} to {vectors[-1].time:%Y-%m-%dT%H:%M:%S}"
        raise IntegrityError(f"{name} holds state vectors from {text}, which is not the validity in its name")
    return tuple(vectors)


def _vector(entry: ET.Element) -> StateVector:
    time = dt.datetime.fromisoformat((entry.findtext("UTC") or "").removeprefix("UTC=")).replace(tzinfo=dt.UTC)
    numbers = [float(entry.findtext(name) or "nan") for name in ("X", "Y", "Z", "VX", "VY", "VZ")]
    if any(number != number for number in numbers):  # noqa: PLR0124 - only NaN differs from itself
        raise ValueError("a coordinate is missing")
    return StateVector(time, (numbers[0], numbers[1], numbers[2]), (numbers[3], numbers[4], numbers[5]))


def around(vectors: tuple[StateVector, ...], moment: dt.datetime, *, seconds: float = 120.0) -> tuple[StateVector, ...]:
    """Return the state vectors near a moment."""
    return tuple(v for v in vectors if abs((v.time - moment).total_seconds()) <= seconds)
