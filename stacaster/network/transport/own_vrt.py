"""Which virtual rasters are ours, by what they say: GDAL reads whatever file or address another one names."""

from __future__ import annotations

from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

_LARGEST = 1 << 16
_TAGS = {
    "VRTDataset", "SRS", "GeoTransform", "VRTRasterBand", "Description", "NoDataValue", "Scale", "Offset",
    "SimpleSource", "SourceFilename", "SourceBand", "SrcRect", "DstRect",
}  # fmt: skip
_ATTRIBUTES = {
    "rasterXSize", "rasterYSize", "dataType", "band", "relativeToVRT", "shared", "xOff", "yOff", "xSize", "ySize",
}  # fmt: skip


def is_own_vrt(text: str) -> bool:
    """Tell whether a text is a virtual raster as ``register`` writes it: bands of files at https addresses."""
    if len(text) > _LARGEST or "<!" in text or "<?" in text:
        return False
    try:
        root = ET.fromstring(text)  # noqa: S314 - small, and without entities
    except ET.ParseError:
        return False
    if root.tag != "VRTDataset":
        return False
    for element in root.iter():
        if element.tag not in _TAGS or not set(element.attrib) <= _ATTRIBUTES:
            return False
        if element.tag == "SourceFilename" and not _is_https(element.text or ""):
            return False
    return True


def _is_https(name: str) -> bool:
    if name.startswith("/vsicurl?"):
        asked = parse_qs(name.partition("?")[2], keep_blank_values=True)
        return set(asked) == {"pc_url_signing", "pc_collection", "url"} and asked["url"][0].startswith("https://")
    return name.startswith("/vsicurl/https://")
