"""What rows of a beam share, by mission: where they come from, and their reference frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stacaster.instruments import gedi, icesat2
from stacaster.model import GEDI_BEAMS, GranuleContent

_ICESAT2 = (
    ("spot", pa.int8(), "Laser spot, odd ones are strong"),
    ("strong", pa.bool_(), "Whether the beam is a strong one"),
    ("rgt", pa.int16(), "Reference ground track"),
    ("cycle", pa.int16(), "Cycle of 91 days"),
    ("region", pa.int8(), "Part of the orbit, 1 to 14"),
)
_GEDI = (
    ("strong", pa.bool_(), "Whether the beam has full power"),
    ("orbit", pa.int32(), "Absolute orbit"),
    ("track", pa.int32(), "Track"),
)


@dataclass(frozen=True)
class Mission:
    """Columns that say where rows of a granule come from."""

    columns: tuple[tuple[str, pa.DataType, str], ...]
    """Name, type and meaning of each."""
    epsg: int
    """Reference frame of positions and heights."""
    content: GranuleContent
    """The granule."""

    def values(self, beam: str) -> dict[str, Any]:
        """Return the value of each column for a beam; None for what is not known."""
        if self.columns is _GEDI:
            return gedi.beam_facts(self.content, beam)
        known = icesat2.facts(self.content)
        spot = icesat2.spot_of(beam, known["orientation"])
        place = {"spot": spot, "strong": None if spot is None else spot % 2 == 1}
        return place | {name: known[name] for name in ("rgt", "cycle", "region")}


def mission_of(content: GranuleContent) -> Mission:
    """Return the mission of a granule, judged by the names of its beams."""
    if any(beam in GEDI_BEAMS for beam in content.groups):
        return Mission(_GEDI, gedi.EPSG, content)
    return Mission(_ICESAT2, icesat2.crs_of(icesat2.facts(content)["release"]), content)
