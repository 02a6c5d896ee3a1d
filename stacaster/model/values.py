"""Single values as people pass them: numbers as text, counts, one word of a list. Pure functions."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from stacaster.errors import UsageError, nearest


def read_number(
    name: str, value: Any, *, low: float = -math.inf, high: float = math.inf, is_open: bool = False, unit: str = ""
) -> float:
    """Return a finite number from a number or its text.

    Args:
        name: Name of the argument, for messages.
        value: What the user gave.
        low: Smallest number that is allowed.
        high: Largest number that is allowed.
        is_open: ``low`` itself is not allowed.
        unit: Unit of the number, for messages.

    Raises:
        UsageError: It is no number, or outside of the limits.
    """
    number = _as_float(value)
    is_inside = number is not None and (low < number if is_open else low <= number) and number <= high
    if number is None or not is_inside:
        raise UsageError(
            f"{name} is {value!r}, but a number{_limits(low, high, is_open)}{unit and ' ' + unit} is needed"
        )
    return number


def read_count(name: str, value: Any, *, low: int = 1, high: float = math.inf) -> int:
    """Return a whole number from a number or its text.

    Raises:
        UsageError: It is no whole number, or outside of the limits.
    """
    number = _as_float(value)
    if number is None or not number.is_integer() or not low <= number <= high:
        raise UsageError(f"{name} is {value!r}, but a whole number{_limits(low, high, False)} is needed")
    return int(number)


def shortened(value: Any, *, most: int = 80) -> str:
    """Return a value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def read_flag(name: str, value: Any) -> bool:
    """Return True or False; 0 and 1 and NumPy's are taken, texts are not: ``"no"`` would count as True.

    Raises:
        UsageError: It is something else.
    """
    is_number = isinstance(value, (bool, numbers.Integral)) or type(value).__name__ in {"bool_", "bool"}
    if not is_number or int(value) not in (0, 1):
        raise UsageError(f"{name} is {value!r}, but True or False is needed")
    return bool(value)


def read_choice(name: str, value: Any, choices: Iterable[str], *, aliases: Mapping[str, str] | None = None) -> str:
    """Return one of several words; case, blanks, hyphens and underscores do not matter.

    Args:
        name: Name of the argument, for messages.
        value: What the user gave.
        choices: The words that are allowed.
        aliases: Other words for them.

    Raises:
        UsageError: It is none of them; the message names the nearest and all.
    """
    words = list(choices)
    known = {plain_word(word): word for word in words}
    known |= {plain_word(other): word for other, word in (aliases or {}).items()}
    found = known.get(plain_word(value)) if isinstance(value, str) else None
    if found is None:
        raise UsageError(f"{name} is {value!r}; {nearest(str(value), words)}")
    return found


def plain_word(text: str) -> str:
    """Return a word in lower case without blanks, hyphens and underscores."""
    return "".join(letter for letter in text.lower() if letter not in " -_\t\n")


def _as_float(value: Any) -> float | None:
    """Return a finite float; None of what is no number. NumPy scalars and arrays of one number are numbers."""
    if isinstance(value, (bool, bytes)) or value is None:
        return None
    if not isinstance(value, (str, numbers.Real, Decimal)) and getattr(value, "shape", None) != ():
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if type(value).__name__ in {"bool_", "bool"} or not math.isfinite(number):
        return None
    return number


def _limits(low: float, high: float, is_open: bool) -> str:
    if math.isfinite(low) and math.isfinite(high):
        return f" above {low:g} and up to {high:g}" if is_open else f" from {low:g} to {high:g}"
    if math.isfinite(low):
        return f" above {low:g}" if is_open else f" of at least {low:g}"
    return f" of at most {high:g}" if math.isfinite(high) else ""


def read_path(name: str, value: Any) -> Path:
    """Return the path that a user names.

    Raises:
        UsageError: It is neither a text nor a path, or empty.
    """
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise UsageError(f"{name} is {value!r}, but the path of a file or folder is needed")
    return Path(os.fspath(value)).expanduser()
