"""AST_L1T version 004: the same radiance as version 003, delivered as one GeoTIFF per band.

Files are named ``<granule>_<subsystem>_B<band>.tif``; 0 is background but the files carry no nodata tag. Gains, sun and
pointing angles stand in the UMM-G sidecar ``<granule>.cmr.json``; without it the item has pixels and place only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stacaster import ecs
from stacaster.errors import ReadError
from stacaster.georef import southern_utm
from stacaster.instruments import aster
from stacaster.instruments.aster import AsterMetadata
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
    metadata = _metadata(granule, umm or {}, content)
    chosen, absent = aster.select_bands(present, metadata, options)
    if not chosen:
        raise ReadError(f"no band is left to ingest: {'; '.join(sorted(set(absent.values())))}", granule=content.name)
    bands = []
    notes: list[str] = [] if umm else [f"no sidecar {granule}.cmr.json: gains, sun and pointing angles are unknown"]
    for band in chosen:
        geobox = content.layers[present[band.name]].geobox
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


def _metadata(granule: str, umm: Mapping[str, Any], content: GranuleContent) -> AsterMetadata:
    extra = {str(item.get("Name")): (item.get("Values") or [None])[0] for item in umm.get("AdditionalAttributes", [])}
    stated = umm.get("GranuleUR")
    if stated is not None and stated != granule:
        raise ReadError(f"the sidecar describes {stated}, not {granule}", granule=content.name)
    data = umm.get("DataGranule", {})
    direction = str(extra.get("FlyingDirection", "")).upper()
    tags = " ".join(str(layer.attributes.get("TIFFTAG_IMAGEDESCRIPTION", "")) for layer in content.layers.values())
    return AsterMetadata(
        datetime=_acquired(granule, umm, content),
        created=_time(data.get("ProductionDateTime"), content),
        gains=aster.parse_gains(extra.get("ASTERGains")),
        sun_azimuth=ecs.number(extra.get("SolarAzimuthAngle")),
        sun_elevation=ecs.number(extra.get("SolarElevationAngle")),
        pointing=aster.parse_pointing(extra),
        cloud_cover=ecs.number(umm.get("CloudCover")),
        day_night=ecs.day_night(data.get("DayNightFlag")),
        orbit_state={"AS": "ascending", "DE": "descending"}.get(direction),
        correction=extra.get("CorrectionAchieved"),
        is_simulated="simulated" in tags.lower(),
    )


def _acquired(granule: str, umm: Mapping[str, Any], content: GranuleContent) -> datetime:
    stated = _time(umm.get("TemporalExtent", {}).get("SingleDateTime"), content)
    if stated is not None:
        return stated
    text = granule.removeprefix("AST_L1T_004").split("_")[0]
    try:
        return datetime.strptime(text, "%m%d%Y%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise ReadError(f"the name gives {text} as month, day, year and time", granule=content.name) from error


def _time(value: Any, content: GranuleContent) -> datetime | None:
    try:
        return ecs.parse_time(str(value)) if value is not None else None
    except ValueError as error:
        raise ReadError(f"the sidecar gives {value!r}, which is no time", granule=content.name) from error


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
