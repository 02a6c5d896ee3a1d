"""Which granules are versions of one scene, and which of them is the newest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from stacaster.instruments import nisar
from stacaster.model import Granule

Rank = tuple[object, ...]

_WINDOW = timedelta(minutes=2)
# AST_L1T_00308302003004302_20150510090333_70442: version, month day year time, production.
_ASTER = re.compile(r"(?P<product>AST\w+?)_(?P<version>\d{3})(?P<time>\d{14})_(?P<produced>\d{14})(_\d+)?")
# MOD10A2.A2003017.h16v01.005.2006126104131: product, day (and time or tile), version, production.
# Delivered as two files, VNIR and SWIR, whose names differ in the second of production alone.
_TWO_FILES = {("AST_07", "003"), ("AST_07XT", "003"), ("AST_09", "003"), ("AST_09XT", "003")}
_MODIS = re.compile(
    r"(?P<product>\w+)\.(?P<place>A\d{7}(\.\d{4})?(\.h\d\dv\d\d)?)\.(?P<version>\d{3})\.(?P<produced>\d{13})"
)
# ATL03_20190221121851_08410203_005_01: product, time, track cycle segment, release, revision; services that cut
# granules put a word in front or behind.
_ICESAT2 = re.compile(
    r"(?P<cut>[a-z]+_)?(?P<product>ATL\d\d(QL)?)_(?P<time>\d{14})_(?P<track>\d{8})_(?P<version>\d{3})_"
    r"(?P<revision>\d\d)(?P<own>_\d{3}_\d\d)?(?P<part>_\w+)?"
)
# GEDI02_A_2019108002012_O01959_01_T03909_02_003_01_V002: orbit, part, track, kind of orbit, production, granule.
_GEDI = re.compile(
    r"(?P<product>GEDI0\d_[AB])_(?P<time>\d{13})_(?P<place>O\d{5}_\d\d_T\d{5})_(?P<kind>\d\d)_(?P<pge>\d{3})_"
    r"(?P<granule>\d\d)_V(?P<version>\d{3})"
)
# Production releases of NISAR supersede beta releases, whose letter sorts behind theirs; of others nothing is known.
_RELEASES = {"P": 2, "X": 0}
# What decides where release, number and counter are the same: urgent products are replaced by routine ones.
_URGENCY, _ACCURACY = ("UR", "OD", "PR"), "FNMP"


def scene_and_rank(granule: Granule) -> tuple[str, Rank]:
    """Return what all versions of one scene share, and an order among them: the newest is greatest."""
    return version_of(granule.id, granule.collection)


def version_of(name: str, collection: str) -> tuple[str, Rank]:
    """Return what all versions of one scene share, and an order among them: the newest is greatest.

    Granules whose names are of no known form share nothing with others.

    Args:
        name: Name of the granule as its provider wrote it.
        collection: Collection at the provider.
    """
    rank: Rank
    if match := nisar.match_name(name):
        letter, number = match["crid"][0], int(match["crid"][1:])
        parts = match.groupdict()
        rank = (_RELEASES.get(letter, 1), number, int(match["counter"]), _URGENCY.index(match["urgency"]),
                _ACCURACY.find(match["accuracy"]))  # fmt: skip
        return "_".join(["NISAR", *(parts[key] for key in nisar.ACQUISITION if key in parts)]), rank
    match = _ASTER.fullmatch(name)
    if match is not None and (match["product"], match["version"]) not in _TWO_FILES:
        return f"{match['product']} {match['time']}", (match["version"], match["produced"])
    if match := _MODIS.fullmatch(name):
        return f"{match['product']} {match['place']}", (match["version"], match["produced"])
    if match := _ICESAT2.fullmatch(name):
        is_whole = not match["cut"] and not match["part"]
        rank = (match["version"], match["revision"], match["own"] or "", is_whole)
        return f"{match['product']} {match['time']} {match['track']}", rank
    if match := _GEDI.fullmatch(name):
        return f"{match['product']} {match['time']} {match['place']}", match.group("version", "kind", "pge", "granule")
    return f"{collection} {name}", ()


def newest_only(granules: Iterable[Granule]) -> Iterator[Granule]:
    """Yield one granule for each scene, the newest, in the order of the first moments.

    Args:
        granules: Ordered by first moment; versions of one scene begin within two minutes of each other. Only those
            of two minutes are held.
    """
    waiting: dict[str, tuple[Rank, Granule]] = {}
    for granule in granules:
        scene, rank = scene_and_rank(granule)
        done = [key for key, (_, other) in waiting.items() if granule.start - other.start > _WINDOW]
        for key in done:
            yield waiting.pop(key)[1]
        known = waiting.get(scene)
        if known is None or rank > known[0]:
            waiting[scene] = (rank, granule)
    for _, granule in waiting.values():
        yield granule
