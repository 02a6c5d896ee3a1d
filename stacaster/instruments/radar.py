"""What radar products of several missions share: state vectors on items, and the record of the facility."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from stacaster.model import StateVector, format_datetime

VECTORS = "stacaster:state_vectors"
"""Property with times, positions (metres) and velocities (metres a second) in coordinates fixed to the Earth."""

FRAME = "stacaster:frame"
"""Property with the place along the path, as the facility counts."""

BURST = "stacaster:burst_id"
"""Property with the full burst id, ``100_213456_IW2``."""

_MOMENTS = ("PRE", "POST")


def text_of(moment: dt.datetime) -> str:
    """Return a time as STAC writes it."""
    return format_datetime(moment)


def moment_of_name(text: str) -> dt.datetime:
    """Return the time in a name, ``20200604T022312``."""
    return dt.datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)


def vectors_as_json(vectors: Sequence[StateVector]) -> dict[str, Any] | None:
    """Return state vectors as plain data; None without any."""
    if not vectors:
        return None
    return {
        "time": [format_datetime(vector.time) for vector in vectors],
        "position": [[round(float(v), 6) for v in vector.position] for vector in vectors],
        "velocity": [[round(float(v), 6) for v in vector.velocity] for vector in vectors],
    }


def vectors_of_json(value: Mapping[str, Any] | None) -> tuple[StateVector, ...]:
    """Return the state vectors that ``vectors_as_json`` wrote."""
    if not value:
        return ()
    rows = zip(value["time"], value["position"], value["velocity"], strict=True)
    return tuple(
        StateVector(dt.datetime.fromisoformat(str(time)), vector_of(place), vector_of(speed))
        for time, place, speed in rows
    )


def vector_of(numbers: Sequence[Any]) -> tuple[float, float, float]:
    """Return three coordinates as a vector."""
    x, y, z = (float(number) for number in numbers)
    return x, y, z


def vectors_of_record(attributes: Mapping[str, Any]) -> tuple[StateVector, ...]:
    """Return the two state vectors of a record at CMR (``SV_POSITION_PRE`` ...); none where it has not all of them."""
    found = []
    for name in _MOMENTS:
        texts = [str(attributes.get(f"SV_{kind}_{name}") or "") for kind in ("POSITION", "VELOCITY")]
        parts = [text.split(",") for text in texts]
        if any(len(part) != 4 for part in parts):
            return ()
        try:
            time = dt.datetime.fromisoformat(parts[0][3].strip().removesuffix("Z")).replace(tzinfo=dt.UTC)
            place, speed = (vector_of(part[:3]) for part in parts)
        except ValueError:
            return ()
        found.append(StateVector(time, place, speed))
    return tuple(sorted(found, key=lambda vector: vector.time))


def record_attributes(sidecars: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of the record of a granule; empty without one."""
    rows = (sidecars.get("umm") or {}).get("AdditionalAttributes") or ()
    found = {}
    for row in rows:
        values = row.get("Values") or [None]
        found[str(row.get("Name"))] = values[0] if len(values) == 1 else list(values)
    return found


def record_properties(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says that the files do not: frame, and the id of a burst."""
    frame = _number(attributes.get("FRAME_NUMBER")) or _number(attributes.get("CENTER_ESA_FRAME"))
    burst = attributes.get("BURST_ID_FULL")
    found = {FRAME: frame, BURST: None if not burst else str(burst)}
    return {key: value for key, value in found.items() if value is not None}


def record_polarizations(attributes: Mapping[str, Any]) -> list[str]:
    """Return the polarisations that a record states."""
    raw = attributes.get("POLARIZATION") or ()
    texts = [raw] if isinstance(raw, str) else list(raw)
    return list(dict.fromkeys(part for text in texts for part in re.findall(r"[HV][HV]", str(text).upper())))


def _number(value: Any) -> int | None:
    try:
        return int(float(value))
    except (TypeError, ValueError):
        return None
