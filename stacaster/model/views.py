"""How a field of a file becomes the pixels of a band: which axes are rows and columns, which plane, what is no data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """Which axes of a field are rows and columns of its image, north up and west to the left."""

    rows: int
    """Axis of the rows."""
    columns: int
    """Axis of the columns."""
    flip_rows: bool = False
    """The first stored row is the last one of the image."""
    flip_columns: bool = False
    """The first stored column is the last one of the image."""
    roll: int = 0
    """Number of columns that move from the end to the beginning, after a flip."""


@dataclass(frozen=True, kw_only=True)
class PlaneAxis:
    """An axis of a field beside rows and columns; each position is an image of its own."""

    axis: int
    """Number of the axis."""
    name: str
    """Name of the dimension; empty when it has none."""
    size: int
    """Number of images."""
    values: tuple[float | str, ...] = ()
    """Coordinate of each position; empty when the file states none."""
    unit: str | None = None
    """Unit of ``values``."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SwathLookup:
    """How cells of a swath become pixels of a grid. Arrays are worked out when they are needed, once."""

    shape: tuple[int, int]
    """Rows and columns of the grid."""
    cells: tuple[int, int]
    """Lines and columns of the swath."""
    nearest: Callable[[], NDArray[Any]]
    """Gives for each pixel the flat index of its cell, -1 for none."""
    buckets: Callable[[], NDArray[Any]] | None = None
    """Gives for each cell the flat index of the pixel that it falls into, -1 for none; None without averages."""


@dataclass(frozen=True, kw_only=True)
class PixelView:
    """How stored numbers of a layer become the pixels of a band."""

    orientation: Orientation | None = None
    """None for an image that is stored as rows and columns, north up."""
    plane: tuple[tuple[int, int], ...] = ()
    """Axis and position of the plane of a field with more than two axes."""
    is_unsigned: bool = False
    """The bits of a signed type mean a number without sign."""
    valid: tuple[float, float] | None = None
    """Smallest and largest stored number that is a value; others become the fill value of the band."""
    codes: tuple[float, ...] = ()
    """Stored numbers that are no values although they may lie between ``valid``."""
    keeps: Literal["values", "codes"] = "values"
    """``codes`` keeps only ``codes``, and writes ``measured`` where there is a value."""
    measured: int = 0
    """Number for pixels with a value in a band of codes."""
    swath: SwathLookup | None = None
    """Resampling of a swath; None for a grid."""
    is_average: bool = False
    """A pixel of a swath is the mean of the values of the cells in it, not the value of the nearest one."""
    swath_axis: Literal["line", "column"] | None = None
    """Write the number of the line or column of the swath cell in place of a stored number."""
