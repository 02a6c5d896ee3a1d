"""How many photons lie close to each. Source: SlideRule's YAPC, version 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stacaster.analysis.lidar.groups import by_beam, kernels, require
from stacaster.errors import UsageError
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@checked
def photon_density(
    photons: pd.DataFrame, *, win_x: float = 15.0, win_h: float = 6.0, min_knn: int = 5, segment: float = 20.0
) -> NDArray[np.uint8]:
    """Return a score from 0 to 255 of how many photons lie close to each: YAPC, version 3.

    Args:
        photons: Columns ``height`` and ``x_atc``.
        win_x: Width of the window, metres along the track.
        win_h: Height of the window, metres.
        min_knn: Least number of neighbours that count.
        segment: Length of segments that scores are relative to, metres.

    Returns:
        One score a photon, in the order of the table.

    Raises:
        UsageError: A column is missing, or a window is not positive.
    """
    require(photons, ("height", "x_atc"), "a density")
    if min(win_x, win_h, segment) <= 0 or min_knn < 1:
        raise UsageError("windows and segments have to be more than 0 metres, min_knn at least 1")
    along, height = (photons[name].to_numpy(dtype=np.float64) for name in ("x_atc", "height"))
    scores = np.zeros(len(photons), dtype=np.uint8)
    score = kernels().score_track
    for _, rows in by_beam(photons):
        scores[rows] = score(along[rows], height[rows], win_x, win_h, min_knn, segment)
    return scores
