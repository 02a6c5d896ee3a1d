"""Metadata that all granules of NASA's EOSDIS Core System (ECS) share: times, versions, additional attributes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from stacaster.errors import ReadError
from stacaster.model import GranuleContent

_FRACTION = re.compile(r"\.(\d+)")


def parse_time(text: str) -> datetime:
    """Parse an ECS time such as ``2000-05-03T04:04:46.534000Z`` or ``2015-04-09 18:54:49.000``.

    Args:
        text: Date and time; without a zone it is UTC.

    Returns:
        Aware time in UTC, to the microsecond.

    Raises:
        ValueError: The text is no time.
    """
    clean = text.strip().replace(" ", "T", 1).replace("Z", "+00:00")
    clean = _FRACTION.sub(lambda match: "." + match.group(1)[:6].ljust(6, "0"), clean, count=1)
    value = datetime.fromisoformat(clean)
    return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).astimezone(UTC)


def time_of(content: GranuleContent, date_name: str, time_name: str) -> datetime | None:
    """Return the time that two ODL objects give together, such as CALENDARDATE and TIMEOFDAY.

    Raises:
        ReadError: The objects are there but are no time.
    """
    date, clock = content.find(date_name), content.find(time_name)
    if date is None or clock is None:
        return None
    text = f"{date}T{clock}"
    try:
        return parse_time(text)
    except ValueError as error:
        raise ReadError(f"{date_name} and {time_name} give {text!r}, which is no time", granule=content.name) from error


def production_time(content: GranuleContent) -> datetime | None:
    """Return PRODUCTIONDATETIME, or None when the granule has none that is a time."""
    value = content.find("PRODUCTIONDATETIME")
    try:
        return parse_time(str(value)) if value is not None else None
    except ValueError as error:
        raise ReadError(f"PRODUCTIONDATETIME is {value!r}, which is no time", granule=content.name) from error


def additional_attributes(content: GranuleContent) -> dict[str, Any]:
    """Return the additional attributes (product-specific attributes) by name, upper case.

    Names and values are separate ODL objects that belong together by their CLASS.
    """
    values: dict[tuple[str, str | None], Any] = {
        (item.document, item.object_class): item.value for item in content.find_all("PARAMETERVALUE")
    }
    found = {}
    for item in content.find_all("ADDITIONALATTRIBUTENAME"):
        key = (item.document, item.object_class)
        if key in values:
            found[str(item.value).upper()] = values[key]
    return found


def number(value: Any) -> float | None:
    """Return a metadata value as a float, or None when it is absent or no number."""
    if isinstance(value, tuple):
        value = value[0] if value else None
    try:
        return float(value) if value is not None else None
    except (TypeError, ValueError):
        return None


def day_night(value: Any) -> str | None:
    """Return a day/night flag in lower case: ``day``, ``night`` or ``both``; None for anything else."""
    text = str(value).strip().lower() if value is not None else ""
    return text if text in ("day", "night", "both") else None


def short_name(content: GranuleContent) -> str:
    """Return SHORTNAME in upper case without separators (``ASTL1T``), or an empty string."""
    return re.sub(r"[^A-Z0-9]", "", str(content.find("SHORTNAME") or "").upper())


def inside_bounding_rectangle(content: GranuleContent, lon: float, lat: float, *, margin: float = 0.5) -> bool | None:
    """Tell whether a point lies in the granule's bounding rectangle widened by a margin in degrees.

    Returns:
        None when the granule states no bounding rectangle.
    """
    names = ("WEST", "SOUTH", "EAST", "NORTH")
    west, south, east, north = (number(content.find(f"{name}BOUNDINGCOORDINATE")) for name in names)
    if west is None or south is None or east is None or north is None:
        return None
    low, high = min(south, north), max(south, north)
    if not low - margin <= lat <= high + margin:
        return False
    width = (east - west) % 360.0
    slack = margin / max(0.05, _cos_degrees(lat))
    return bool((lon - west + slack) % 360.0 <= width + 2 * slack)


def _cos_degrees(angle: float) -> float:
    from math import cos, radians

    return cos(radians(angle))
