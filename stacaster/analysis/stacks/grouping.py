"""Granules of one place seen again and again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stacaster.analysis.stacks.radar_keys import RADAR_KEYS, interference_key
from stacaster.model import Granule

KEYS = ("path", "frame", "direction", "polarizations", "orbit", "product", "version", "day_night", *RADAR_KEYS)
"""What granules can be grouped by. Of single bursts the full burst id stands for the frame."""

BURST = "BURST_ID_FULL"
"""Attribute with the full burst id."""


def value_of(granule: Granule, key: str) -> Any:
    """Return the value of a key of a granule."""
    if key == "frame" and granule.attributes.get(BURST):
        return str(granule.attributes[BURST])
    if key == "beam_swath":
        return granule.attributes.get("BEAM_MODE_TYPE")
    if key in RADAR_KEYS:
        return RADAR_KEYS[key](granule)
    return getattr(granule, key)


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

    def summary(self, *, scenes: bool = False) -> dict[str, Any]:
        """Return the keys, number, first and last date, directions and bytes.

        Args:
            scenes: Add the names and times of the granules.
        """
        directions = sorted({granule.direction for granule in self.granules if granule.direction is not None})
        sizes = [granule.size for granule in self.granules]
        row = {name: _text(value) if isinstance(value, tuple) else value for name, value in self.key.items()}
        listed = [{"id": one.id, "start": one.start.isoformat(timespec="seconds")} for one in self.granules]
        return row | {
            "count": len(self.granules),
            "first": self.granules[0].start.date().isoformat(),
            "last": self.granules[-1].start.date().isoformat(),
            "direction": self.key.get("direction") or " ".join(directions) or None,
            "bytes": None if None in sizes else sum(size for size in sizes if size is not None),
            **({"scenes": listed} if scenes else {}),
        }


def group(granules: Iterable[Granule], keys: Sequence[str]) -> list[Stack]:
    """Return stacks ordered by their keys; granules that lack a key share the value None.

    Radar granules of one path and frame that cannot interfere (modes, looks, polarisations, bandwidths, levels) make
    stacks of their own, whose keys say in what they differ.

    Args:
        granules: Ordered by time.
        keys: Names of ``KEYS``.
    """
    found: dict[tuple[Any, ...], list[Granule]] = {}
    for granule in granules:
        found.setdefault(tuple(value_of(granule, key) for key in keys), []).append(granule)
    stacks = [
        Stack(dict(zip(keys, values, strict=True)) | more, tuple(part))
        for values, members in found.items()
        for more, part in (_alike(members) if keys else [({}, members)])
    ]
    return sorted(stacks, key=lambda stack: [(value is None, str(_order(value))) for value in stack.key.values()])


def _alike(members: Sequence[Granule]) -> list[tuple[dict[str, Any], list[Granule]]]:
    """Return granules that can interfere with each other, and in what they differ from the others."""
    parts: dict[tuple[tuple[str, Any], ...], list[Granule]] = {}
    for granule in members:
        parts.setdefault(interference_key(granule), []).append(granule)
    if len(parts) == 1:
        return [({}, list(members))]
    names = [name for name, _ in next(key for key in parts if key)]
    differing = [name for name in names if len({dict(key).get(name) for key in parts}) > 1]
    return [({name: dict(key).get(name) for name in differing}, part) for key, part in parts.items()]


def differences(members: Sequence[Granule]) -> dict[str, list[str]]:
    """Return in what granules of a stack differ so that they cannot interfere: values by name."""
    found: dict[str, set[str]] = {}
    for granule in members:
        key = interference_key(granule)
        if key:
            values = {"path": granule.path, "frame": value_of(granule, "frame"), **dict(key)}
            for name, value in values.items():
                found.setdefault(name, set()).add(_text(value))
    return {name: sorted(values) for name, values in found.items() if len(values) > 1}


def _order(value: Any) -> str:
    return f"{value:012d}" if isinstance(value, int) else _text(value)


def _text(value: Any) -> str:
    return "+".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
