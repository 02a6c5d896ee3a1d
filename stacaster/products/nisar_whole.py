"""NISAR files taken in as they come: L1 in the geometry of the radar, and L2 where no COGs are wanted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stacaster.errors import ReadError
from stacaster.instruments import nisar, radar
from stacaster.model import FileKind, GranuleContent, Product, ReadOptions, Scene

_TITLES = {
    "L1_RSLC": "single-look complex images in slant range",
    "L1_RIFG": "wrapped interferograms in slant range",
    "L1_RUNW": "unwrapped interferograms in slant range",
    "L1_ROFF": "pixel offsets in slant range",
    "L2_GSLC": "geocoded single-look complex images",
    "L2_GCOV": "geocoded polarimetric covariance",
    "L2_GUNW": "geocoded unwrapped interferograms",
    "L2_GOFF": "geocoded pixel offsets",
}


def _recognised(kind: str) -> Callable[[GranuleContent], bool]:
    def recognise(content: GranuleContent) -> bool:
        return any(re.fullmatch(rf"science/[LS]SAR/{kind[3:]}", name) for name in content.groups)

    return recognise


def _describe(content: GranuleContent, _: ReadOptions) -> Scene:
    granule = nisar.granule_id(content)
    start, end = nisar.moments(content)
    match = nisar.NAME.fullmatch(granule) or nisar.PAIR_NAME.fullmatch(granule)
    codes = "" if match is None else match["polarization"]
    found = nisar.properties(content, granule, nisar.polarizations_of_code(codes))
    frame = nisar.identification(content, "frameNumber")
    found |= {} if frame is None else {radar.FRAME: int(frame)}
    vectors = radar.vectors_as_json(content.attributes.get("orbit", ()))
    found |= {} if vectors is None else {radar.VECTORS: vectors}
    simulated = nisar.identification(content, "missionId") == "SIMULATED"
    return Scene(
        id=granule,
        datetime=start,
        start_datetime=start,
        end_datetime=end,
        bands=(),
        notes=("simulated data, not a measurement",) if simulated else (),
        properties={**found, **({"stacaster:simulated": True} if simulated else {})},
        extensions=("sar", "sat"),
        files={"product": content.files[0]},
        footprint=_footprint(content),
    )


def _footprint(content: GranuleContent) -> dict[str, Any]:
    """Return the outline that the file states; longitude, latitude and height of its points."""
    import numpy as np
    import shapely

    from stacaster.geo.hulls import outline

    text = nisar.identification(content, "boundingPolygon")
    try:
        shape = shapely.from_wkt(str(text))
        points = shapely.get_coordinates(shape)
    except (shapely.errors.GEOSException, TypeError) as error:
        raise ReadError(f"its boundingPolygon is no polygon: {str(text)[:60]!r}", granule=content.name) from error
    if shape is None or shape.geom_type != "Polygon":
        raise ReadError(f"its boundingPolygon is no polygon: {str(text)[:60]!r}", granule=content.name)
    return outline([np.asarray(points, dtype=np.float64)])


def _product(kind: str) -> Product:
    level, name = kind.split("_")
    is_l1 = level == "L1"
    place = "Images lie in the geometry of the radar: they are not geocoded." if is_l1 else "No pixel was converted."
    return Product(
        name=f"nisar_{kind.lower()}" + ("" if is_l1 else "_whole"),
        collection_id=f"nisar-{kind.lower().replace('_', '-')}" + ("" if is_l1 else "-whole"),
        short_name=f"NISAR_{kind}",
        version="1",
        title=f"NISAR {level} {name}: {_TITLES[kind]}" + ("" if is_l1 else ", as they come"),
        description=f"One HDF5 file per granule, unchanged, with its footprint, orbit and properties. {place}",
        reader="hdf5_whole",
        bands=(),
        files=(FileKind(key="product", description="Granule, HDF5", media_type="application/x-hdf5"),),
        platform="nisar",
        instruments=("l-sar",),
        processing_level=level,
        doi=None,
        citation=f"NASA/ISRO NISAR. {level} {name}, {_TITLES[kind]}. Alaska Satellite Facility.",
        license="other",
        providers=nisar.PROVIDERS,
        keywords=("nisar", "sar", "insar"),
        recognise=_recognised(kind),
        describe=_describe,
    )


PRODUCTS = tuple(_product(kind) for kind in _TITLES)
"""The products."""
