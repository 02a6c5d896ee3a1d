"""What is chosen from stacks: so many of each, those that cover the area."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stacaster.analysis.stacks.grouping import KEYS, Stack, group
from stacaster.errors import UsageError, nearest
from stacaster.model import Granule
from stacaster.model.values import read_count, read_number


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
    max_count: int | None = None
    """At most so many of each stack, the first ones."""
    drop_above: int | None = None
    """Stacks with more granules are left out."""
    min_coverage: float | None = None
    """Granules that cover a smaller share of the area are left out; 0 to 1."""

    @property
    def needs_all(self) -> bool:
        """Whether granules can be chosen only when all are known."""
        counts = (self.latest, self.min_count, self.max_count, self.drop_above)
        return bool(self.group_by) or any(number is not None for number in counts)

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
    max_count: int | None = None,
    drop_above: int | None = None,
    min_coverage: float | None = None,
) -> Selection:
    """Check what shall be kept.

    Args:
        group_by: Keys as ``path,frame`` or a list.
        latest: Number of granules of each stack.
        earliest: Number of granules of each stack.
        min_count: Smallest number of granules of a stack.
        max_count: At most so many granules of each stack: the first of what ``latest`` or ``earliest`` leave.
        drop_above: Largest number of granules of a stack; stacks with more are left out.
        min_coverage: Smallest share of the area, 0 to 1.

    Raises:
        UsageError: A key is not known or a number is out of range.
    """
    keys = tuple(part.strip() for part in (group_by.split(",") if isinstance(group_by, str) else group_by or ()))
    unknown = [key for key in keys if key not in KEYS]
    if unknown:
        raise UsageError(f"granules cannot be grouped by {unknown[0]!r}; {nearest(unknown[0], KEYS)}")
    if latest is not None and earliest is not None:
        raise UsageError("latest and earliest exclude each other; give one of them")
    counts = {"latest": latest, "earliest": earliest, "min_count": min_count, "max_count": max_count,
              "drop_above": drop_above}  # fmt: skip
    counts = {name: None if number is None else read_count(name, number) for name, number in counts.items()}
    latest, earliest, min_count, drop_above = (
        counts[name] for name in ("latest", "earliest", "min_count", "drop_above")
    )
    if min_coverage is not None:
        min_coverage = read_number("min_coverage, a share", min_coverage, low=0, high=1)
    if min_count is not None and drop_above is not None and drop_above < min_count:
        raise UsageError(f"drop_above is {drop_above}, less than min_count, {min_count}")
    return Selection(group_by=keys, min_coverage=min_coverage, **counts)


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
    elif not selection.group_by and (selection.min_count, selection.max_count, selection.drop_above) == (None,) * 3:
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
    if selection.drop_above is not None and len(members) > selection.drop_above:
        return ()
    kept = members[: selection.earliest] if selection.latest is None else members[-selection.latest :]
    return kept[: selection.max_count]


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
