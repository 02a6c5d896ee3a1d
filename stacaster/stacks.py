"""Stacks: granules of one place seen again and again, and what is chosen from them. Pure functions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stacaster.errors import UsageError
from stacaster.model import Granule

KEYS = ("path", "frame", "direction", "polarizations", "orbit", "product", "version", "day_night")
"""What granules can be grouped by."""


@dataclass(frozen=True)
class Stack:
    """Granules that share the values of some keys, ordered by time."""

    key: Mapping[str, Any]
    """Names and values that they share."""
    granules: tuple[Granule, ...]
    """The granules."""

    @property
    def name(self) -> str:
        """Short name for folders, ``p100_f466``."""
        return "_".join(f"{name[0]}{_text(value)}" for name, value in self.key.items())

    def summary(self) -> dict[str, Any]:
        """Return the keys, number, first and last date, directions and bytes."""
        directions = sorted({granule.direction for granule in self.granules if granule.direction is not None})
        sizes = [granule.size for granule in self.granules]
        row = {name: _text(value) if isinstance(value, tuple) else value for name, value in self.key.items()}
        return row | {
            "count": len(self.granules),
            "first": self.granules[0].start.date().isoformat(),
            "last": self.granules[-1].start.date().isoformat(),
            "direction": self.key.get("direction") or " ".join(directions) or None,
            "bytes": None if None in sizes else sum(size for size in sizes if size is not None),
        }


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which of the granules that were found are kept."""

    group_by: tuple[str, ...] = ()
    """Keys of the stacks; empty makes one of all."""
    latest: int | None = None
    """So many of each stack, the last ones."""
    earliest: int | None = None
    """So many of each stack, the first ones."""
    min_count: int | None = None
    """Stacks with fewer granules are left out."""
    min_coverage: float | None = None
    """Granules that cover a smaller share of the area are left out; 0 to 1."""

    @property
    def needs_all(self) -> bool:
        """Whether granules can be chosen only when all are known."""
        return bool(self.group_by) or self.latest is not None or self.min_count is not None

    @property
    def is_empty(self) -> bool:
        """Whether everything is kept."""
        return self == Selection()


def parse_selection(
    *,
    group_by: str | Sequence[str] | None = None,
    latest: int | None = None,
    earliest: int | None = None,
    min_count: int | None = None,
    min_coverage: float | None = None,
) -> Selection:
    """Check what shall be kept.

    Args:
        group_by: Keys as ``path,frame`` or a list.
        latest: Number of granules of each stack.
        earliest: Number of granules of each stack.
        min_count: Smallest number of granules of a stack.
        min_coverage: Smallest share of the area, 0 to 1.

    Raises:
        UsageError: A key is not known or a number is out of range.
    """
    keys = tuple(part.strip() for part in (group_by.split(",") if isinstance(group_by, str) else group_by or ()))
    unknown = [key for key in keys if key not in KEYS]
    if unknown:
        raise UsageError(f"granules cannot be grouped by {unknown[0]!r}; there are {', '.join(KEYS)}")
    if latest is not None and earliest is not None:
        raise UsageError("latest and earliest exclude each other; give one of them")
    for name, number in (("latest", latest), ("earliest", earliest), ("min_count", min_count)):
        if number is not None and number < 1:
            raise UsageError(f"{name} is {number}, but at least 1 is needed")
    if min_coverage is not None and not 0 <= min_coverage <= 1:
        raise UsageError(f"min_coverage is {min_coverage}, but a share from 0 to 1 is needed")
    return Selection(group_by=keys, latest=latest, earliest=earliest, min_count=min_count, min_coverage=min_coverage)


def group(granules: Iterable[Granule], keys: Sequence[str]) -> list[Stack]:
    """Return stacks ordered by their keys; granules that lack a key share the value None.

    Args:
        granules: Ordered by time.
        keys: Names of ``KEYS``.
    """
    found: dict[tuple[Any, ...], list[Granule]] = {}
    for granule in granules:
        found.setdefault(tuple(getattr(granule, key) for key in keys), []).append(granule)
    ordered = sorted(found.items(), key=lambda pair: [(value is None, str(_order(value))) for value in pair[0]])
    return [Stack(dict(zip(keys, values, strict=True)), tuple(members)) for values, members in ordered]


def choose(granules: Iterable[Granule], selection: Selection, area: Mapping[str, Any] | None) -> Iterator[Granule]:
    """Yield the granules that are kept, ordered by time.

    Args:
        granules: Ordered by time.
        selection: From ``parse_selection``.
        area: GeoJSON geometry that was asked for; ``min_coverage`` needs it.

    Raises:
        UsageError: There is no area to cover.
    """
    if selection.min_coverage is not None:
        granules = _covering(granules, selection.min_coverage, area)
    if not selection.needs_all:
        yield from _first(granules, selection.earliest)
    elif not selection.group_by and selection.min_count is None:
        yield from deque(granules, maxlen=selection.latest)
    else:
        kept = [granule for stack in group(granules, selection.group_by) for granule in _of_stack(stack, selection)]
        yield from sorted(kept, key=lambda granule: (granule.start, granule.id))


def _first(granules: Iterable[Granule], number: int | None) -> Iterator[Granule]:
    for position, granule in enumerate(granules):
        if position == number:
            return
        yield granule


def _of_stack(stack: Stack, selection: Selection) -> Sequence[Granule]:
    members = stack.granules
    if selection.min_count is not None and len(members) < selection.min_count:
        return ()
    if selection.latest is not None:
        return members[-selection.latest :]
    return members[: selection.earliest]


def _covering(granules: Iterable[Granule], share: float, area: Mapping[str, Any] | None) -> Iterator[Granule]:
    if area is None:
        raise UsageError("min_coverage needs an area: give region, bbox or intersects")
    import shapely

    # Shares of an equal-area picture: a degree of longitude shrinks with the cosine of the latitude.
    whole = _equal_area(shapely.make_valid(shapely.geometry.shape(dict(area))))
    for granule in granules:
        if granule.geometry is None:
            continue
        shape = _equal_area(shapely.make_valid(shapely.geometry.shape(dict(granule.geometry))))
        if whole.intersection(shape).area >= share * whole.area * (1 - 1e-9):
            yield granule


def _equal_area(shape: Any) -> Any:
    """Return a shape in the cylindrical equal-area projection: x is the longitude, y the sine of the latitude.

    Edges are first cut into pieces of at most half a degree, because straight lines do not stay straight.
    """
    import numpy as np
    import shapely

    def project(points: Any) -> Any:
        return np.stack([np.radians(points[:, 0]), np.sin(np.radians(points[:, 1]))], axis=1)

    return shapely.make_valid(shapely.transform(shapely.segmentize(shape, 0.5), project))


def _order(value: Any) -> str:
    return f"{value:012d}" if isinstance(value, int) else _text(value)


def _text(value: Any) -> str:
    return "+".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
