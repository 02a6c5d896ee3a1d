"""AST_L1A: counts of ASTER as they were received, with the bands 3N and 3B that stereo needs.

Version 004 comes as HDF-EOS2 alone. Images are in the geometry of the instrument: control points say where they lie.
"""

from __future__ import annotations

import re
from dataclasses import replace

from affine import Affine

from stacaster.errors import ReadError
from stacaster.formats.metadata import ecs
from stacaster.geo.hulls import outline
from stacaster.instruments import aster, aster_l1a
from stacaster.instruments.aster_hdf import granule_id, read_metadata
from stacaster.model import Band, FileKind, GranuleContent, Product, ReadOptions, Scene, SceneBand

BANDS = tuple(
    replace(band, unit=None, solar_illumination=None, description=f"{band.description}; counts, not calibrated")
    for band in aster_l1a.BANDS
)
"""One band each; a count becomes a radiance only by the table of its column."""

_NAME = re.compile(r"AST_L1A_\d{3}\d{14}_\d{14}(?:_\d+)?")
_NOTES = (
    "the images lie in the geometry of the instrument, with control points: they are not geocoded and not calibrated",
    "stacaster.analysis.aster_l1a.radiance applies the radiometric correction table of the native file",
)


def _version(content: GranuleContent) -> str:
    match = re.match(r"AST_L1A_(\d{3})\d{14}_", str(content.find("LOCALGRANULEID") or "")) or re.match(
        r"AST_L1A_(\d{3})\d{14}_", content.name
    )
    stated = ecs.number(content.find("VERSIONID"))
    return match[1] if match else "" if stated is None else f"{int(stated):03d}"


def _layer(band: Band) -> str:
    return f"{aster_l1a.swath_of(band)}/ImageData"


def _describe(content: GranuleContent, options: ReadOptions) -> Scene:
    # The table of products is read by commands that open no raster.
    from odc.geo.geobox import GeoBox

    granule = granule_id(content, _NAME)
    metadata = read_metadata(content, granule)
    present = {band.name: _layer(band) for band in BANDS if _layer(band) in content.layers}
    chosen, absent = aster.select_bands(present, metadata, options, bands=BANDS)
    bands, rings = [], []
    for band in chosen:
        layer = content.layers[present[band.name]]
        if len(layer.shape) != 2 or layer.data_type != band.data_type:
            found = f"{layer.data_type} of shape {layer.shape}"
            raise ReadError(f"{layer.path} is {found}, but a {band.data_type} image is needed", granule=content.name)
        points = aster_l1a.control_points(content, band)
        rings.append(aster_l1a.edge(points))
        geobox = GeoBox((layer.shape[0], layer.shape[1]), Affine.identity(), None)
        fields = {"aster:gain": metadata.gains[band.name]} if band.name in metadata.gains else {}
        bands.append(SceneBand(band=band, layer=layer.path, geobox=geobox, gcps=points, properties=fields))
    if not bands:
        reasons = "; ".join(sorted(set(absent.values())))
        raise ReadError(f"no band is left to ingest: {reasons}", granule=content.name)
    return Scene(
        id=granule,
        datetime=metadata.datetime,
        created=metadata.created,
        bands=tuple(bands),
        absent=absent,
        notes=(*aster.scene_notes(metadata, absent, ()), *_NOTES),
        properties=aster.item_properties(metadata, {band.band.group for band in bands}),
        extensions=("view", "sat", "eo"),
        files={"data": content.files[0]},
        footprint=outline(rings),
    )


def _product(version: str) -> Product:
    def recognise(content: GranuleContent) -> bool:
        is_named = ecs.short_name(content) == "ASTL1A" or _NAME.match(content.name) is not None
        return is_named and _version(content) == version and any(_layer(band) in content.layers for band in BANDS)

    doi = f"10.5067/ASTER/AST_L1A.{version}"
    return Product(
        name=f"ast_l1a_{version}",
        collection_id=f"ast-l1a-{version}",
        short_name="AST_L1A",
        version=version,
        title=f"ASTER L1A V{version}: reconstructed unprocessed instrument data",
        description=(
            "One Cloud Optimized GeoTIFF per band with the counts as received and control points, among them the bands "
            "3N and 3B that stereo needs, and the native file with the tables of calibration. Not geocoded, not "
            "calibrated."
        ),
        reader="hdf4_eos",
        bands=BANDS,
        files=(FileKind(key="data", description="The granule as it came", media_type="application/x-hdf"),),
        platform="terra",
        instruments=("aster",),
        processing_level="L1A",
        doi=doi,
        citation=f"NASA/METI/AIST/Japan Spacesystems and U.S./Japan ASTER Science Team. ASTER Level 1A Reconstructed "
        f"Unprocessed Instrument Data V{version}. NASA LP DAAC. https://doi.org/{doi}",
        license="other",
        providers=aster.PROVIDERS,
        keywords=("aster", "terra", "stereo", "vnir", "swir", "tir"),
        recognise=recognise,
        describe=_describe,
        renders={},
        notes=("SWIR is unusable from 2008-04-01 on; its assets are not made unless asked for",),
    )


PRODUCTS = (_product("003"), _product("004"))
