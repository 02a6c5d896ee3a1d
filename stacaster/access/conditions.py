"""The conditions of a search as people write them, checked and brought into one form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack

from stacaster.errors import UsageError
from stacaster.geo import bbox_datetime as parsing
from stacaster.geo.area_input import read_place
from stacaster.model import Query
from stacaster.model.granule_options import GranuleOptions
from stacaster.model.names import check_known, one_name, one_of
from stacaster.model.values import read_choice, read_count, read_number
from stacaster.products import all_products


def build_query(product: str | None = None, **conditions: Unpack[GranuleOptions]) -> Query:
    """Check the conditions of a search.

    Args:
        product: Short name, also with its version (``AST_L1T.003``).
        **conditions: Of place: ``region`` (name such as ``south_australia``; with a file as ``intersects``, name of one
            of its areas), ``bbox`` (west, south, east, north in degrees; west > east crosses the antimeridian),
            ``intersects`` (GeoJSON, WKT, geometries, a file with polygons ...; see ``area_input.read_place``),
            ``name_column`` (column with the names of areas), ``point`` with ``radius`` in metres. Of time: ``datetime``
            (``2001``, ``2001-03``, ``2001-01-01/2001-06-30``, ``2001/..``, times of Python, pandas and NumPy, pairs and
            slices of these), or ``start`` and ``end``; ``months`` (``11-2`` or a list: a season of every year). Of
            scenes: ``cloud_cover_max`` (percent), ``day_night``, ``orbit`` (absolute orbit, or first and last),
            ``path`` (relative orbit) and ``frame`` likewise, ``direction`` (``ascending`` or ``descending``),
            ``polarization``, ``version``, ``collection``, ``provider``, ``name``, ``track`` and ``cycle`` of ICESat-2
            (``5``, ``5,9``, ``5-8``), ``attributes``, ``ids``, ``platforms`` and ``instrument`` (as CMR names them).

    Raises:
        UsageError: A condition cannot be understood, or two contradict each other.
    """
    check_known("search", conditions, GranuleOptions)
    given: dict[str, Any] = {key: value for key, value in conditions.items() if value is not None}
    if "collections" in given:
        given["collection"] = one_name(one_of(given, "collection", "collections"), "collections")
    product, version = _product(product, given.pop("version", None))
    place = read_place(**{key: given.pop(key) for key in _PLACE if key in given})
    time = parsing.time_range(**{key: given.pop(key) for key in _TIME if key in given})
    flights = _flights(product, given.pop("track", None), given.pop("cycle", None), given.get("name"))
    found: dict[str, Any] = {key: reader(key, given[key]) for key, reader in _READERS.items() if key in given}
    cloud = given.get("cloud_cover_max")
    if cloud is not None:
        percent = cloud.strip().removesuffix("%") if isinstance(cloud, str) else cloud
        found["cloud_cover"] = (None, read_number("cloud_cover_max", percent, low=0, high=100, unit="percent"))
    if place.area is not None and place.area["type"] == "Point":
        # Services take areas; a box of a tenth of a metre has one.
        longitude, latitude = (float(value) for value in place.area["coordinates"])
        found["bbox"] = (longitude - _TINY, latitude - _TINY, longitude + _TINY, latitude + _TINY)
    elif place.area is not None:
        found["intersects"] = place.area
    else:
        found["bbox"] = place.bbox
    if "name" in given:
        names = _ids("name", given["name"])
        if len(names) > 1 and any(letter in name for name in names for letter in "*?"):
            raise UsageError(f"name is {given['name']!r}, but one pattern, or names without * and ?, are needed")
        found |= {"name": names[0]} if len(names) == 1 else {"ids": (*found.get("ids", ()), *names)}
    return Query(product=product, version=version, datetime=time, **found | flights)


_TINY = 5e-7
_PLACE = ("bbox", "intersects", "region", "name_column", "point", "radius")
_TIME = ("datetime", "start", "end")


def _product(name: Any, version: Any) -> tuple[str | None, str | None]:
    """Return short name and version as their provider writes them."""
    if name is None:
        return None, None if version is None else str(version).strip()
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"product is {name!r}, but a short name such as AST_L1T is needed")
    text = name.strip()
    known = list(all_products().values())
    dotted = re.fullmatch(r"(?P<name>[\w-]+)\.(?P<version>\d{3}|\d+)", text)
    if dotted is not None and version is None:
        text, version = dotted["name"], dotted["version"]
    text = next((entry.short_name for entry in known if entry.short_name.lower() == text.lower()), text)
    if version is None:
        return text, None
    wanted = str(version).strip()
    versions = [entry.version for entry in known if entry.short_name == text]
    same = [entry for entry in versions if wanted.isdigit() and entry.isdigit() and int(entry) == int(wanted)]
    if same:
        return text, same[0]
    # NASA writes versions of whole numbers with three digits.
    return text, wanted.zfill(3) if wanted.isdigit() and len(wanted) < 3 and not _is_radar(text) else wanted


def _is_radar(product: str) -> bool:
    return product.upper().startswith(("SENTINEL", "NISAR", "ALOS", "OPERA"))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, (str, int)) or isinstance(value, bool) or not str(value).strip():
        raise UsageError(f"{name} is {value!r}, but a text is needed")
    return str(value).strip()


def _words(name: str, value: Any) -> tuple[str, ...]:
    """Return words of a text with commas, or of a list."""
    parts = value.split(",") if isinstance(value, str) else value
    if isinstance(parts, (Mapping, bytes)) or not isinstance(parts, Iterable):
        raise UsageError(f"{name} is {value!r}, but a name or a list of names is needed")
    words = tuple(_text(name, part) for part in parts if part != "")
    if not words:
        raise UsageError(f"{name} is empty; leave it out to take every one")
    return words


def _ids(name: str, value: Any) -> tuple[str, ...]:
    """Return names of granules: without folders and the extension of a file, as providers list them."""
    return tuple(_stem(word.replace("\\", "/").rpartition("/")[2]) for word in _words(name, value))


def _stem(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and suffix.lower() in _SUFFIXES else name


_SUFFIXES = ("hdf", "h5", "he5", "hdf5", "nc", "tif", "tiff", "zip")


def _polarization(name: str, value: Any) -> str:
    return "+".join(part.upper() for part in _words(name, value))


def _attributes(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} is {value!r}, but a table of names and values is needed")
    return {str(key): _plain_value(str(key), entry) for key, entry in value.items()}


def _plain_value(name: str, value: Any) -> str:
    """Return the value of an attribute as text; a list of one is its only entry, a pair of numbers a range."""
    if isinstance(value, (list, tuple)):
        if len(value) == 1:
            return _plain_value(name, value[0])
        if len(value) == 2 and all(isinstance(part, (int, float)) for part in value):
            return f"{value[0]}..{value[1]}"
        raise UsageError(f"{name} is {value!r}, but one value, or first and last of a range, is needed")
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _day_night(name: str, value: Any) -> str:
    return read_choice(name, value, ("day", "night"), aliases={"d": "day", "n": "night"})


def _direction(name: str, value: Any) -> str:
    words = {word[:length]: word for word in ("ascending", "descending") for length in range(1, len(word))}
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    return read_choice(name, value, ("ascending", "descending"), aliases=words)


def _flights(product: str | None, track: Any, cycle: Any, name: Any) -> dict[str, Any]:
    """Return the pattern of the names of ICESat-2 granules of tracks or cycles: CMR knows them by their names alone.

    A pattern has room for one number; several are left to a look at the names that were found.
    """
    if track is None and cycle is None:
        return {}
    if product is None or not re.fullmatch(r"ATL\d\d", product):
        raise UsageError("track and cycle are of ICESat-2 products such as ATL03; others have path and frame")
    if name is not None:
        raise UsageError("name, and track or cycle, each say how granules are called; give one of them")
    found: dict[str, Any] = {}
    parts = []
    for word, value, digits, most in (("track", track, 4, 1387), ("cycle", cycle, 2, 99)):
        numbers = () if value is None else _several(word, value, most)
        parts.append(f"{numbers[0]:0{digits}d}" if len(numbers) == 1 else "?" * digits)
        if len(numbers) > 1:
            found[f"{word}s"] = numbers
    return found | {"name": f"{product}_{'?' * 14}_{parts[0]}{parts[1]}??_*"}


def _several(word: str, value: Any, most: int) -> tuple[int, ...]:
    """Return numbers from ``5``, ``5,9``, ``5-8`` or a list."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, Iterable) else [value]
    found: set[int] = set()
    for part in parts:
        first, last = parse_numbers(word, part)
        found |= set(range(first, min(last, most + 1) + 1))
    if not found or min(found) < 1 or max(found) > most:
        raise UsageError(f"{word} is {value!r}, but numbers from 1 to {most} are needed, such as 5, 5,9 or 5-8")
    return tuple(sorted(found))


