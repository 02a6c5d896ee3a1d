"""Metadata texts of a simulated ASTER granule; objects and groups as real granules have them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stacaster.samples.landscape import BANDS
from stacaster.samples.odl_text import Group, Obj, metadata_text
from stacaster.samples.scene import SUBSYSTEM_BANDS, AsterScene

_CORNERS = ("UPPERLEFT", "UPPERRIGHT", "LOWERLEFT", "LOWERRIGHT")


def _suffix(band: str) -> str:
    return band[1:].lstrip("0")


def _map_corners(scene: AsterScene) -> list[tuple[float, float]]:
    (top, left), (bottom, right) = scene.upper_left, scene.lower_right
    return [(float(y), float(x)) for y in (top, bottom) for x in (left, right)]


def _geographic_corners(scene: AsterScene) -> list[tuple[float, float]]:
    points = [scene.to_lonlat(x, y) for y, x in _map_corners(scene)]
    return [(float(lat), float(lon)) for lon, lat in points]


def _without(items: Sequence[Obj | Group], omit: Collection[str]) -> list[Obj | Group]:
    kept: list[Obj | Group] = []
    for item in items:
        if item.name in omit:
            continue
        if isinstance(item, Group):
            kept.append(Group(item.name, _without(item.items, omit), item.object_class, item.is_object))
        else:
            kept.append(item)
    return kept


def _text(name: str, items: Sequence[Obj | Group], omit: Collection[str]) -> str:
    return metadata_text([Group(name, _without(items, omit))])


def core_metadata(
    scene: AsterScene,
    *,
    short_name: str,
    granule_id: str | None,
    omit: Collection[str] = (),
    doi: str = "10.5067/ASTER/AST_L1T.003",
    corners: Sequence[tuple[float, float]] | None = None,
) -> str:
    """Return ``coremetadata.0``, the inventory metadata."""
    corners = _geographic_corners(scene) if corners is None else corners
    # Real granules take N, E, S and W from the upper-left, upper-right, lower-right and lower-left corner.
    north, east, south, west = corners[0][0], corners[1][1], corners[3][0], corners[2][1]
    is_day = scene.sun_elevation > 0
    names = [Obj("SHORTNAME", short_name)] if short_name else []
    items: list[Obj | Group] = [
        Group(
            "ECSDATAGRANULE",
            [
                Obj("LOCALGRANULEID", scene.name if granule_id is None else granule_id),
                Obj("PRODUCTIONDATETIME", f"{scene.produced:%Y-%m-%dT%H:%M:%S}.000Z"),
                Obj("DAYNIGHTFLAG", "Day" if is_day else "Night"),
                Obj("REPROCESSINGACTUAL", "processed once"),
                Obj("REPROCESSINGPLANNED", "no further update anticipated"),
            ],
        ),
        Group("COLLECTIONDESCRIPTIONCLASS", [Obj("VERSIONID", 3), *names]),
        Group(
            "BOUNDINGRECTANGLE",
            [
                Obj("NORTHBOUNDINGCOORDINATE", north),
                Obj("SOUTHBOUNDINGCOORDINATE", south),
                Obj("EASTBOUNDINGCOORDINATE", east),
                Obj("WESTBOUNDINGCOORDINATE", west),
            ],
        ),
        Group(
            "SINGLEDATETIME",
            [
                # Real granules of this product leave out the separators.
                Obj("TIMEOFDAY", f"{scene.acquired:%H%M%S%f}Z"),
                Obj("CALENDARDATE", f"{scene.acquired:%Y%m%d}"),
            ],
        ),
        Group(
            "ASSOCIATEDPLATFORMINSTRUMENTSENSOR",
            [
                Obj("ASSOCIATEDPLATFORMSHORTNAME", "Terra"),
                Obj("ASSOCIATEDINSTRUMENTSHORTNAME", "ASTER"),
            ],
        ),
        Group("ADDITIONALATTRIBUTES", _additional(doi)),
    ]
    return _text("INVENTORYMETADATA", items, omit)


def _additional(doi: str) -> list[Obj | Group]:
    pairs = {
        "ASTERMapProjection": "Universal Transverse Mercator",
        "CorrectionAchieved": "Terrain+Systematic",
        "NumberGCPChipsCorrelated": "23",
        "SpheroidCode": "WGS84",
        "identifier_product_doi": doi,
        "DataOrigin": "SIMULATED",
    }
    made: list[Obj | Group] = []
    for number, (name, value) in enumerate(pairs.items(), start=1):
        mark = str(number)
        inner = Group("INFORMATIONCONTENT", [Obj("PARAMETERVALUE", value, mark)], mark)
        container: list[Obj | Group] = [Obj("ADDITIONALATTRIBUTENAME", name, mark), inner]
        made.append(Group("ADDITIONALATTRIBUTESCONTAINER", container, mark, is_object=True))
    return made


def generic_metadata(scene: AsterScene, omit: Collection[str], *, centre: tuple[float, float] | None = None) -> str:
    """Return ``productmetadata.0``, the ASTER generic metadata; ``centre`` is that of a path-oriented image."""
    modes = [
        Obj("ASTEROBSERVATIONMODE", (name, "ON" if name.rstrip("12") in scene.subsystems else "OFF"), str(number))
        for number, name in enumerate(("VNIR1", "VNIR2", "SWIR", "TIR"), start=1)
    ]
    gains: list[Obj | Group] = []
    for number, band in enumerate(BANDS[:9], start=1):
        is_on = any(band in SUBSYSTEM_BANDS[name] for name in scene.subsystems)
        value = (_suffix(band).zfill(2), scene.gain(band) if is_on else "OFF")
        gains.append(Group("GAININFORMATIONCONTAINER", [Obj("GAIN", value, str(number))], str(number), is_object=True))
    pointing = [
        Group(
            "POINTINGANGLESCONTAINER",
            [Obj("SENSORNAME", name, str(number)), Obj("POINTINGANGLE", scene.pointing[name], str(number))],
            str(number),
            is_object=True,
        )
        for number, name in enumerate(scene.pointing, start=1)
    ]
    rows, cols = scene.tir_shape
    centre_y = scene.upper_left[0] - 45.0 * (rows - 1)
    centre_x = scene.upper_left[1] + 45.0 * (cols - 1)
    lon, lat = scene.to_lonlat(centre_x, centre_y)
    corners = [Obj(name, corner) for name, corner in zip(_CORNERS, _geographic_corners(scene), strict=True)]
    processed = "".join(_suffix(band).zfill(2) if band in scene.bands else "XX" for band in BANDS)
    items: list[Obj | Group] = [
        Obj("IDOFASTERGDSDATAGRANULE", f"ASTL1A {scene.acquired:%y%m%d%H%M%S}{scene.produced:%y%m%d%H%M%S}"),
        Obj("RECEIVINGCENTER", "EDOS"),
        Obj("PROCESSINGCENTER", "LP DAAC"),
        Group("OBSERVATIONMODE", modes),
        Obj("PROCESSEDBANDS", processed),
        Group("GAININFORMATION", gains),
        Group("POINTINGANGLES", pointing),
        Obj("SPATIALRESOLUTION", (15, 30, 90)),
        Obj("FLYINGDIRECTION", scene.direction),
        Obj("SOLARDIRECTION", (scene.sun_azimuth, scene.sun_elevation)),
        Group(
            "SCENEINFORMATION",
            [
                Obj("ASTERSCENEID", scene.path_row_view),
                Obj("ORBITNUMBER", scene.orbit),
                Obj("SCENECLOUDCOVERAGE", scene.cloud_cover),
                Obj("MAPORIENTATIONANGLE", 0.0),
                Obj("SCENECENTER", (float(lat), float(lon)) if centre is None else centre),
                Group("SCENEFOURCORNERS", corners),
            ],
        ),
    ]
    return _text("ASTERGENERICMETADATA", items, omit)


def ground_metadata(scene: AsterScene, omit: Collection[str], *, swap: bool) -> str:
    """Return ``productmetadata.1``, the metadata of the ground data system; ``swap`` writes corners as (x, y)."""
    corners = [
        Obj(f"{name}M", corner[::-1] if swap else corner)
        for name, corner in zip(_CORNERS, _map_corners(scene), strict=True)
    ]
    items: list[Obj | Group] = [
        Group("SCENEFOURCORNERSMETERS", corners),
        Obj("MAPPROJECTIONNAME", "Universal Transverse Mercator"),
        Obj("UTMZONENUMBER", scene.zone),
    ]
    return _text("PRODUCTGENERICMETADATA", items, omit)


def subsystem_metadata(scene: AsterScene, subsystem: str, omit: Collection[str], *, wrong: Mapping[str, float]) -> str:
    """Return ``productmetadata.v``, ``.s`` or ``.t``; ``wrong`` gives false coefficients by band."""
    rows, cols = scene.shape(subsystem)
    size = 2 if subsystem == "TIR" else 1
    images: list[Obj | Group] = []
    units: list[Obj | Group] = []
    for band in SUBSYSTEM_BANDS[subsystem]:
        suffix = _suffix(band)
        coefficient = wrong.get(band, scene.coefficient(band))
        images += [
            Obj(f"IMAGEDATAINFORMATION{suffix}", (cols, rows, size)),
            Obj(f"NUMBEROFBADPIXELS{suffix}", (0, 0, 0)),
            Obj(f"MPMETHOD{suffix}", "UTM"),
            Obj(f"UTMZONECODE{suffix}", scene.zone),
            Obj(f"RESMETHOD{suffix}", "CC"),
        ]
        units += [
            Obj(f"INCL{suffix}", coefficient),
            Obj(f"OFFSET{suffix}", -coefficient),
            Obj(f"CONUNIT{suffix}", "W/m2/sr/um"),
        ]
    items: list[Obj | Group] = [Group(f"PROCESSINGPARAMETERS{subsystem}", images), Group("UNITCONVERSIONCOEFF", units)]
    return _text(f"PRODUCTSPECIFICMETADATA{subsystem}", items, omit)
