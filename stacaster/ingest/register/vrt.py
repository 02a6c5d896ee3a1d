"""Virtual rasters (GDAL VRT): a band of a remote file with its true grid, fill value and scale."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

from stacaster.model import Layer, SceneBand
from stacaster.network.transport.planetary_computer import needs_signature

_TYPES = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "float32": "Float32"}


def needs_vrt(href: str, stated: Layer, band: SceneBand, *, count: int) -> bool:
    """Tell whether readers of the remote file itself would go astray.

    They would with several bands, another grid or zone, a signature, or a fill value that the file does not state: GDAL
    turns fill into a valid number when it moves such pixels to another grid.
    """
    is_silent = band.band.nodata is not None and stated.nodata != band.band.nodata
    return count > 1 or is_silent or needs_signature(href) or stated.geobox != band.geobox


def write_vrt(path: Path, band: SceneBand, *, href: str, source_band: int, collection: str) -> None:
    """Write a virtual raster of one band.

    Args:
        path: File to write.
        band: The band with its true grid, scale and offset.
        href: Address of the file, https.
        source_band: Number of the band in it, from 1.
        collection: Collection of the Planetary Computer, under which GDAL asks for a signature when it reads.
    """
    rows, cols = band.geobox.shape
    t = band.geobox.transform
    root = ET.Element("VRTDataset", rasterXSize=str(cols), rasterYSize=str(rows))
    assert band.geobox.crs is not None
    ET.SubElement(root, "SRS").text = f"EPSG:{band.geobox.crs.to_epsg()}"
    ET.SubElement(root, "GeoTransform").text = ", ".join(repr(float(v)) for v in (t.c, t.a, t.b, t.f, t.d, t.e))
    raster = ET.SubElement(root, "VRTRasterBand", dataType=_TYPES[band.band.data_type], band="1")
    ET.SubElement(raster, "Description").text = band.band.name
    if band.band.nodata is not None:
        ET.SubElement(raster, "NoDataValue").text = repr(band.band.nodata)
    if band.scale is not None and band.offset is not None:
        ET.SubElement(raster, "Scale").text = repr(float(band.scale))
        ET.SubElement(raster, "Offset").text = repr(float(band.offset))
    source = ET.SubElement(raster, "SimpleSource")
    ET.SubElement(source, "SourceFilename", relativeToVRT="0", shared="0").text = gdal_name(href, collection=collection)
    ET.SubElement(source, "SourceBand").text = str(source_band)
    size = {"xOff": "0", "yOff": "0", "xSize": str(cols), "ySize": str(rows)}
    ET.SubElement(source, "SrcRect", size)
    ET.SubElement(source, "DstRect", size)
    ET.indent(root)
    path.write_text(ET.tostring(root, encoding="unicode") + "\n", encoding="utf-8")


def gdal_name(href: str, *, collection: str) -> str:
    """Return the name under which GDAL reads an address; it asks the Planetary Computer for signatures itself."""
    if not needs_signature(href):
        return f"/vsicurl/{href}"
    return f"/vsicurl?pc_url_signing=yes&pc_collection={quote(collection, safe='')}&url={quote(href, safe='')}"
