"""MOD10A2 version 005: snow cover of MODIS on Terra, maximum extent over eight days, 500 m sinusoidal grid."""

from __future__ import annotations

from stacaster.instruments import modis
from stacaster.model import Band, BitField, ClassValue, GranuleContent, ReadOptions, Scene

_GRID = "MOD_Grid_Snow_500m"
_FIELDS = {"maximum_snow_extent": "Maximum_Snow_Extent", "eight_day_snow_cover": "Eight_Day_Snow_Cover"}

_CLASSES = (
    ClassValue(value=0, name="missing", description="missing data"),
    ClassValue(value=1, name="no_decision", description="no decision"),
    ClassValue(value=11, name="night", description="night"),
    ClassValue(value=25, name="no_snow", description="no snow"),
    ClassValue(value=37, name="lake", description="lake"),
    ClassValue(value=39, name="ocean", description="ocean"),
    ClassValue(value=50, name="cloud", description="cloud"),
    ClassValue(value=100, name="lake_ice", description="lake ice"),
    ClassValue(value=200, name="snow", description="snow"),
    ClassValue(value=254, name="saturated", description="detector saturated"),
    ClassValue(value=255, name="fill", description="fill"),
)

_DAYS = tuple(
    BitField(
        name=f"day_{day}",
        description=f"Snow on day {day} of the period",
        offset=day - 1,
        length=1,
        classes=(
            ClassValue(value=0, name="not_observed", description="snow was not observed"),
            ClassValue(value=1, name="observed", description="snow was observed"),
        ),
    )
    for day in range(1, 9)
)

_BANDS = (
    Band(
        name="maximum_snow_extent",
        description="Maximum snow extent over the eight-day period",
        data_type="uint8",
        nodata=255,
        group=_GRID,
        resolution=463.312716527778,
        kind="categorical",
        classes=_CLASSES,
    ),
    Band(
        name="eight_day_snow_cover",
        description="Days of the period with snow, one bit a day, day 1 in the lowest bit",
        data_type="uint8",
        nodata=None,
        group=_GRID,
        resolution=463.312716527778,
        kind="bitfield",
        bitfields=_DAYS,
    ),
)


def _recognise(content: GranuleContent) -> bool:
    return modis.is_product(content, "MOD10A2", _GRID, 5)


def _describe(content: GranuleContent, options: ReadOptions) -> Scene:
    return modis.describe_grid(content, options, bands=_BANDS, grid=_GRID, fields=_FIELDS)


PRODUCT = modis.product(
    name="mod10a2_005",
    collection_id="mod10a2-005",
    short_name="MOD10A2",
    version="005",
    title="MODIS/Terra snow cover 8-day L3 global 500 m V005",
    description="Maximum snow extent and daily snow bits of eight-day periods; values as delivered.",
    bands=_BANDS,
    platform="terra",
    doi=None,
    citation=(
        "Hall, D. K., V. V. Salomonson and G. A. Riggs. MODIS/Terra Snow Cover 8-Day L3 Global 500m Grid, Version 5. "
        "NASA NSIDC DAAC."
    ),
    keywords=("modis", "terra", "snow"),
    recognise=_recognise,
    describe=_describe,
    renders={
        "snow": {"title": "Maximum snow extent", "assets": ["maximum_snow_extent"], "rescale": [[0, 255]]},
    },
    notes=(
        "eight_day_snow_cover has no nodata: the file states the fill value 0, which also means that no snow was seen; "
        "use maximum_snow_extent to find pixels without data",
    ),
)
