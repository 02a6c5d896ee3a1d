"""Figures that notebooks show without a plotting backend."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

from stacaster.errors import ExportError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110
"""Pixels an inch."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, which notebooks show without a plotting backend.

    Raises:
        ExportError: matplotlib is missing.
    """
    figure: Figure = _shown_figure()((width, height))
    return figure


@cache
def _shown_figure() -> type[Figure]:
    """Return a class of figures that notebooks show without a plotting backend."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExportError("pictures need matplotlib: pip install 'stacaster[plot]'") from error

    class ShownFigure(Figure):
        """A figure that draws itself."""

        def __init__(self, size: tuple[float, float]) -> None:
            super().__init__(figsize=size, layout="constrained")
            FigureCanvasAgg(self)

        def _repr_png_(self) -> bytes:
            buffer = BytesIO()
            self.savefig(buffer, format="png", dpi=DPI)
            return buffer.getvalue()

    return ShownFigure
