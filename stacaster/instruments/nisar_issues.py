"""Known issues of NISAR releases, said on the items that they concern; nothing is corrected.

Source: Alaska Satellite Facility, NISAR data user guide, known issues of BETA and PROVISIONAL products (2026).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stacaster.instruments import nisar

_FIRST_PROVISIONAL = 5023
# Releases that follow will have numbers of their own; what is known is of these.
_LAST_PROVISIONAL = 5999
_PHASE = {
    "GCOV": ((("HVVH",), "+"), (("HHHV", "HHVV", "VHVV"), "-")),
    "GSLC": ((("HV", "VV"), "+"),),
}


def notes(granule: str, bands: Sequence[tuple[str, str]]) -> Iterable[str]:
    """Yield what is known of the release of a granule and matters for some bands.

    Args:
        granule: Name of the granule.
        bands: Names of its assets, and their groups such as ``frequencyB``.
    """
    match = nisar.match_name(granule)
    if match is None:
        return
    letter, number = match["crid"][0], int(match["crid"][1:])
    if letter not in "PX":
        yield f"release {match['crid']} is of an unknown kind; it counts less than production releases (P)"
        return
    if number > _LAST_PROVISIONAL:
        return
    if letter == "X" or number < _FIRST_PROVISIONAL:
        yield "known issue of beta releases: calibration is incomplete, with bands of other brightness across the swath"
        if any("mask" in name.lower() for name, _ in bands):
            yield "known issue of beta releases: the mask is shifted against the data"
    else:
        yield from _phase(match["product"], [name for name, _ in bands])
    if any(group == "frequencyB" for _, group in bands):
        yield "known issue of this release: frequency B is calibrated less well than frequency A"


def _phase(product: str, names: Sequence[str]) -> Iterable[str]:
    rules = []
    for concerned, sign in _PHASE.get(product, ()):
        there = [name for name in names if name.removesuffix("_B") in concerned]
        if there:
            rules.append(f"{', '.join(there)} times exp({sign}1j * theta)")
    if rules:
        yield (
            "known issue of provisional releases: the phase between polarisations is off by theta = 59 degrees, which "
            f"is not corrected here; the provider's remedy is {' and '.join(rules)}"
        )
