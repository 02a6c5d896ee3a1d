"""File formats: bytes to content and pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from stacaster.formats.variables import Variable, list_variables

__all__ = [
    "Variable",
    "list_variables",
]

if not TYPE_CHECKING:  # names are imported when they are first used: fetching and searching need other packages
    __getattr__, __dir__, _ = lazy_loader.attach(
        __name__,
        submod_attrs={
            "variables": ["Variable", "list_variables"],
        },
    )
