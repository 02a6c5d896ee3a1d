"""AST_L1T version 003: ASTER registered radiance at the sensor, terrain corrected, HDF-EOS2 swaths in HDF4.

One swath for each subsystem that was on: day scenes have VNIR, SWIR and TIR, night scenes often TIR alone. Image fields
are ``ImageData1`` to ``ImageData14``; map corners are pixel centres in the northern UTM zone, written as (y, x).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from stacaster import ecs
from stacaster.errors import ReadError
from stacaster.georef import GeoreferencingError, centre_lonlat, utm_north_geobox
from stacaster.instruments import aster
from stacaster.instruments.aster import AsterMetadata
from stacaster.model import Band, GranuleContent, Product, ReadOptions, Scene, SceneBand

_NAME = re.compile(r"AST_L1T_003(?P<acquired>\d{14})_(?P<produced>\d{14})(?:_(?P<number>\d+))?")
_GAIN_PAIR = re.compile(r"(\w{2})\s+(\w{3})")
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
    granule = _granule_id(content)
    metadata = _metadata(content, granule)
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
    _check_place(content, bands[0].geobox)
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


def _granule_id(content: GranuleContent) -> str:
    for text in (str(content.find("LOCALGRANULEID") or ""), content.name):
        match = _NAME.match(text)
        if match:
            return match.group(0)
    stated = content.find("LOCALGRANULEID")
    return re.sub(r"\.hdf$", "", str(stated or content.name), flags=re.IGNORECASE)


def _metadata(content: GranuleContent, granule: str) -> AsterMetadata:
    extra = ecs.additional_attributes(content)
    acquired = ecs.time_of(content, "CALENDARDATE", "TIMEOFDAY") or _time_from_name(granule)
    if acquired is None:
        raise ReadError("neither CALENDARDATE and TIMEOFDAY nor the name give the time", granule=content.name)
    sun = content.find("SOLARDIRECTION")
    azimuth, elevation = (
        (ecs.number(value) for value in sun) if isinstance(sun, tuple) and len(sun) == 2 else (None,) * 2
    )
    cloud = content.find("SCENECLOUDCOVERAGE")
    orbit = ecs.number(content.find("ORBITNUMBER"))
    chips = ecs.number(_either(content, extra, "NUMBERGCPCHIPSCORRELATED"))
    scene_id = content.find("ASTERSCENEID")
    direction = str(_either(content, extra, "FLYINGDIRECTION") or "").upper()
    return AsterMetadata(
        datetime=acquired,
        created=ecs.production_time(content),
        gains=_gains(content, extra),
        coefficients=_coefficients(content),
        sun_azimuth=azimuth if azimuth is not None else ecs.number(extra.get("SOLAR_AZIMUTH_ANGLE")),
        sun_elevation=elevation if elevation is not None else ecs.number(extra.get("SOLAR_ELEVATION_ANGLE")),
        pointing=_pointing(content, extra),
        cloud_cover=ecs.number(cloud if cloud is not None else content.find("QAPERCENTCLOUDCOVER")),
        day_night=ecs.day_night(content.find("DAYNIGHTFLAG")),
        orbit=int(orbit) if orbit is not None else None,
        orbit_state={"AS": "ascending", "DE": "descending"}.get(direction),
        path_row_view=tuple(int(v) for v in scene_id if isinstance(v, int)) if isinstance(scene_id, tuple) else (),
        correction=_text(_either(content, extra, "CORRECTIONACHIEVED")),
        gcp_chips=int(chips) if chips is not None else None,
        is_simulated=str(extra.get("DATAORIGIN", "")).upper() == "SIMULATED",
    )


def _either(content: GranuleContent, extra: dict[str, Any], name: str) -> Any:
    value = content.find(name)
    return value if value is not None else extra.get(name)


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def _time_from_name(granule: str) -> datetime | None:
    match = _NAME.match(granule)
    try:
        return datetime.strptime(match.group("acquired"), "%m%d%Y%H%M%S").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def _gains(content: GranuleContent, extra: dict[str, Any]) -> dict[str, str]:
    """Return gain codes from the GAIN objects, which repeat and differ by CLASS, or from ASTERGAINS."""
    codes = {
        str(value[0]): str(value[1]) for value in (item.value for item in content.find_all("GAIN")) if _is_pair(value)
    }
    if not codes:
        codes = dict(_GAIN_PAIR.findall(str(extra.get("ASTERGAINS", ""))))
    names = {aster.odl_suffix(band).zfill(2): band.name for band in aster.BANDS}
    return {names[number]: code.upper() for number, code in codes.items() if number in names}


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2


def _coefficients(content: GranuleContent) -> dict[str, tuple[float, float | None]]:
    found = {}
    for band in aster.BANDS:
        suffix = aster.odl_suffix(band)
        incl = ecs.number(content.find(f"INCL{suffix}"))
        if incl is not None and incl > 0:
            found[band.name] = (incl, ecs.number(content.find(f"OFFSET{suffix}")))
    return found


def _pointing(content: GranuleContent, extra: dict[str, Any]) -> dict[str, float]:
    names = [str(item.value) for item in content.find_all("SENSORNAME")]
    angles = [ecs.number(item.value) for item in content.find_all("POINTINGANGLE")]
    found = {name: angle for name, angle in zip(names, angles, strict=False) if name in aster.SUBSYSTEMS}
    for name in aster.SUBSYSTEMS:
        found.setdefault(name, ecs.number(extra.get(f"ASTER{name}POINTINGANGLE")))
    return {name: angle for name, angle in found.items() if angle is not None}


def _geobox(content: GranuleContent, band: Band, present: dict[str, str]) -> Any:
    corners = {}
    for name in ("UPPERLEFTM", "LOWERRIGHTM"):
        value: Any = content.find(name)
        if not _is_pair(value) or not all(isinstance(part, (int, float)) for part in value):
            raise ReadError(f"{name} is {value!r}, but (y, x) in metres is needed", granule=content.name)
        corners[name] = (float(value[0]), float(value[1]))
    extra = ecs.additional_attributes(content)
    zone = ecs.number(content.find("UTMZONENUMBER") or content.find("UTMZONECODE1") or extra.get("UTMZONENUMBER"))
    if zone is None or zone != int(zone):
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
            zone=int(zone),
            resolution=band.resolution,
        )
    except GeoreferencingError as error:
        raise ReadError(f"{layer.path}: {error}", granule=content.name) from error


def _check_place(content: GranuleContent, geobox: Any) -> None:
    lon, lat = centre_lonlat(geobox)
    if ecs.inside_bounding_rectangle(content, lon, lat) is False:
        raise ReadError(
            f"UTM corners and zone put the scene at {lon:.3f}, {lat:.3f}, outside its own bounding rectangle; "
            "zone or corners are wrong",
            granule=content.name,
        )


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
