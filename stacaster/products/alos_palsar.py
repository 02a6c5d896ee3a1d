"""ALOS PALSAR: scenes in the CEOS format of JAXA in zip archives, taken in as they come.

Facts come from the work report (or ``summary.txt``) in the archive and from the record of the Alaska Satellite
Facility beside it. The images and the leader file are not read.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from stacaster.errors import ReadError
from stacaster.formats.metadata.umm import parse_time, umm_geometry
from stacaster.geo.hulls import outline
from stacaster.instruments import radar
from stacaster.model import FileKind, GranuleContent, Product, Provider, ReadOptions, Scene

NAME = re.compile(r"ALPSR(?P<kind>[PS])(?P<orbit>\d{5})(?P<frame>\d{4})-(?P<level>[LHPWD][\d.]+)")
"""Names of scenes: absolute orbit, frame, level."""

_CORNERS = ("LeftTop", "RightTop", "RightBottom", "LeftBottom")
_CENTER = 1.27


def _recognise(content: GranuleContent) -> bool:
    return any(re.match(r"(?:LED|VOL)-ALPSR", name) for name in content.attributes.get("members", ()))


def _describe(content: GranuleContent, _: ReadOptions) -> Scene:
    facts, umm = content.attributes["facts"], content.sidecars.get("umm") or {}
    record = radar.record_attributes(content.sidecars)
    name = re.sub(r"\.zip$", "", content.name)
    match = NAME.match(name)
    start, end = _moments(content, facts, umm)
    footprint = umm_geometry(umm.get("SpatialExtent") or {}) or _corners(facts)
    if footprint is None:
        text = (
            "neither the work report nor the record beside it says where it lies; keep the .cmr.json that fetch writes"
        )
        raise ReadError(text, granule=content.name)
    files = [re.match(r"IMG-([HV][HV])-", member) for member in content.attributes["members"]]
    seen = sorted({found[1] for found in files if found is not None}) or radar.record_polarizations(record)
    direction = str(record.get("ASCENDING_DESCENDING") or "").lower()
    state = direction if direction in ("ascending", "descending") else None
    found: dict[str, Any] = {
        "sar:instrument_mode": str(record.get("BEAM_MODE_TYPE") or record.get("BEAM_MODE") or _mode(seen, match)),
        "sar:frequency_band": "L",
        "sar:center_frequency": _CENTER,
        "sar:polarizations": seen,
        "sar:product_type": "L" + match["level"][1:] if match else "L1",
        "sar:observation_direction": "right",
        "sat:orbit_state": state or {"A": "ascending", "D": "descending"}.get(name[-1:]),
        "sat:absolute_orbit": int(match["orbit"]) if match else None,
        "sat:relative_orbit": _number(record.get("PATH_NUMBER")),
        "view:off_nadir": _number(record.get("OFF_NADIR_ANGLE"), float),
        radar.VECTORS: radar.vectors_as_json(radar.vectors_of_record(record)),
        **radar.record_properties(record),
    }
    if radar.FRAME not in found and match is not None:
        found[radar.FRAME] = int(match["frame"])
    simulated = facts.get("Scs_SceneID", "").startswith("SIMULATED")
    return Scene(
        id=name,
        datetime=start,
        start_datetime=start,
        end_datetime=end,
        bands=(),
        notes=("simulated data, not a measurement",) if simulated else (),
        properties={key: value for key, value in found.items() if value not in (None, "", [])}
        | ({"stacaster:simulated": True} if simulated else {}),
        extensions=("sar", "sat", "view"),
        files={"product": content.files[0]},
        footprint=footprint,
        short_name=str((umm.get("CollectionReference") or {}).get("ShortName") or "ALOS_PSR_L1.1"),
    )


def _moments(content: GranuleContent, facts: dict[str, str], umm: dict[str, Any]) -> tuple[dt.datetime, dt.datetime]:
    span = (umm.get("TemporalExtent") or {}).get("RangeDateTime") or {}
    if "BeginningDateTime" in span:
        start = parse_time(span["BeginningDateTime"])
        return start, parse_time(span.get("EndingDateTime") or span["BeginningDateTime"])
    texts = [facts.get(f"Img_Scene{part}DateTime") for part in ("Start", "End")]
    texts = texts if all(texts) else [facts.get("Img_SceneCenterDateTime")] * 2
    try:
        # 20070712 12:34:56.789
        found = [dt.datetime.strptime(str(text)[:21], "%Y%m%d %H:%M:%S.%f").replace(tzinfo=dt.UTC) for text in texts]
    except ValueError as error:
        raise ReadError(
            "neither the work report nor the record beside it states its time", granule=content.name
        ) from error
    return found[0], found[1]


def _corners(facts: dict[str, str]) -> dict[str, Any] | None:
    """Return the outline of the four corners of the work report."""
    import numpy as np

    for prefix in ("Img_ImageScene", "Brs_ImageScene"):
        try:
            ring = [(float(facts[f"{prefix}{c}Longitude"]), float(facts[f"{prefix}{c}Latitude"])) for c in _CORNERS]
        except (KeyError, ValueError):
            continue
        return outline([np.array(ring)])
    return None


def _mode(seen: list[str], match: re.Match[str] | None) -> str:
    if match is not None and match["kind"] == "S":
        return "WB1"
    return {1: "FBS", 2: "FBD"}.get(len(seen), "PLR")


def _number(value: Any, kind: type = int) -> Any:
    try:
        return kind(float(value))
    except (TypeError, ValueError):
        return None


PRODUCT = Product(
    name="alos_palsar",
    collection_id="alos-palsar",
    short_name="ALOS_PALSAR",
    version="1",
    title="ALOS PALSAR: scenes of level 1",
    description=(
        "One CEOS archive per scene, unchanged, with footprint, orbit and the properties of radar. Images lie in the "
        "geometry of the radar: they are not geocoded."
    ),
    reader="ceos_archive",
    bands=(),
    files=(FileKind(key="product", description="Scene in the CEOS format", media_type="application/zip"),),
    platform="alos",
    instruments=("palsar",),
    processing_level="L1",
    doi=None,
    citation="ALOS PALSAR, JAXA/METI, Alaska Satellite Facility.",
    license="other",
    providers=(
        Provider(name="JAXA/METI", roles=("producer", "licensor"), url="https://www.eorc.jaxa.jp/ALOS/en/"),
        Provider(name="Alaska Satellite Facility", roles=("host",), url="https://asf.alaska.edu/"),
    ),
    keywords=("alos", "palsar", "sar", "insar"),
    recognise=_recognise,
    describe=_describe,
)
"""The product."""
