"""ICESat-2: time, orbit, beams and names. Sources: ATL03 product data dictionary; ATBD of ATL03; NSIDC naming."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError
from stacaster.model import (
    BEAMS,
    GEDI_BEAMS,
    GranuleContent,
    Product,
    Provider,
    ReadOptions,
    Scene,
    TrackColumn,
    TrackTable,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = re.compile(
    r"(?:[a-z]+_)?(?P<product>ATL\d\d)_(?P<time>\d{14})_(?P<rgt>\d{4})(?P<cycle>\d\d)(?P<region>\d\d)_"
    r"(?P<release>\d{3})_(?P<revision>\d\d)(?P<own>_\d{3}_\d\d)?\w*"
)
"""Names of granules, also of those that a subsetting service cut."""

EPOCH = dt.datetime(2018, 1, 1, tzinfo=dt.UTC)
"""Moment that ``delta_time`` counts from, where the file does not say another."""

_GPS_EPOCH = dt.datetime(1980, 1, 6, tzinfo=dt.UTC)
# GPS time is ahead of UTC by so many seconds since 2017; no leap second came after.
_LEAP_SECONDS = 18
_ORIENTATIONS = {0: "backward", 1: "forward", 2: "transition"}
_LAST_2014 = 6

PROVIDERS = (
    Provider(name="NASA ICESat-2 Science Team", roles=("producer", "licensor"), url="https://icesat-2.gsfc.nasa.gov/"),
    Provider(name="National Snow and Ice Data Center", roles=("processor", "host"), url="https://nsidc.org/"),
)
"""Who made and who hosts the data."""


def pass_of(name: str) -> tuple[str, str, str, str] | None:
    """Return time, track, cycle and region of the name of a granule or its file: equal for all products of a pass."""
    match = NAME.fullmatch(re.sub(r"\.h5$", "", name))
    return None if match is None else (match["time"], match["rgt"], match["cycle"], match["region"])


def whole_of(name: str) -> str | None:
    """Return the name of the whole granule, of the name of a granule that a service cut; None of any other name."""
    match = NAME.fullmatch(re.sub(r"\.h5$", "", name))
    if match is None:
        return None
    whole = "{product}_{time}_{rgt}{cycle}{region}_{release}_{revision}".format(**match.groupdict())
    # Products of products (ATL24) have release and revision of their own behind those of their source.
    whole += match["own"] or ""
    return whole if whole != match.group(0) else None


def release_of(name: str) -> tuple[str, str] | None:
    """Return release and revision of the name of a granule or its file."""
    match = NAME.fullmatch(re.sub(r"\.h5$", "", name))
    return None if match is None else (match["release"], match["revision"])


def epoch_of(content: GranuleContent) -> dt.datetime:
    """Return the moment in UTC that ``delta_time`` counts from: GPS seconds of the file less the leap seconds.

    Raises:
        ReadError: The file states a number that is no moment.
    """
    stated = content.attributes.get("ancillary_data/atlas_sdp_gps_epoch")
    if not isinstance(stated, (int, float)):
        return EPOCH
    try:
        return _GPS_EPOCH + dt.timedelta(seconds=float(stated) - _LEAP_SECONDS)
    except (OverflowError, ValueError) as error:
        text = f"ancillary_data/atlas_sdp_gps_epoch is {stated}, which is no moment"
        raise ReadError(text, granule=content.name) from error


def is_track(content: GranuleContent) -> bool:
    """Tell whether a file has beams of ICESat-2 or GEDI, whose seconds count from the same epoch."""
    return any(group in BEAMS or group in GEDI_BEAMS for group in content.groups)


def microseconds(seconds: NDArray[Any], epoch: dt.datetime) -> NDArray[Any]:
    """Return UTC times, to the microsecond, of seconds since an epoch; no leap second came since 2017."""
    import numpy as np

    start = np.datetime64(epoch.replace(tzinfo=None), "us")
    # Truncated, as the file's own texts are; a tenth of a microsecond is what a double loses here.
    found: NDArray[Any] = start + np.floor(seconds * 1e6 + 0.05).astype("timedelta64[us]")
    return found


def spot_of(beam: str, orientation: int | None) -> int | None:
    """Return the number of the laser spot, 1 to 6; odd ones are strong. None while the satellite turns.

    Args:
        beam: ``gt1l`` ... ``gt3r``.
        orientation: 0 backward, 1 forward, 2 transition.
    """
    place = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r").index(beam)
    return {0: place + 1, 1: 6 - place}.get(-1 if orientation is None else orientation)


def crs_of(release: str | None) -> int:
    """Return the EPSG code of positions and heights: ITRF2014 up to release 006, ITRF2020 from 007 on."""
    return 7912 if release is None or int(release) <= _LAST_2014 else 9989


def facts(content: GranuleContent) -> dict[str, Any]:
    """Return release, orientation, ground track, cycle and region, from the file, else from its name."""
    match = NAME.fullmatch(re.sub(r"\.h5$", "", content.name))
    named = {} if match is None else match.groupdict()
    stated = content.attributes
    release = stated.get("ancillary_data/release") or named.get("release")
    found = {
        "release": None if release is None else str(release).zfill(3),
        "orientation": stated.get("orbit_info/sc_orient"),
        "rgt": stated.get("orbit_info/rgt", named.get("rgt")),
        "cycle": stated.get("orbit_info/cycle_number", named.get("cycle")),
        "region": named.get("region"),
        "orbit": stated.get("orbit_info/orbit_number"),
        "time": named.get("time"),
        "id": None if match is None else match.group(0),
    }
    single = {key: value[0] if isinstance(value, list) and value else value for key, value in found.items()}
    for key in ("rgt", "cycle", "region", "orbit", "orientation"):
        single[key] = None if single[key] is None else int(single[key])
    return single


def make_product(
    short_name: str,
    tables: Sequence[TrackTable],
    *,
    title: str,
    description: str,
    keywords: Sequence[str],
    has: Sequence[str],
    notes: Sequence[str] = (),
) -> Product:
    """Return the product of tables.

    Args:
        short_name: ``ATL03``.
        tables: Its tables.
        title: What it is.
        description: Sentences for the collection.
        keywords: Search words beside those of all.
        has: Groups or datasets that beams of this product, and of no other, have.
        notes: What a user has to know.
    """

    def recognise(content: GranuleContent) -> bool:
        short = content.attributes.get("file", {}).get("short_name")
        named = NAME.fullmatch(re.sub(r"\.h5$", "", content.name))
        if isinstance(short, str) and re.fullmatch(r"ATL\d\d", short):
            return short == short_name
        inside = content.attributes.get("inside", ())
        if inside:
            return all(name in inside for name in has)
        return named is not None and named["product"] == short_name

    def describe(content: GranuleContent, options: ReadOptions) -> Scene:
        del options
        return _describe(content)

    return Product(
        name=f"icesat2_{short_name.lower()}",
        collection_id=f"icesat2-{short_name.lower()}",
        short_name=short_name,
        version="006",
        title=f"ICESat-2 {short_name}: {title}",
        description=description,
        reader="hdf5_tracks",
        bands=(),
        platform="icesat-2",
        instruments=("atlas",),
        processing_level="L2" if short_name == "ATL03" else "L3A",
        doi=None,
        citation=f"NASA ICESat-2 Science Team. {short_name}, {title}. NSIDC.",
        license="other",
        providers=PROVIDERS,
        keywords=("icesat-2", "lidar", *keywords),
        recognise=recognise,
        describe=describe,
        tables=tuple(tables),
        notes=tuple(notes),
    )


def columns(group: str, *rows: str) -> tuple[TrackColumn, ...]:
    """Return columns from ``name``, ``name = other name``, with ``: description [unit]`` after it.

    A type such as ``<u1>`` behind the name keeps the column for datasets of that type.
    """
    found = []
    for row in rows:
        head, _, words = row.partition(": ")
        types = re.search(r"\s*<(\w+)>$", head)
        head = head if types is None else head[: types.start()]
        path, _, name = (part.strip() for part in head.partition("="))
        unit = re.search(r"\[(.+)\]$", words)
        found.append(
            TrackColumn(
                name=name or path.rpartition("/")[2],
                path=f"{group}/{path}" if group else path,
                description=re.sub(r"\s*\[.+\]$", "", words) or path,
                unit=None if unit is None else unit[1],
                types=() if types is None else (types[1],),
            )
        )
    return tuple(found)


def _describe(content: GranuleContent) -> Scene:
    known = facts(content)
    if not content.groups:
        raise ReadError("it has none of the beams gt1l to gt3r", granule=content.name)
    start, end = _span(content, known)
    orientation = known["orientation"]
    beams = {beam: spot_of(beam, orientation) for beam in content.groups}
    notes = []
    if orientation not in (0, 1):
        notes.append("the satellite turned or its orientation is unknown: which beams are strong is not known")
    is_simulated = "simulated" in str(content.attributes.get("file", {}).get("title", "")).lower()
    if is_simulated:
        notes.insert(0, "simulated data, not a measurement")
    properties = {
        "version": known["release"] or "unknown",
        "sat:absolute_orbit": known["orbit"],
        "sat:relative_orbit": known["rgt"],
        "sat:orbit_cycle": known["cycle"],
        "icesat2:rgt": known["rgt"],
        "icesat2:cycle": known["cycle"],
        "icesat2:region": known["region"],
        "icesat2:orientation": _ORIENTATIONS.get(-1 if orientation is None else orientation),
        "icesat2:beams": list(beams),
        "icesat2:strong_beams": [beam for beam, spot in beams.items() if spot is not None and spot % 2],
    }
    found = {key: value for key, value in properties.items() if value is not None}
    return Scene(
        id=known["id"] or re.sub(r"\.h5$", "", content.name),
        datetime=start,
        start_datetime=start,
        end_datetime=end,
        bands=(),
        notes=tuple(notes),
        properties=found | ({"stacaster:simulated": True} if is_simulated else {}),
        extensions=("sat", "table"),
    )


def _span(content: GranuleContent, known: dict[str, Any]) -> tuple[dt.datetime, dt.datetime]:
    stated = [content.attributes.get(f"ancillary_data/{name}_delta_time") for name in ("start", "end")]
    if all(isinstance(value, (int, float)) for value in stated):
        epoch = epoch_of(content)
        first, last = (epoch + dt.timedelta(seconds=float(value)) for value in stated if value is not None)
        return first, last
    texts = [content.attributes.get("file", {}).get(f"time_coverage_{name}") for name in ("start", "end")]
    try:
        first, last = (dt.datetime.fromisoformat(str(text)) for text in texts)
    except ValueError:
        if known["time"] is None:
            raise ReadError(
                "neither its content nor its name says when it was measured", granule=content.name
            ) from None
        first = last = dt.datetime.strptime(known["time"], "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)
    return (first if first.tzinfo else first.replace(tzinfo=dt.UTC)), (
        last if last.tzinfo else last.replace(tzinfo=dt.UTC)
    )
