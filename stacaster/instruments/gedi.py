"""GEDI: names, beams, times and products of tables. Sources: data dictionaries of GEDI L2A and L4A; LP DAAC naming."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from stacaster.instruments.icesat2 import EPOCH
from stacaster.model import GranuleContent, Product, Provider, ReadOptions, Scene, TrackTable

NAME = re.compile(
    r"(?P<product>GEDI0\d_[AB])_(?P<time>\d{13})_O(?P<orbit>\d{5})_(?P<part>\d\d)_T(?P<track>\d{5})_\d\d_\d{3}_"
    r"\d\d_V(?P<version>\d{3})"
)
"""Names of granules."""

EPSG = 4979
"""Positions and heights: WGS 84 with heights above the ellipsoid."""

_FULL_POWER = "BEAM0101", "BEAM0110", "BEAM1000", "BEAM1011"


def _named(content: GranuleContent) -> dict[str, str]:
    match = NAME.fullmatch(re.sub(r"\.h5$", "", content.name))
    return {} if match is None else match.groupdict()


def beam_facts(content: GranuleContent, beam: str) -> dict[str, Any]:
    """Return whether a beam has full power, and orbit and track of the granule; None for what its name does not say."""
    named = _named(content)
    numbers = {name: int(named[name]) if name in named else None for name in ("orbit", "track")}
    return {"strong": beam in _FULL_POWER, **numbers}


def make_product(
    short_name: str, table: TrackTable, *, title: str, description: str, has: Sequence[str], level: str, host: str
) -> Product:
    """Return a product of footprints along the tracks of GEDI.

    Args:
        short_name: ``GEDI02_A``.
        table: Its table.
        title: What it is.
        description: Sentences for the collection.
        has: Groups or datasets that beams of this product, and of no other, have.
        level: ``L2``, ``L4``.
        host: Archive that has it.
    """

    def recognise(content: GranuleContent) -> bool:
        named = _named(content)
        inside = content.attributes.get("inside", ())
        is_gedi = any(group.startswith("BEAM") for group in content.groups)
        return is_gedi and (all(name in inside for name in has) if inside else named.get("product") == short_name)

    def describe(content: GranuleContent, options: ReadOptions) -> Scene:
        del options
        return _describe(content)

    return Product(
        name=short_name.lower().replace("_", ""),
        collection_id=short_name.lower().replace("_", "-"),
        short_name=short_name, version="002", title=f"GEDI {title}", description=description, reader="hdf5_tracks",
        bands=(), platform="iss", instruments=("gedi",), processing_level=level, doi=None,
        citation=f"GEDI Science Team. {short_name}, {title}. {host}.", license="other",
        providers=(
            Provider(name="GEDI Science Team", roles=("producer", "licensor"), url="https://gedi.umd.edu/"),
            Provider(name=host, roles=("processor", "host"), url="https://www.earthdata.nasa.gov/"),
        ),
        keywords=("gedi", "lidar", "vegetation"), recognise=recognise, describe=describe, tables=(table,),
        notes=("Not tested with a real file",),
    )  # fmt: skip


def _describe(content: GranuleContent) -> Scene:
    named = _named(content)
    span = content.attributes.get("span")
    if span is not None:
        first, last = (EPOCH + dt.timedelta(seconds=float(value)) for value in span)
    elif "time" in named:
        first = last = dt.datetime.strptime(named["time"], "%Y%j%H%M%S").replace(tzinfo=dt.UTC)
    else:
        first = last = EPOCH
    properties: dict[str, Any] = {"version": named.get("version", "unknown"), "gedi:beams": list(content.groups)}
    if named:
        properties |= {"sat:absolute_orbit": int(named["orbit"]), "gedi:track": int(named["track"])}
    name = re.sub(r"\.h5$", "", content.name)
    return Scene(id=name, datetime=first, start_datetime=first, end_datetime=last, bands=(), properties=properties,
                 extensions=("sat", "table"))  # fmt: skip
