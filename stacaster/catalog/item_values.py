"""Values of items that other programs wrote: what JSON, STAC's schemas or a column cannot take is set apart as text."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pyarrow as pa

from stacaster.catalog.item_table import STAC_TYPES, TIMES, is_of_type
from stacaster.model import format_datetime

_LARGEST = 2**64
_LONGEST_TEXT = 60


def time_of(value: Any) -> str:
    """Return a time in the form that all items have.

    Raises:
        ValueError, TypeError, OverflowError: It is no time.
    """
    moment = dt.datetime.fromisoformat(value.strip())
    return format_datetime(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))


def settle_properties(properties: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return properties that have the types of STAC's schemas, and what did not fit, as it was.

    Args:
        properties: Those of an item.
    """
    plain: dict[str, Any] = {}
    original: dict[str, Any] = {}
    for key, value in properties.items():
        try:
            plain[key] = _settled(key, value)
        except (ValueError, TypeError, OverflowError):
            original[key] = as_plain(value)
    return plain, original


def _settled(key: str, value: Any) -> Any:
    """Return a value of a property in its type.

    Raises:
        ValueError, TypeError, OverflowError: It has none of it.
    """
    if value is None:
        return None
    if key in TIMES:
        return time_of(value)
    wanted = STAC_TYPES.get(key)
    if wanted is None:
        return _checked(value)
    if pa.types.is_floating(wanted) and isinstance(value, str):
        # Tables of other programs have numbers as text.
        number = float(value)
        value = int(value) if value.strip().lstrip("+-").isdigit() else number
    if pa.types.is_list(wanted) and isinstance(value, str):
        value = [value]
    if not is_of_type(pa.array([_checked(value)]).type, wanted):
        raise ValueError(key)
    return value


def _checked(value: Any) -> Any:
    """Return a value that JSON can say.

    Raises:
        ValueError: A number is none, or larger than 64 bits.
    """
    if isinstance(value, dict):
        return {str(key): _checked(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_checked(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(value)
    if isinstance(value, int) and not -_LARGEST // 2 <= value < _LARGEST:
        raise ValueError(value)
    return value


def as_plain(value: Any) -> Any:
    """Return a value that JSON can say, with text in place of numbers that it cannot: ``nan``, ``inf``, long ones."""
    if isinstance(value, dict):
        return {str(key): as_plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [as_plain(part) for part in value]
    try:
        return _checked(value)
    except ValueError:
        return str(value)


def notes_on(original: dict[str, Any]) -> list[str]:
    """Return, in words, what was set apart."""
    return [
        f"{key}: {json.dumps(value, ensure_ascii=False)[:_LONGEST_TEXT]} is nothing that {key} can be; left out"
        for key, value in sorted(original.items())
    ]
