"""Sentinel-1 bursts: one burst of one sub-swath of an SLC, as the Alaska Satellite Facility cuts them out."""

from __future__ import annotations

import re

from stacaster.errors import ReadError
from stacaster.formats.metadata.umm import umm_geometry
from stacaster.geo.hulls import outline
from stacaster.instruments import radar, sentinel1
from stacaster.model import FileKind, GranuleContent, Product, ReadOptions, Scene


def _recognise(content: GranuleContent) -> bool:
    kinds = {layer.data_type for layer in content.layers.values()}
    has_facts = "burst" in content.sidecars or "BURST_ID_FULL" in radar.record_attributes(content.sidecars)
    return has_facts and kinds == {"complex_int16"}


def _describe(content: GranuleContent, _: ReadOptions) -> Scene:
    image = next(path for path in content.files if path.suffix.lower() != ".xml")
    name = image.stem
    match = sentinel1.BURST_NAME.fullmatch(name)
    if match is None:
        raise ReadError("a burst is named S1_<id>_<swath>_<time>_<polarisation>_<four digits>-BURST", granule=name)
    if "burst" not in content.sidecars:
        raise ReadError(f"its metadata {name}.xml are missing; download them beside it", granule=name)
    manifest, notes = content.sidecars["burst"]
    mine = [note for note in notes if (note.swath, note.polarization) == (match["swath"], match["polarization"])]
    if not mine:
        raise ReadError(f"{name}.xml has no annotation of {match['swath']} {match['polarization']}", granule=name)
    record = radar.record_attributes(content.sidecars)
    found = sentinel1.properties(manifest, mine, record) | {"sar:product_type": "SLC"}
    path = found.get("sat:relative_orbit")
    if radar.BURST not in found and path is not None:
        found[radar.BURST] = f"{path:03d}_{match['id']}_{match['swath']}"
    note = mine[0]
    starts = [burst.start for burst in note.bursts]
    wanted = radar.moment_of_name(match["start"])
    index = min(range(len(starts)), key=lambda i: abs((starts[i] - wanted).total_seconds()), default=None)
    footprint = umm_geometry((content.sidecars.get("umm") or {}).get("SpatialExtent") or {})
    if footprint is None:
        lines = None if index is None else (index * note.lines_per_burst, (index + 1) * note.lines_per_burst)
        footprint = outline(sentinel1.rings(mine, lines=lines))
    files = {"metadata" if path.suffix.lower() == ".xml" else "burst": path for path in content.files}
    made = sentinel1.scene(
        content, manifest, found, files=files, footprint=footprint, short_name="SENTINEL-1_BURSTS", name=name
    )
    return made if index is None else sentinel1.at(made, starts[index], manifest)


PRODUCT = Product(
    name="sentinel1_burst",
    collection_id="sentinel-1-bursts",
    short_name="SENTINEL-1_BURSTS",
    version="1",
    title="Sentinel-1 bursts: single bursts of SLC images",
    description=(
        "One GeoTIFF of complex numbers and one XML of metadata per burst, unchanged, with the outline of the burst, "
        "the state vectors of its orbit, and the full burst id. Images lie in slant range: they are not geocoded."
    ),
    reader="geotiff_set",
    bands=(),
    files=(
        FileKind(key="burst", description="Burst, complex numbers", media_type="image/tiff; application=geotiff"),
        FileKind(key="metadata", description="Metadata of the burst", media_type="application/xml",
                 roles=("metadata",)),
    ),
    platform="sentinel-1",
    instruments=("c-sar",),
    processing_level="L1",
    doi=None,
    citation="Contains modified Copernicus Sentinel data, processed by ESA and the Alaska Satellite Facility.",
    license="other",
    providers=sentinel1.PROVIDERS,
    keywords=("sentinel-1", "sar", "slc", "burst", "insar"),
    recognise=_recognise,
    describe=_describe,
    file_set=re.compile(r"(?P<granule>S1_\d{6}_[IE]W\d_\d{8}T\d{6}_[VH]{2}_[0-9A-F]{4}-BURST)(?P<band>)\.(?:tiff?|xml)"),
)  # fmt: skip
"""The product."""
