"""What the ATL08 granule of a pass says of its segments of 100 m, for the photons of ATL03 in them."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.ingest.convert.track_rows import Beam
from stacaster.model import OpenTracks, TrackColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUP = "land_segments"
"""Group of ATL08 with a row a segment of 100 m."""

_FIRST, _LAST = f"{GROUP}/segment_id_beg", f"{GROUP}/segment_id_end"
_SEGMENTS = 5
_USUAL = (
    TrackColumn(name="landcover", path=f"{GROUP}/segment_landcover", description="ATL08: land cover, Copernicus"),
    TrackColumn(name="snowcover", path=f"{GROUP}/segment_snowcover",
                description="ATL08: 0 water, 1 land without snow, 2 snow, 3 ice"),
)  # fmt: skip


def choose_land_columns(
    classes: OpenTracks, beams: Sequence[str], patterns: Sequence[str], taken: frozenset[str]
) -> list[tuple[TrackColumn, str]]:
    """Return columns of ATL08 segments, each with its NumPy type: land and snow cover, and those that were asked for.

    Args:
        classes: ATL08 granule.
        beams: Beams of the ATL03 granule.
        patterns: Paths with * and ?, or their ends; of ATL08.
        taken: Names that other columns have.
    """
    there: dict[str, str] = {}
    owner: dict[str, str] = {}
    for beam in beams:
        shapes = classes.variables(beam) if beam in classes.content.groups else {}
        rows = shapes.get(_FIRST, ((-1,), ""))[0]
        for path, (shape, dtype) in shapes.items():
            if path.startswith(f"{GROUP}/") and shape == rows and path not in there:
                there[path], owner[path] = dtype, beam
    columns = [(column, there[column.path]) for column in _USUAL if column.path in there]
    names = taken | {column.name for column, _ in columns}
    known = {column.path for column, _ in columns}
    for path in sorted(there):
        if path in known or not any(_fits(path, pattern) for pattern in patterns):
            continue
        plain = path.rpartition("/")[2]
        words, unit = classes.text(owner[path], path)
        name = plain if plain not in names else path.replace("/", "_")
        columns.append(
            (TrackColumn(name=name, path=path, description=f"ATL08: {words or path}", unit=unit), there[path])
        )
        names |= {name}
    return columns


def _fits(path: str, pattern: str) -> bool:
    return any(fnmatch.fnmatch(path, form) for form in (pattern, f"*/{pattern}"))


def land_values(
    classes: OpenTracks, beam: Beam, columns: Sequence[tuple[TrackColumn, str]]
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return values of ATL08 segments for each segment of 20 m of a beam, and where there are none.

    Args:
        classes: ATL08 granule.
        beam: Beam of the ATL03 granule.
        columns: From ``choose_land_columns``.
    """
    ids = np.empty(0, np.int64)
    if beam.segments is not None:
        ids = beam.granule.read(beam.name, "geolocation/segment_id")[0].astype(np.int64)
    shapes = classes.variables(beam.name) if beam.name in classes.content.groups else {}
    nothing = np.ones(ids.size, dtype=bool)
    if _FIRST not in shapes or not shapes[_FIRST][0][0]:
        return [(np.zeros(ids.size, dtype), nothing) for _, dtype in columns]
    first = classes.read(beam.name, _FIRST)[0].astype(np.int64)
    last = classes.read(beam.name, _LAST)[0].astype(np.int64) if _LAST in shapes else first + _SEGMENTS - 1
    order = np.argsort(first, kind="stable")
    row = order[np.maximum(np.searchsorted(first[order], ids, side="right") - 1, 0)]
    outside = (ids < first[row]) | (ids > last[row])
    found = []
    for column, dtype in columns:
        if column.path not in shapes:
            found.append((np.zeros(ids.size, dtype), nothing))
            continue
        values, none = classes.read(beam.name, column.path)
        found.append((values[row], outside if none is None else outside | none[row]))
    return found
