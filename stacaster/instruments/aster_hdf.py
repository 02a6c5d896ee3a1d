"""What the metadata attributes of ASTER's HDF4 granules say, whatever the product."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from stacaster.errors import ReadError
from stacaster.formats.metadata import ecs
from stacaster.geo.georef import centre_lonlat
from stacaster.instruments import aster
from stacaster.instruments.aster import AsterMetadata
from stacaster.model import GranuleContent

_ACQUIRED = re.compile(r"AST\w*?_\d{3}(\d{14})_")


def utm_zone(content: GranuleContent) -> int | None:
    """Return the UTM zone that the metadata state; None when they state none.

    Raises:
        ReadError: What they state is no whole number.
    """
    extra = ecs.additional_attributes(content)
    zone = ecs.number(content.find("UTMZONENUMBER") or content.find("UTMZONECODE1") or extra.get("UTMZONENUMBER"))
    if zone is not None and zone != int(zone):
        raise ReadError(f"UTMZONENUMBER is {zone}, which is no zone", granule=content.name)
    return None if zone is None else int(zone)


def granule_id(content: GranuleContent, name: re.Pattern[str]) -> str:
    """Return the name of the granule: what matches in LOCALGRANULEID or in the file's name, else the former."""
    for text in (str(content.find("LOCALGRANULEID") or ""), content.name):
        match = name.match(text)
        if match:
            return match.group(0)
    stated = content.find("LOCALGRANULEID")
    return re.sub(r"\.hdf$", "", str(stated or content.name), flags=re.IGNORECASE)


def read_metadata(content: GranuleContent, granule: str) -> AsterMetadata:
    """Return what the metadata attributes of an HDF4 granule say.

    Args:
        content: What the reader found.
        granule: Name of the granule, which gives the time where the metadata do not.

    Raises:
        ReadError: The time is neither in the metadata nor in the name.
    """
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
    match = _ACQUIRED.match(granule)
    try:
        return datetime.strptime(match.group(1), "%m%d%Y%H%M%S").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def _gains(content: GranuleContent, extra: dict[str, Any]) -> dict[str, str]:
    """Return gain codes from the GAIN objects, which repeat and differ by CLASS, or from ASTERGAINS."""
    codes = {
        str(value[0]): str(value[1]) for value in (item.value for item in content.find_all("GAIN")) if is_pair(value)
    }
    if not codes:
        return aster.parse_gains(extra.get("ASTERGAINS"))
    names = {aster.odl_suffix(band).zfill(2): band.name for band in (*aster.BANDS, aster.BACKWARD)}
    return {names[number]: code.upper() for number, code in codes.items() if number in names}


def is_pair(value: Any) -> bool:
    """Tell whether a metadata value is a tuple of two."""
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


def check_place(content: GranuleContent, geobox: Any) -> None:
    """Compare the middle of a grid with the bounding rectangle of the granule.

    Raises:
        ReadError: It lies outside.
    """
    lon, lat = centre_lonlat(geobox)
    if ecs.inside_bounding_rectangle(content, lon, lat) is False:
        raise ReadError(
            f"the grid puts the scene at {lon:.3f}, {lat:.3f}, outside its own bounding rectangle; "
            "zone, corners or positions are wrong",
            granule=content.name,
        )
