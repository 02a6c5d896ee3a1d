"""Names as people write them: one name, names with commas between them, or a list; options by one of their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeAlias

from stacaster.errors import UsageError, nearest
from stacaster.model.checked import check_options

Names: TypeAlias = "str | Iterable[str]"
"""``"B01"``, ``"B01,B02"`` or ``["B01", "B02"]``: the same for bands, collections, ids, masks and parts."""

ALIASES = {"collection": "collections", "group_by": "groupby", "max_items": "limit"}
"""Other names of options, and the names that functions work with."""


def as_names(value: Any, argument: str) -> list[str] | None:
    """Return the names that an argument gives, in their order and each once; None for None.

    Args:
        value: One name, a text with commas, or several of these.
        argument: Name of the argument, for the message.

    Raises:
        UsageError: It is something else.
    """
    if value is None:
        return None
    given = [value] if isinstance(value, str) else value
    if isinstance(given, (bytes, Mapping)) or not isinstance(given, Iterable):
        raise _wrong(argument, value)
    texts = list(given)
    if not all(isinstance(text, str) for text in texts):
        raise _wrong(argument, value)
    parts = (part.strip() for text in texts for part in text.split(","))
    return list(dict.fromkeys(part for part in parts if part))


def _wrong(argument: str, value: Any) -> UsageError:
    return UsageError(f"{argument}={value!r}: give a name, names with commas between them, or a list of names")


def with_one_name(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options under the names that functions work with: see ``ALIASES``; lists of names as lists.

    Raises:
        UsageError: Both names of an option are given, or names are none.
    """
    given = dict(options)
    for alias, name in ALIASES.items():
        if alias in given:
            given[name] = one_of(given, alias, name)
    for name in ("bands", "collections", "ids"):
        if name in given:
            given[name] = as_names(given[name], name)
    return given


def one_name(value: Any, argument: str) -> str | None:
    """Return the only name that an argument gives; None for None.

    Raises:
        UsageError: It gives several, or none.
    """
    names = as_names(value, argument)
    if names is not None and len(names) != 1:
        raise UsageError(f"{argument}={value!r}: give one name")
    return None if names is None else names[0]


def one_of(options: dict[str, Any], *names: str) -> Any:
    """Take an option with several names out of options, and return its value; None where it is not given.

    Raises:
        UsageError: Two of the names are given.
    """
    values = {name: value for name in names if (value := options.pop(name, None)) is not None}
    if len(values) > 1:
        raise UsageError(f"{' and '.join(f'{name}=' for name in values)} are names of one option; give one of them")
    return next(iter(values.values()), None)


def option_names(*families: type) -> frozenset[str]:
    """Return the names of the options of families: of typed dictionaries."""
    return frozenset(name for family in families for name in family.__optional_keys__ | family.__required_keys__)  # type: ignore[attr-defined]


@cache
def annotations_of(*families: type) -> dict[str, str]:
    """Return the annotation of each option of families as text."""
    found: dict[str, str] = {}
    for family in families:
        for base in reversed([*getattr(family, "__orig_bases__", ()), family]):
            for name, hint in getattr(base, "__annotations__", {}).items():
                found[name] = getattr(hint, "__forward_arg__", None) or str(hint)
    return found


def check_known(
    function: str, options: Mapping[str, Any] | Iterable[str], *families: type, also: Iterable[str] = ()
) -> None:
    """Refuse an option that a function does not have, and a value of another type than its option takes.

    Args:
        function: Its name, for the message.
        options: What was given, or the names alone.
        families: Its typed options.
        also: Its other options, for the message.

    Raises:
        UsageError: There is one; the message names the nearest.
    """
    known = option_names(*families)
    for name in options:
        if name not in known:
            raise UsageError(f"{function} has no option {name!r}; {nearest(name, sorted({*known, *also}))}")
    if isinstance(options, Mapping):
        check_options(options, annotations_of(*families))
