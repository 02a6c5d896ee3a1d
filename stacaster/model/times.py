"""Times as text."""

from __future__ import annotations

import datetime as dt

_LENGTH = len("2000-05-03T04:04:46.534000Z")


def format_datetime(value: dt.datetime) -> str:
    """Return an aware time as STAC text in UTC with microseconds: ``2000-05-03T04:04:46.534000Z``."""
    # The system's own formatting does not fill up years before 1000.
    return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(_LENGTH)
