"""What the UMM-G sidecars of ASTER's version 004 say, whatever the product."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stacaster.errors import ReadError
from stacaster.formats.metadata import ecs
from stacaster.instruments import aster
from stacaster.instruments.aster import AsterMetadata
from stacaster.model import GranuleContent

_ACQUIRED = re.compile(r"AST\w*?_?\d{3}(\d{14})_.*")


def read_umm(granule: str, umm: Mapping[str, Any], content: GranuleContent) -> AsterMetadata:
    """Return what the UMM-G sidecar of a version 004 granule says; an empty one leaves the name.

    Raises:
        ReadError: It describes another granule, or holds something that is no time.
    """
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
    text = _ACQUIRED.sub(r"\1", granule)
    try:
        return datetime.strptime(text, "%m%d%Y%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise ReadError(f"the name gives {text} as month, day, year and time", granule=content.name) from error


def _time(value: Any, content: GranuleContent) -> datetime | None:
    try:
        return ecs.parse_time(str(value)) if value is not None else None
    except ValueError as error:
        raise ReadError(f"the sidecar gives {value!r}, which is no time", granule=content.name) from error
