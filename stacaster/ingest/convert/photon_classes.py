"""Classes of photons from the ATL08 granule of the same pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.ingest.convert.track_rows import Beam
from stacaster.model import OpenTracks

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAME_S = 1e-6
"""Seconds that two records of the time of one photon may differ."""


def classes_of(classes: OpenTracks, beam: Beam, notes: list[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return class and height above ground of each photon of a beam, from ATL08; -1 and NaN where it says none.

    Args:
        classes: ATL08 granule.
        beam: Beam of the ATL03 granule.
        notes: Takes what a user has to know.

    Source: ATL08 data dictionary: ``classed_pc_indx`` counts photons from 1 within the segment ``ph_segment_id``.
    """
    kinds, heights = np.full(beam.count, -1, np.int8), np.full(beam.count, np.nan, np.float32)
    paths = [
        f"signal_photons/{name}"
        for name in ("ph_segment_id", "classed_pc_indx", "classed_pc_flag", "ph_h", "delta_time")
    ]
    there = classes.variables(beam.name) if beam.name in classes.content.groups else {}
    if beam.segments is None or any(path not in there for path in paths[:3]):
        notes.append(f"{beam.name}: {classes.content.name} classifies no photon of this beam")
        return kinds, heights
    segment, index, kind = (classes.read(beam.name, path)[0] for path in paths[:3])
    ids = beam.granule.read(beam.name, "geolocation/segment_id")[0].astype(np.int64)
    if not ids.size:
        return kinds, heights
    first, count = beam.segments
    order = np.argsort(ids, kind="stable")
    place = order[np.minimum(np.searchsorted(ids[order], segment), ids.size - 1)]
    is_known = (ids[place] == segment) & (index >= 1) & (index <= count[place])
    row = (first[place] + index.astype(np.int64) - 1)[is_known]
    if paths[4] in there and row.size:
        apart = beam.granule.read(beam.name, beam.table.time)[0][row] - classes.read(beam.name, paths[4])[0][is_known]
        # Releases may count the photons of a segment differently: only those of the same time are the same.
        is_same = np.abs(apart) <= _SAME_S
        strangers = int((~is_same).sum())
        if strangers:
            notes.append(
                f"{beam.name}: {strangers} of {is_same.size} photons of ATL08 are not those of this granule; "
                "they give no class"
            )
        if strangers > is_same.size / 2:
            return kinds, heights
        row, is_known = row[is_same], is_known.copy()
        is_known[np.flatnonzero(is_known)[~is_same]] = False
    kinds[row] = kind[is_known]
    if paths[3] in there:
        above, none = classes.read(beam.name, paths[3])
        above = np.where(none, np.nan, above) if none is not None else above
        heights[row] = above[is_known]
    return kinds, heights
