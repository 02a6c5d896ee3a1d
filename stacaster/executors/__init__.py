"""Where tasks run: one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from stacaster.executors.cluster import Cluster

__all__ = [
    "Cluster",
]

if not TYPE_CHECKING:  # names are imported when they are first used: fetching and searching need other packages
    __getattr__, __dir__, _ = lazy_loader.attach(
        __name__,
        submod_attrs={
            "cluster": ["Cluster"],
        },
    )
