"""AST_L1T version 003 as the Planetary Computer holds it: one GeoTIFF of all bands for each subsystem.

They were made with the centres of the corner pixels taken for outer edges, so that pixels come out as 14.998 m instead
of 15 m and lie up to half a pixel away, and with the northern UTM zone also in the south. Both are put right here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stacaster.errors import ReadError
from stacaster.formats.metadata import ecs
from stacaster.geo.georef import GeoreferencingError, southern_utm, utm_north_geobox
from stacaster.instruments import aster
from stacaster.instruments.aster import AsterMetadata
from stacaster.model import GranuleContent, Layer, Product, ReadOptions, Scene

_FILE = re.compile(r"(?P<granule>AST_L1T_003\d{14}_\d{14}(?:_\d+)?)\.(?P<subsystem>VNIR|SWIR|TIR)\.tif#(?P<number>\d+)")
# Corners are whole metres; the files carry rounding errors of up to a millimetre.
_ROUNDING_M = 0.01


def _recognise(content: GranuleContent) -> bool:
    return bool(content.layers) and all(_FILE.fullmatch(path) for path in content.layers)


def _describe(content: GranuleContent, options: ReadOptions) -> Scene:
    matches = {path: match for path in content.layers if (match := _FILE.fullmatch(path))}
    granules = {match["granule"] for match in matches.values()}
    if len(granules) != 1:
        raise ReadError(f"the set holds files of {len(granules)} granules", granule=content.name)
    by_group = {name: [band for band in aster.BANDS if band.group == name] for name in aster.SUBSYSTEMS}
    present = {
        by_group[match["subsystem"]][int(match["number"]) - 1].name: path
        for path, match in matches.items()
        if int(match["number"]) <= len(by_group[match["subsystem"]])
    }
    metadata = _metadata(content)
    chosen, absent = aster.select_bands(present, metadata, options)
    if not chosen:
        raise ReadError(f"no band is left to register: {'; '.join(sorted(set(absent.values())))}", granule=content.name)
    notes: list[str] = []
    bands = []
    for band in chosen:
        geobox, note = _place(content.layers[present[band.name]], band.resolution, content)
        made, band_notes = aster.scene_band(band, present[band.name], geobox, metadata)
        bands.append(made)
        notes += [*([note] if note else []), *(band_notes if metadata.gains else ())]
    if not metadata.gains:
        notes.append("the provider's .hdf.xml gives no gains: radiance is unknown")
    return Scene(
        id=granules.pop(),
        datetime=metadata.datetime,
        created=metadata.created,
        bands=tuple(bands),
        absent=absent,
        notes=aster.scene_notes(metadata, absent, tuple(dict.fromkeys(notes))),
        properties=aster.item_properties(metadata, {band.band.group for band in bands}),
        extensions=("view", "sat", "eo"),
    )


def _place(layer: Layer, resolution: float, content: GranuleContent) -> tuple[Any, str | None]:
    """Return the true grid of a layer, and a note when it differs from the one in the file."""
    stated = layer.geobox
    code = stated.crs.to_epsg() if stated is not None and stated.crs is not None else None
    if stated is None or code is None or not 32601 <= code <= 32660:
        raise ReadError(f"{layer.name} is not in a northern UTM zone", granule=content.name)
    t, (rows, cols) = stated.transform, stated.shape
    if t.a == resolution and t.e == -resolution:
        return southern_utm(stated), None
    left, top, right, bottom = (_whole(v) for v in (t.c, t.f, t.c + cols * t.a, t.f + rows * t.e))
    try:
        made = utm_north_geobox((top, left), (bottom, right), (rows, cols), zone=code % 100, resolution=resolution)
    except GeoreferencingError as error:
        raise ReadError(f"{layer.name}: {error}", granule=content.name) from error
    size = f"{t.a:.4f} x {-t.e:.4f} m"
    note = f"the provider's grid of {layer.group} takes pixel centres for edges ({size}); put right to {resolution:g} m"
    return made, note


def _whole(value: float) -> float:
    return float(round(value)) if abs(value - round(value)) < _ROUNDING_M else value


def _metadata(content: GranuleContent) -> AsterMetadata:
    said: Mapping[str, Any] = content.sidecars.get("stac", {})
    extra: Mapping[str, Any] = content.sidecars.get("ecs", {})
    try:
        moment = ecs.parse_time(str(said["datetime"]))
        created = ecs.parse_time(str(said["created"])) if said.get("created") else None
    except (KeyError, ValueError) as error:
        raise ReadError(f"the provider's item gives no time: {error!r}", granule=content.name) from error
    return AsterMetadata(
        datetime=moment,
        created=created,
        gains=aster.parse_gains(extra.get("ASTERGains")),
        sun_azimuth=ecs.number(said.get("view:sun_azimuth")),
        sun_elevation=ecs.number(said.get("view:sun_elevation")),
        pointing=aster.parse_pointing(extra),
        cloud_cover=ecs.number(said.get("eo:cloud_cover")),
        orbit_state=said.get("sat:orbit_state"),
    )


PRODUCT = Product(
    name="aster_l1t_pc",
    collection_id="aster-l1t-pc",
    short_name="aster-l1t",
    version="003",
    title="ASTER L1T V003 at the Planetary Computer, registered in place",
    description=(
        "Digital numbers of AST_L1T version 003 in the GeoTIFFs of the Planetary Computer (2000 to 2006), one virtual "
        "raster per band with the true pixel grid, fill value and radiance scale. 0 is fill; 255 (VNIR, SWIR) and 4095 "
        "(TIR) are saturated."
    ),
    reader="geotiff_set",
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
    notes=("registered with --no-copy only; pixels stay at the Planetary Computer",),
)
