"""Products along a track: points of beams in tables, instead of pixels in bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TrackColumn:
    """One column of a table."""

    name: str
    """Name in the table."""
    path: str
    """Dataset below the group of the beam: ``heights/h_ph``."""
    description: str
    """One phrase."""
    unit: str | None = None
    """Unit."""
    types: tuple[str, ...] = ()
    """NumPy types (``u1``) that the dataset has to have; empty for any. Where the scale of a dataset changed with its
    type, each has a column."""


@dataclass(frozen=True, kw_only=True)
class TrackTable:
    """One table of a product: a row a photon, a segment, a cell."""

    name: str
    """Asset key and name in SQL, ``photons``."""
    description: str
    """One sentence."""
    rows: str
    """Dataset below the beam whose first dimension counts the rows."""
    longitude: str
    """Dataset of longitudes, degrees."""
    latitude: str
    """Dataset of latitudes, degrees."""
    time: str
    """Dataset of seconds since the epoch of the mission."""
    columns: tuple[TrackColumn, ...]
    """Columns that are there without asking."""
    segment_count: str | None = None
    """Dataset that says how many rows each segment has; values of segments are repeated for their rows."""
    segment_first: str | None = None
    """Dataset with the first row of each segment, counted from 1; used where the counts do not fit."""
    segment_groups: tuple[str, ...] = ()
    """Groups below the beam whose datasets have a row a segment."""
    cells: int | None = None
    """How many cells each row of the file is divided into; every cell becomes a row."""


@dataclass(frozen=True, kw_only=True)
class TableAsset:
    """A verified GeoParquet file."""

    path: Path
    """Where the file lies."""
    size: int
    """Bytes."""
    checksum: str
    """Multihash (sha2-256) of the file, hexadecimal."""
    rows: int
    """Number of rows."""
    columns: tuple[Mapping[str, Any], ...]
    """Name, type and description of the columns, as the table extension of STAC writes them."""
    description: str
    """One sentence."""


BEAMS: Sequence[str] = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
"""Groups of the beams of ICESat-2."""

GEDI_BEAMS: Sequence[str] = (
    "BEAM0000", "BEAM0001", "BEAM0010", "BEAM0011", "BEAM0101", "BEAM0110", "BEAM1000", "BEAM1011",
)  # fmt: skip
"""Groups of the beams of GEDI; the last four have full power."""
