"""Pixels of a part of one level of a band, put together from blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.geotiff.driver.codecs import restored, scratch
from stacaster.geotiff.driver.files import Source
from stacaster.geotiff.driver.levels import Level
from stacaster.geotiff.driver.values import Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """Pixels of a level."""

    whole: NDArray[Any]
    """Whole blocks, contiguous."""
    high: int
    wide: int
    top: int
    left: int

    @property
    def pixels(self) -> NDArray[Any]:
        """What of the blocks lies in the level."""
        return self.whole[: self.high, : self.wide]


class Layer:
    """One level of one band, with what says where it has no values.

    Args:
        source: Gives blocks.
        level: The level.
        mask: 0 where the band has no value; None when only the fill value says so.
        rule: What becomes of values.
    """

    def __init__(self, source: Source, level: Level, mask: Level | None, rule: Rule) -> None:
        self.source, self.level, self.rule = source, level, rule
        self._mask = mask

    def window(
        self, rows: tuple[int, int], cols: tuple[int, int], tiles: Sequence[tuple[int, int]] | None = None, *,
        memory: str = "window",
    ) -> Window:  # fmt: skip
        """Return pixels as the rule takes them.

        Args:
            rows: First row of the level, and the one after the last.
            cols: Columns.
            tiles: Blocks that are looked at; the others may hold anything.
            memory: Name of the memory of this thread that takes them: a window whose blocks are made of other windows
                must not lie where those do.
        """
        window = _window(self.source, self.level, rows, cols, tiles, self.rule.missing(self.level), memory)
        if not self.rule.is_widened:
            return window
        top, left = window.top, window.left
        values = self.rule.widened(window.pixels)
        if self._mask is not None:
            high, wide = (top, top + window.high), (left, left + window.wide)
            where = _window(self.source, self._mask, high, wide, None, 0, memory)
            mask = where.pixels[top - where.top :, left - where.left :]
            values[mask[: window.high, : window.wide] == 0] = np.nan
        return Window(values, window.high, window.wide, top, left)


def tiles_in(level: Level, rows: tuple[int, int], cols: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the blocks (row, column of blocks) that some rows and columns meet."""
    down = range(rows[0] // level.tile_height, -(-rows[1] // level.tile_height))
    across = range(cols[0] // level.tile_width, -(-cols[1] // level.tile_width))
    return [(row, col) for row in down for col in across]


def _window(
    source: Source, level: Level, rows: tuple[int, int], cols: tuple[int, int],
    tiles: Sequence[tuple[int, int]] | None, missing: Any, memory: str,
) -> Window:  # fmt: skip
    high, wide = level.tile_height, level.tile_width
    top, left = rows[0] // high * high, cols[0] // wide * wide
    shape = (-(-(rows[1] - top) // high) * high, -(-(cols[1] - left) // wide) * wide)
    size = shape[0] * shape[1] * np.dtype(level.dtype).itemsize
    pixels = np.frombuffer(scratch(memory, size), dtype=level.dtype).reshape(shape)
    chosen = tiles_in(level, rows, cols) if tiles is None else tiles
    for (down, across), tile in source.blocks(level, chosen):
        y, x = down * high - top, across * wide - left
        part = pixels[y : y + high, x : x + wide]
        if tile is None:
            part[...] = missing
        else:
            rows_of = slice(max(rows[0] - down * high, 0), min(rows[1] - down * high, high))
            part[rows_of] = restored(tile, level, rows_of)
    return Window(pixels, min(shape[0], level.height - top), min(shape[1], level.width - left), top, left)
