"""Sentinel-1 GRD: detected images in ground range, SAFE archives; each image becomes a COG with its control points."""

from __future__ import annotations

from dataclasses import replace

from stacaster.errors import ReadError
from stacaster.geo.hulls import outline
from stacaster.instruments import radar, sentinel1
from stacaster.model import Band, FileKind, GranuleContent, Product, ReadOptions, Scene, SceneBand

BANDS = tuple(
    Band(
        name=name,
        description=f"Amplitude {name} in ground range, not calibrated",
        data_type="uint16",
        nodata=0,
        group=name,
        resolution=10.0,
        quantity="amplitude",
    )
    for name in sentinel1.POLARIZATIONS
)
"""One band a polarisation."""

_NOTE = "the images lie on the grid of ground range, with control points: they are not geocoded and not calibrated"


def _recognise(content: GranuleContent) -> bool:
    manifest = content.attributes.get("manifest")
    return manifest is not None and manifest.product_type == "GRD"


def _describe(content: GranuleContent, options: ReadOptions) -> Scene:
    from affine import Affine
    from odc.geo.geobox import GeoBox

    manifest, notes = content.attributes["manifest"], content.attributes["annotations"]
    layers = {layer.attributes["annotation"].polarization: layer for layer in content.layers.values()}
    bands, absent = [], {}
    for band in BANDS:
        layer = layers.get(band.name)
        if options.keep_files or layer is None:
            continue
        if options.subsystems and band.group not in options.subsystems:
            absent[band.name] = f"{band.group} was not asked for"
            continue
        if layer.data_type != band.data_type:
            raise ReadError(f"{layer.path} is {layer.data_type}, but uint16 is needed", granule=content.name)
        note = layer.attributes["annotation"]
        table = replace(band, resolution=float(note.spacing[0]))
        rows, columns = layer.shape
        geobox = GeoBox((rows, columns), Affine.identity(), None)
        bands.append(SceneBand(band=table, layer=layer.path, geobox=geobox, gcps=note.grid))
    found = sentinel1.properties(manifest, list(notes.values()), radar.record_attributes(content.sidecars))
    made = sentinel1.scene(
        content, manifest, found, files={"product": content.files[0]},
        footprint=outline(sentinel1.rings(list(notes.values()))),
        short_name=sentinel1.short_name(manifest, list(notes.values()), content.name),
    )  # fmt: skip
    return replace(made, bands=tuple(bands), absent=absent, notes=(*made.notes, _NOTE) if bands else made.notes)


PRODUCT = Product(
    name="sentinel1_grd",
    collection_id="sentinel-1-grd",
    short_name="SENTINEL-1A_DP_GRD_HIGH",
    version="1",
    title="Sentinel-1 GRD: detected images in ground range",
    description=(
        "The SAFE archive of each scene, unchanged, and one Cloud Optimized GeoTIFF per polarisation with the "
        "amplitude as delivered, on the grid of ground range with the control points of the annotation. "
        "Not geocoded, not calibrated."
    ),
    reader="safe_archive",
    bands=BANDS,
    files=(
        FileKind(
            key="product", description="Product in the SAFE format", media_type="application/zip", roles=("source",)
        ),
    ),
    platform="sentinel-1",
    instruments=("c-sar",),
    processing_level="L1",
    doi=None,
    citation="Contains modified Copernicus Sentinel data, processed by ESA.",
    license="other",
    providers=sentinel1.PROVIDERS,
    keywords=("sentinel-1", "sar", "grd", "backscatter"),
    recognise=_recognise,
    describe=_describe,
    renders={
        "co": {"title": "VV", "assets": ["VV"], "rescale": [[0, 600]]},
        "co-hh": {"title": "HH", "assets": ["HH"], "rescale": [[0, 600]]},
    },
)
"""The product."""
