"""What installed packages add by entry points: products, readers, indices."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import metadata


def read_packages(group: str, words: str, read: Callable[[metadata.EntryPoint, str], None]) -> None:
    """Read what packages offer under an entry point; one that fails is a warning and costs no other.

    Args:
        group: Name of the entry point.
        words: What is left out where it fails, with ``{name}`` of the entry and ``{package}``.
        read: Takes in one entry, given the entry and its package with version; where it raises, it took in nothing.
    """
    for point in metadata.entry_points(group=group):
        package = point.value if point.dist is None else f"{point.dist.name} {point.dist.version}"
        try:
            read(point, package)
        except Exception as error:  # noqa: BLE001 - a package of somebody else must not stop all others
            what = words.format(name=point.name, package=package)
            warnings.warn(f"{what} left out: {type(error).__name__}: {error}", stacklevel=3)
