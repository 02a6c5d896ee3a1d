"""Longitudes that go on beyond 180 degrees."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def wrapped(longitude: T) -> T:
    """Return longitudes, a number or an array of degrees, from -180 up to 180 (excluded).

    Example:
        >>> wrapped(190), wrapped(-181.5), wrapped(180)
        (-170, 178.5, -180)
    """
    degrees: Any = longitude
    inside: T = (degrees + 180) % 360 - 180
    return inside
