"""Photons of one beam of one granule, in the order of their track."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

TRACK = ("spot", "rgt", "cycle", "region", "segment_id")
"""Columns that say where photons come from, by the names that SlideRule has for them, too."""

_KEYS = ("item_id", "beam")
_GROUND_TRACKS = {"gt1l": 10, "gt1r": 20, "gt2l": 30, "gt2r": 40, "gt3l": 50, "gt3r": 60}


def gt_of(beams: pd.Series[str]) -> NDArray[np.int16]:
    """Return SlideRule's numbers of ground tracks, 10 (gt1l) to 60 (gt3r); -1 for other names."""
    return beams.map(_GROUND_TRACKS).fillna(-1).to_numpy().astype(np.int16)


def require(photons: pd.DataFrame, names: Sequence[str], what: str) -> None:
    """Check that a table has columns.

    Raises:
        UsageError: It lacks one.
    """
    missing = [name for name in names if name not in photons.columns]
    if missing:
        there = ", ".join(str(name) for name in photons.columns)
        raise UsageError(f"{what} needs the column {missing[0]!r}; the photons have {there}")


def by_beam(photons: pd.DataFrame) -> Iterator[tuple[dict[str, Any], NDArray[np.int64]]]:
    """Yield what the photons of a beam share, and their rows in the order of the track."""
    keys = [name for name in _KEYS if name in photons.columns]
    along = photons["x_atc"].to_numpy(dtype=np.float64)
    is_there = np.isfinite(along)
    if not keys:
        rows = np.flatnonzero(is_there)
        if rows.size:
            yield {}, rows[np.argsort(along[rows], kind="stable")]
        return
    import pandas as pd

    codes = [pd.factorize(photons[name], sort=True) for name in keys]
    whole = np.zeros(len(photons), dtype=np.int64)
    for code, names in codes:
        whole = whole * len(names) + code
    order = np.lexsort((along, whole))
    order = order[is_there[order]]
    edges = np.flatnonzero(np.diff(whole[order])) + 1
    for rows in np.split(order, edges):
        if rows.size:
            yield {name: photons[name].iloc[rows[0]] for name in keys}, rows


def chosen_confidence(photons: pd.DataFrame, surface: int | Sequence[int] | None) -> NDArray[np.int64]:
    """Return the confidence of each photon: of one surface, or the largest of several.

    Args:
        photons: With ``confidence``, lists of five; photons without are not considered (-1).
        surface: 0 land, 1 ocean, 2 sea ice, 3 land ice, 4 inland water, or several; None takes all.
    """
    values = photons["confidence"]
    if values.dtype != object:
        return np.asarray(values.to_numpy(), dtype=np.int64)
    nothing = np.full(5, -1)
    found = np.stack([nothing if value is None else np.asarray(value) for value in values] or [nothing])[: len(values)]
    picked: NDArray[np.int64] = (found if surface is None else found[:, np.ravel(surface)]).max(axis=1).astype(np.int64)
    return picked


def kernels() -> ModuleType:
    """Return the compiled loops; numba takes a while to import."""
    return importlib.import_module("stacaster.analysis.lidar.kernels")
