"""AST_L1T version 003: ASTER registered radiance at the sensor, terrain corrected, HDF-EOS2 swaths in HDF4.

One swath for each subsystem that was on: day scenes have VNIR, SWIR and TIR, night scenes often TIR alone. Image fields
are ``ImageData1`` to ``ImageData14``; map corners are pixel centres in the northern UTM zone, written as (y, x).
"""

from __future__ import annotations

import re
from typing import Any

from stacaster.errors import ReadError
from stacaster.formats.metadata import ecs
from stacaster.geo.georef import GeoreferencingError, utm_north_geobox
from stacaster.instruments import aster
from stacaster.instruments.aster_hdf import check_place, granule_id, is_pair, read_metadata, utm_zone
from stacaster.model import Band, GranuleContent, Product, ReadOptions, Scene, SceneBand

_NAME = re.compile(r"AST_L1T_003(?P<acquired>\d{14})_(?P<produced>\d{14})(?:_(?P<number>\d+))?")
_SWATHS = {f"{name}_Swath" for name in aster.SUBSYSTEMS}


def _recognise(content: GranuleContent) -> bool:
    swaths = {name for name, kind in content.groups.items() if kind == "swath"}
    if not swaths or not swaths <= _SWATHS:
        return False
    short_name = ecs.short_name(content)
    if short_name:
        return short_name == "ASTL1T"
    return content.find("UPPERLEFTM") is not None and _NAME.match(str(content.find("LOCALGRANULEID"))) is not None


def _describe(content: GranuleContent, options: ReadOptions) -> Scene:
    granule = granule_id(content, _NAME)
    metadata = read_metadata(content, granule)
    layers = {band.name: f"{band.group}_Swath/ImageData{aster.odl_suffix(band)}" for band in aster.BANDS}
    present = {name: path for name, path in layers.items() if path in content.layers}
    if not present:
        raise ReadError("none of the image fields ImageData1 to ImageData14 is there", granule=content.name)
    chosen, absent = aster.select_bands(present, metadata, options)
    if not chosen:
        reasons = "; ".join(sorted(set(absent.values())))
        raise ReadError(f"no band is left to ingest: {reasons}", granule=content.name)
    bands: list[SceneBand] = []
    notes: list[str] = []
    for band in chosen:
        made, band_notes = aster.scene_band(band, present[band.name], _geobox(content, band, present), metadata)
        bands.append(made)
        notes += band_notes
    check_place(content, bands[0].geobox)
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


def _geobox(content: GranuleContent, band: Band, present: dict[str, str]) -> Any:
    corners = {}
    for name in ("UPPERLEFTM", "LOWERRIGHTM"):
        value: Any = content.find(name)
        if not is_pair(value) or not all(isinstance(part, (int, float)) for part in value):
            raise ReadError(f"{name} is {value!r}, but (y, x) in metres is needed", granule=content.name)
        corners[name] = (float(value[0]), float(value[1]))
    zone = utm_zone(content)
    if zone is None:
        raise ReadError("UTMZONENUMBER is missing or no whole number: the place is unknown", granule=content.name)
    layer = content.layers[present[band.name]]
    if len(layer.shape) != 2 or layer.data_type != band.data_type:
        found = f"{layer.data_type} of shape {layer.shape}"
        raise ReadError(f"{layer.path} is {found}, but a {band.data_type} image is needed", granule=content.name)
    try:
        return utm_north_geobox(
            corners["UPPERLEFTM"],
            corners["LOWERRIGHTM"],
            (layer.shape[0], layer.shape[1]),
            zone=zone,
            resolution=band.resolution,
        )
    except GeoreferencingError as error:
        raise ReadError(f"{layer.path}: {error}", granule=content.name) from error


PRODUCT = Product(
    name="aster_l1t_003",
    collection_id="aster-l1t-003",
    short_name="AST_L1T",
    version="003",
    title="ASTER L1T V003: registered radiance at the sensor, precision terrain corrected",
    description=(
        "One Cloud Optimized GeoTIFF per ASTER band with the digital numbers of AST_L1T version 003, unchanged. "
        "Radiance in W m-2 sr-1 um-1 is value * raster:scale + raster:offset, with the coefficients of each scene. "
        "0 is fill; 255 (VNIR, SWIR) and 4095 (TIR) are saturated."
    ),
    reader="hdf4_eos",
    bands=aster.BANDS,
    platform="terra",
    instruments=("aster",),
    processing_level="L1T",
    doi="10.5067/ASTER/AST_L1T.003",
    citation=(
        "NASA/METI/AIST/Japan Spacesystems and U.S./Japan ASTER Science Team. ASTER Level 1 Precision Terrain "
        "Corrected Registered At-Sensor Radiance V003. NASA LP DAAC. https://doi.org/10.5067/ASTER/AST_L1T.003"
    ),
    license="other",
    providers=aster.PROVIDERS,
    keywords=("aster", "terra", "radiance", "vnir", "swir", "tir", "minerals"),
    recognise=_recognise,
    describe=_describe,
    renders=aster.RENDERS,
    notes=("SWIR is unusable from 2008-04-01 on; its assets are not made unless asked for",),
)
