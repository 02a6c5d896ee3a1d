"""MCD43B2 version 005: quality of the MODIS BRDF/albedo model parameters, 16 days, 1 km sinusoidal grid."""

from __future__ import annotations

from stacaster.instruments import modis
from stacaster.model import Band, BitField, ClassValue, GranuleContent, ReadOptions, Scene

_GRID = "MOD_Grid_BRDF"
_FIELDS = {
    "brdf_albedo_quality": "BRDF_Albedo_Quality",
    "snow_brdf_albedo": "Snow_BRDF_Albedo",
    "brdf_albedo_ancillary": "BRDF_Albedo_Ancillary",
    "brdf_albedo_band_quality": "BRDF_Albedo_Band_Quality",
}
_RESOLUTION = 926.625433055556


def _classes(*rows: tuple[int, str, str]) -> tuple[ClassValue, ...]:
    return tuple(ClassValue(value=value, name=name, description=text) for value, name, text in rows)


_QUALITY = _classes(
    (0, "best", "best quality, 75 % or more with best full inversions"),
    (1, "good", "good quality, 75 % or more with full inversions"),
    (2, "mixed", "mixed, 50 % or less full inversions and 25 % or less fill values"),
    (3, "magnitude", "all magnitude inversions, or 50 % or less fill values"),
    (4, "fill", "75 % or more fill values"),
)

_LAND_WATER = _classes(
    (0, "shallow_ocean", "shallow ocean"),
    (1, "land", "land"),
    (2, "shoreline", "ocean and lake shorelines"),
    (3, "shallow_inland_water", "shallow inland water"),
    (4, "ephemeral_water", "ephemeral water"),
    (5, "deep_inland_water", "deep inland water"),
    (6, "moderate_ocean", "moderate or continental ocean"),
    (7, "deep_ocean", "deep ocean"),
)

_PLATFORM = _classes((0, "terra", "Terra"), (1, "terra_aqua", "Terra and Aqua"), (2, "aqua", "Aqua"))


def _band(name: str, description: str, data_type: str, nodata: int, **rest: object) -> Band:
    fields = {"group": _GRID, "resolution": _RESOLUTION, **rest}
    return Band(name=name, description=description, data_type=data_type, nodata=nodata, **fields)  # type: ignore[arg-type]


_BANDS = (
    _band(
        "brdf_albedo_quality",
        "Mandatory quality of the inversion",
        "uint8",
        255,
        kind="categorical",
        classes=_classes(
            (0, "full_inversion", "good quality, full BRDF inversions"),
            (1, "other", "see the band quality, magnitude BRDF inversions"),
            (255, "fill", "fill"),
        ),
    ),
    _band(
        "snow_brdf_albedo",
        "Snow flag of the retrieved albedo",
        "uint8",
        255,
        kind="categorical",
        classes=_classes((0, "snow_free", "snow-free albedo"), (1, "snow", "snow albedo"), (255, "fill", "fill")),
    ),
    _band(
        "brdf_albedo_ancillary",
        "Platform, land or water, and in bits 8 to 14 the solar zenith angle at local solar noon in degrees",
        "uint16",
        32767,
        kind="bitfield",
        bitfields=(
            BitField(name="platform", description="Platform", offset=0, length=4, classes=_PLATFORM),
            BitField(name="land_water", description="Land or water", offset=4, length=4, classes=_LAND_WATER),
        ),
    ),
    _band(
        "brdf_albedo_band_quality",
        "Quality of the inversion of each band, four bits a band",
        "uint32",
        4294967295,
        kind="bitfield",
        bitfields=tuple(
            BitField(
                name=f"band_{number}",
                description=f"Quality of band {number}",
                offset=4 * (number - 1),
                length=4,
                classes=_QUALITY,
            )
            for number in range(1, 8)
        ),
    ),
)


def _recognise(content: GranuleContent) -> bool:
    return modis.is_product(content, "MCD43B2", _GRID, 5)


def _describe(content: GranuleContent, options: ReadOptions) -> Scene:
    return modis.describe_grid(content, options, bands=_BANDS, grid=_GRID, fields=_FIELDS)


PRODUCT = modis.product(
    name="mcd43b2_005",
    collection_id="mcd43b2-005",
    short_name="MCD43B2",
    version="005",
    title="MODIS/Terra and Aqua BRDF/albedo quality 16-day L3 global 1 km V005",
    description="Quality flags of the BRDF/albedo model parameters; values as delivered.",
    bands=_BANDS,
    platform="terra,aqua",
    doi=None,
    citation=(
        "Schaaf, C. and Z. Wang. MCD43B2 MODIS/Terra+Aqua BRDF/Albedo Quality 16-Day L3 Global 1km SIN Grid V005. "
        "NASA LP DAAC."
    ),
    keywords=("modis", "terra", "aqua", "brdf", "albedo", "quality"),
    recognise=_recognise,
    describe=_describe,
    renders={
        "quality": {"title": "Mandatory quality", "assets": ["brdf_albedo_quality"], "rescale": [[0, 1]]},
    },
)
