"""An open granule whose swaths lie on a grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stacaster.formats.granule_files import Closing
from stacaster.instruments.generic.swath_grids import grid_content
from stacaster.model import GranuleContent, OpenGranule, ReadOptions, TargetGrid

if TYPE_CHECKING:
    from numpy.typing import NDArray


def on_grid(granule: OpenGranule, grid: TargetGrid | None) -> OpenGranule:
    """Return a granule whose swaths lie on a grid; itself where it has none, or nothing places them.

    Args:
        granule: The open granule; closed when this fails.
        grid: The grid; None for that of the granule's own lookup table.

    Raises:
        UnknownProductError: A swath has no positions on the Earth.
        UsageError: The grid is too large.
    """
    content = getattr(granule, "content", None)
    if not isinstance(content, GranuleContent):
        return granule
    try:
        placed = grid_content(content, grid)
    except BaseException:
        granule.close()
        raise
    return granule if placed is content else SwathGranule(granule, placed)


def options_for(granule: OpenGranule, options: ReadOptions) -> ReadOptions:
    """Return what is asked of a granule: the grid is for swaths, of others it changes nothing."""
    return options if granule.content.properties else replace(options, grid=None)


class SwathGranule(Closing):
    """A granule with the layers of another one, placed; see ``model.OpenGranule``."""

    def __init__(self, granule: OpenGranule, content: GranuleContent) -> None:
        self._granule = granule
        self.content = content

    def read_layer(self, path: str) -> NDArray[Any]:
        """Return all cells of a layer; see ``model.OpenGranule``."""
        return self._granule.read_layer(path)

    def read_part(self, path: str, part: tuple[int | slice, ...]) -> NDArray[Any]:
        """Return a part of a layer; see ``model.OpenGranule``."""
        return self._granule.read_part(path, part)

    def strips(self, path: str, window: tuple[slice, slice]) -> Iterator[NDArray[Any]]:
        """Yield lines of a layer; see ``model.OpenGranule``."""
        return self._granule.strips(path, window)

    def close(self) -> None:
        """Release the files."""
        self._granule.close()
