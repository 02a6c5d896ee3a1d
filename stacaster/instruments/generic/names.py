"""Names of assets, collections and units made from what files call them. Pure functions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from stacaster.formats.granule_files import image_parts
from stacaster.model import GranuleContent, Layer, PlaneAxis

_REPEATED = re.compile(r"^\d+\s?k?m \d+ days ", re.IGNORECASE)
_NO_UNITS = {
    "", "none", "n/a", "na", "ndvi", "evi", "evi2", "rank", "class-flag", "bit field", "bit-field", "bit", "bits",
    "flag",    "concatenated flags", "reflectance", "reflectance, no units", "counts", "unitless", "dimensionless", "-",
    "no units",    "class", "classes", "index", "1",
}  # fmt: skip
_UNITS = {
    "kelvin": "K", "k": "K", "degrees": "deg", "degree": "deg", "percent": "%", "meters": "m", "meter": "m",
    "metres": "m",    "metre": "m", "hours": "h", "hour": "h", "hrs": "h", "julian day": "day of year",
    "julian day of year": "day of year",    "nwatts / cm^2 / sr": "nW/(cm2 sr)", "nwatts/cm^2/sr": "nW/(cm2 sr)",
    "nw/(cm^2 sr)": "nW/(cm2 sr)",
    "degree celsius": "Cel", "celsius": "Cel", "degc": "Cel",
}  # fmt: skip
_TIMES = re.compile(r"\bsince\b", re.IGNORECASE)


def asset_key(text: str) -> str:
    """Return the name of a field as asset key and file name: letters, digits, ``-`` and ``_``."""
    plain = _REPEATED.sub("", text.strip())
    return re.sub(r"_{2,}", "_", re.sub(r"[^\w-]+", "_", plain, flags=re.ASCII)).strip("_-") or "field"


def field_name(layer: Layer) -> str:
    """Return what a file calls a field; of an image that is a file the part of its name that names the band."""
    if layer.placed_by != "GeoTIFF":
        return layer.name
    name, _, number = layer.name.partition("#")
    granule, band = image_parts(name)
    return f"{band or granule}_{number}" if number else band or granule


def asset_keys(layers: Sequence[Layer]) -> dict[str, str]:
    """Return the asset key of each layer by its path; a name that several grids have begins with that of the grid."""
    plain = {layer.path: asset_key(field_name(layer)) for layer in layers}
    counts: dict[str, int] = {}
    for name in plain.values():
        # Names become files, which not all disks tell apart by capitals.
        counts[name.casefold()] = counts.get(name.casefold(), 0) + 1
    found: dict[str, str] = {}
    for layer in layers:
        name = plain[layer.path]
        if counts[name.casefold()] > 1:
            name = asset_key(f"{layer.group.rpartition('/')[2]}_{name}")
        taken, free, number = {other.casefold() for other in found.values()}, name, 2
        while free.casefold() in taken:
            free, number = f"{name}_{number}", number + 1
        found[layer.path] = free
    return found


def plane_names(axis: PlaneAxis) -> tuple[str, ...]:
    """Return the end of the name of each plane along an axis; empty for an axis with one position.

    Positions that are short numbers are named by them, others are counted from 1.
    """
    if axis.size == 1:
        return ("",)
    word = re.sub(r"[^A-Za-z0-9]+", "", axis.name) or "plane"
    is_time = axis.unit is not None and bool(_TIMES.search(axis.unit))
    texts = [f"{value:g}" if isinstance(value, (int, float)) else str(value) for value in axis.values]
    is_short = len(texts) == axis.size == len(set(texts)) and all(
        re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text) for text in texts
    )
    if is_short and not is_time:
        return tuple(f"_{word}{text.replace('.', 'p')}" for text in texts)
    return tuple(f"_{word}{number}" for number in range(1, axis.size + 1))


def unit_name(text: str) -> str | None:
    """Return a unit as the field writes it; None for words that are no unit."""
    plain = " ".join(text.strip("\0 ").split())
    if plain.lower() in _NO_UNITS or _TIMES.search(plain) or len(plain) > 40:
        return None
    return _UNITS.get(plain.lower(), plain)


def collection_id(short_name: str, version: str, content: GranuleContent, bands: Iterable[str]) -> str:
    """Return the id of the collection: short name and version, else a digest of the structure of the file."""
    if short_name:
        plain = re.sub(r"[^a-z0-9]+", "-", f"{short_name}-{version}".lower()).strip("-")
        return plain or "generic"
    listed = sorted(f"{layer.path}:{layer.data_type}" for layer in content.layers.values() if layer.geobox is not None)
    digest = hashlib.sha256("\n".join(listed or sorted(bands)).encode()).hexdigest()
    return f"generic-{digest[:10]}"


def field_text(attributes: Mapping[str, object], name: str) -> str:
    """Return one line that says what a field is."""
    for key in ("long_name", "title", "Title", "description", "Description", "standard_name"):
        value = attributes.get(key)
        if isinstance(value, str) and 2 < len(value.strip("\0 ")) <= 300 and "\n" not in value.strip():
            return value.strip("\0 ")
    return name.replace("_", " ")
