"""AST_L1T version 004: the same radiance as version 003, delivered as one GeoTIFF per band.

Files are named ``<granule>_<subsystem>_B<band>.tif``; 0 is background but the files carry no nodata tag. Gains, sun and
pointing angles stand in the UMM-G sidecar ``<granule>.cmr.json``; without it the item has pixels and place only.
"""

from __future__ import annotations

import re

from stacaster.errors import ReadError
from stacaster.geo.georef import southern_utm
from stacaster.instruments import aster
from stacaster.instruments.aster_umm import read_umm
from stacaster.model import GranuleContent, Layer, Product, ReadOptions, Scene

_FILE = re.compile(
    r"(?P<granule>AST_L1T_004(?P<acquired>\d{14})_\d{14})_(?P<subsystem>VNIR|SWIR|TIR)_(?P<band>B\d\d[NB]?)\.tiff?",
    re.IGNORECASE,
)


def _recognise(content: GranuleContent) -> bool:
    return bool(content.layers) and all(_is_band(layer) for layer in content.layers.values())


def _is_band(layer: Layer) -> bool:
    """Tell from pixels' type, size and CRS, and from the name, whether a GeoTIFF is a band of this product."""
    match = _FILE.fullmatch(layer.name)
    if match is None or layer.geobox is None or layer.geobox.crs is None:
        return False
    subsystem = match.group("subsystem").upper()
    transform = layer.geobox.transform
    is_square = abs(transform.a) == abs(transform.e) == aster.RESOLUTION[subsystem]
    is_utm = (layer.geobox.crs.to_epsg() or 0) // 100 in (326, 327)
    return is_square and is_utm and layer.data_type == ("uint16" if subsystem == "TIR" else "uint8")


def _describe(content: GranuleContent, options: ReadOptions) -> Scene:
    matches = {path: _FILE.fullmatch(layer.name) for path, layer in content.layers.items()}
    granules = {match.group("granule") for match in matches.values() if match}
    if len(granules) != 1:
        raise ReadError(f"the set holds files of {len(granules)} granules", granule=content.name)
    granule = granules.pop()
    present = {match.group("band").upper(): path for path, match in matches.items() if match}
    umm = content.sidecars.get("umm")
    metadata = read_umm(granule, umm or {}, content)
    chosen, absent = aster.select_bands(present, metadata, options)
    if not chosen:
        raise ReadError(f"no band is left to ingest: {'; '.join(sorted(set(absent.values())))}", granule=content.name)
    bands = []
    notes: list[str] = [] if umm else [f"no sidecar {granule}.cmr.json: gains, sun and pointing angles are unknown"]
    for band in chosen:
        geobox = content.layers[present[band.name]].geobox
        if geobox is None:
            raise ReadError(f"{present[band.name]} has no georeferencing", granule=content.name)
        made, band_notes = aster.scene_band(band, present[band.name], southern_utm(geobox), metadata)
        bands.append(made)
        notes += band_notes if umm else ()
    return Scene(
        id=granule,
        datetime=metadata.datetime,
        created=metadata.created,
        bands=tuple(bands),
        absent=absent,
        notes=aster.scene_notes(metadata, absent, tuple(notes)),
        properties=aster.item_properties(metadata, {band.band.group for band in bands}),
        extensions=("view", "sat", "eo"),
    )


PRODUCT = Product(
    name="aster_l1t_004",
    collection_id="aster-l1t-004",
    short_name="AST_L1T",
    version="004",
    title="ASTER L1T V004: registered radiance at the sensor, precision terrain corrected",
    description=(
        "One Cloud Optimized GeoTIFF per ASTER band with the digital numbers of AST_L1T version 004, adopted pixel for "
        "pixel. Radiance in W m-2 sr-1 um-1 is value * raster:scale + raster:offset where the gains are known. "
        "0 is fill; 255 (VNIR, SWIR) and 4095 (TIR) are saturated."
    ),
    reader="geotiff_set",
    bands=aster.BANDS,
    platform="terra",
    instruments=("aster",),
    processing_level="L1T",
    doi="10.5067/ASTER/AST_L1T.004",
    citation=(
        "NASA/METI/AIST/Japan Spacesystems and U.S./Japan ASTER Science Team. ASTER Level 1 Precision Terrain "
        "Corrected Registered At-Sensor Radiance V004. NASA LP DAAC. https://doi.org/10.5067/ASTER/AST_L1T.004"
    ),
    license="other",
    providers=aster.PROVIDERS,
    keywords=("aster", "terra", "radiance", "vnir", "swir", "tir", "minerals"),
    recognise=_recognise,
    describe=_describe,
    file_set=_FILE,
    renders=aster.RENDERS,
    notes=("SWIR is unusable from 2008-04-01 on; its assets are not made unless asked for",),
)