def parse_months(value: Any) -> tuple[int, ...]:
    """Return months from ``6``, ``6,7,8``, ``11-2`` (over the turn of the year), names such as ``jun``, or a list.

    Raises:
        UsageError: A month is not 1 to 12.
    """
    found: list[int] = []
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, Iterable) else [value]
    try:
        for part in parts:
            first, _, last = str(part).strip().partition("-")
            start, end = _month(first), _month(last or first)
            found += [(start + step - 1) % 12 + 1 for step in range((end - start) % 12 + 1)]
    except ValueError as error:
        raise UsageError(f"months is {value!r}, but months from 1 to 12 such as 6,7,8 or 11-2 are needed") from error
    if not found:
        raise UsageError("months is empty; leave it out to take every month")
    return tuple(dict.fromkeys(found))


def _month(text: str) -> int:
    word = text.strip().lower()
    number = _NAMES.index(word[:3]) + 1 if len(word) >= 3 and word[:3] in _NAMES else int(word)
    if not 1 <= number <= 12:
        raise ValueError
    return number


_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def parse_numbers(name: str, value: Any) -> tuple[int, int]:
    """Return first and last of ``98``, ``98-100``, a pair, a range or a slice.

    Raises:
        UsageError: These are no whole numbers.
    """
    parts: list[Any] = [value]
    if isinstance(value, str):
        parts = value.split("-")
    elif isinstance(value, slice):
        parts = [value.start, value.stop]
    elif isinstance(value, range) and len(value):
        parts = [value[0], value[-1]]
    elif isinstance(value, Iterable):
        parts = list(value)
    try:
        first, last = read_count(name, parts[0], low=0), read_count(name, parts[-1], low=0)
    except (UsageError, IndexError):
        first, last = 1, 0
    if len(parts) > 2 or first > last:
        raise UsageError(f"{name} is {value!r}, but a number such as 98, or a range such as 98-100, is needed")
    return first, last


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "day_night": _day_night, "months": lambda _, value: parse_months(value), "orbit": parse_numbers,
    "path": parse_numbers, "frame": parse_numbers, "direction": _direction, "polarization": _polarization,
    "collection": _text, "provider": _text, "attributes": _attributes, "ids": _ids,
    "platforms": _words, "instrument": _text,
}  # fmt: skip
