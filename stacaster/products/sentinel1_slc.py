"""Sentinel-1 SLC: single-look complex images in slant range, SAFE archives, taken in as they come."""

from __future__ import annotations

from stacaster.geo.hulls import outline
from stacaster.instruments import radar, sentinel1
from stacaster.model import FileKind, GranuleContent, Product, ReadOptions, Scene


def _recognise(content: GranuleContent) -> bool:
    manifest = content.attributes.get("manifest")
    return manifest is not None and manifest.product_type == "SLC"


def _describe(content: GranuleContent, _: ReadOptions) -> Scene:
    manifest, notes = content.attributes["manifest"], list(content.attributes["annotations"].values())
    found = sentinel1.properties(manifest, notes, radar.record_attributes(content.sidecars))
    return sentinel1.scene(
        content, manifest, found, files={"product": content.files[0]}, footprint=outline(sentinel1.rings(notes)),
        short_name=sentinel1.short_name(manifest, notes, content.name),
    )  # fmt: skip


PRODUCT = Product(
    name="sentinel1_slc",
    collection_id="sentinel-1-slc",
    short_name="SENTINEL-1A_SLC",
    version="1",
    title="Sentinel-1 SLC: single-look complex images",
    description=(
        "One SAFE archive per scene, unchanged, with the footprint of its grid of positions, the state vectors of its "
        "orbit, and the properties of radar. Images lie in slant range: they are not geocoded."
    ),
    reader="safe_archive",
    bands=(),
    files=(FileKind(key="product", description="Product in the SAFE format", media_type="application/zip"),),
    platform="sentinel-1",
    instruments=("c-sar",),
    processing_level="L1",
    doi=None,
    citation="Contains modified Copernicus Sentinel data, processed by ESA.",
    license="other",
    providers=sentinel1.PROVIDERS,
    keywords=("sentinel-1", "sar", "slc", "insar"),
    recognise=_recognise,
    describe=_describe,
)
"""The product."""
