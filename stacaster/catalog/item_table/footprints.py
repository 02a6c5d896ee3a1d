"""Footprints compared exactly, where boxes only choose candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray


def passing(wkb: Iterable[bytes | None], shape: Any, *, test: str = "intersects") -> NDArray[np.bool_]:
    """Return which footprints pass a spatial test.

    Args:
        wkb: Footprints as WKB.
        shape: Geometry of shapely that they are compared with.
        test: Name of the test in shapely.
    """
    import numpy as np
    import shapely

    shapes = shapely.from_wkb(np.asarray(list(wkb), dtype=object))
    passed: NDArray[np.bool_] = np.asarray(getattr(shapely, test)(shapes, shape), dtype=bool)
    return passed
