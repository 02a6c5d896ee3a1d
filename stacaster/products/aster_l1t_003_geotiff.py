"""The full-resolution pictures that come with AST_L1T version 003: ``_V.tif`` and ``_T.tif``.

Three colours of eight bits each, stretched for the eye. They are no measurements: radiance is in the HDF file.
"""

from __future__ import annotations

import re

from stacaster.errors import ReadError
from stacaster.geo.georef import southern_utm
from stacaster.instruments import aster
from stacaster.instruments.aster_umm import read_umm
from stacaster.model import Band, GranuleContent, Layer, Product, ReadOptions, Scene, SceneBand

_FILE = re.compile(r"(?P<granule>AST_L1T_003(?P<acquired>\d{14})_\d{14}(?:_\d+)?)_(?P<band>[VT])\.tiff?", re.IGNORECASE)
_LAYER = re.compile(_FILE.pattern + r"#(?P<colour>[123])", re.IGNORECASE)
_GROUPS = {"V": "VNIR", "T": "TIR"}
_COLOURS = ("red", "green", "blue")


def _bands() -> tuple[Band, ...]:
    return tuple(
        Band(
            name=f"{letter}_{colour.upper()}",
            description=f"Picture of {group}, {colour}: stretched, not a measurement",
            data_type="uint8",
            nodata=0,
            group=group,
            resolution=aster.RESOLUTION[group],
            quantity="picture",
        )
        for letter, group in _GROUPS.items()
        for colour in _COLOURS
    )


BANDS = _bands()


def _found(content: GranuleContent) -> dict[str, Layer]:
    found = {}
    for layer in content.layers.values():
        match = _LAYER.fullmatch(layer.name)
        if match is not None:
            colour = _COLOURS[int(match.group("colour")) - 1].upper()
            found[f"{match.group('band').upper()}_{colour}"] = layer
    return found


def _recognise(content: GranuleContent) -> bool:
    return bool(content.layers) and len(_found(content)) == len(content.layers)


def _describe(content: GranuleContent, options: ReadOptions) -> Scene:
    named = [match for layer in content.layers.values() if (match := _LAYER.fullmatch(layer.name))]
    names = {match.group("granule") for match in named}
    if len(names) != 1:
        raise ReadError(f"the set holds files of {len(names)} granules", granule=content.name)
    granule = names.pop()
    metadata = read_umm(granule, content.sidecars.get("umm") or {}, content)
    found = _found(content)
    bands, absent = [], {}
    for band in BANDS:
        layer = found.get(band.name)
        if layer is None or (options.subsystems and band.group not in options.subsystems):
            absent[band.name] = f"the granule has no picture of {band.group}, or it was not asked for"
            continue
        if layer.geobox is None or layer.geobox.crs is None or layer.data_type != "uint8":
            raise ReadError(f"{layer.name} is no picture with a place on Earth", granule=content.name)
        bands.append(SceneBand(band=band, layer=layer.path, geobox=southern_utm(layer.geobox)))
    if not bands:
        raise ReadError("no band is left to ingest", granule=content.name)
    return Scene(
        id=granule,
        datetime=metadata.datetime,
        created=metadata.created,
        bands=tuple(bands),
        absent=absent,
        notes=("pictures, not measurements: radiance is in the HDF file of the granule",),
    )


PRODUCT = Product(
    name="aster_l1t_003_geotiff",
    collection_id="aster-l1t-003-geotiff",
    short_name="AST_L1T",
    version="003",
    title="ASTER L1T V003 (GeoTIFF): full-resolution pictures",
    description="The pictures that come with AST_L1T version 003, a Cloud Optimized GeoTIFF a colour. They are "
    "stretched for the eye and hold no radiance.",
    reader="geotiff_set",
    bands=BANDS,
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
    keywords=("aster", "terra", "browse"),
    recognise=_recognise,
    describe=_describe,
    file_set=_FILE,
    renders={
        "vnir": {
            "title": "Picture of VNIR",
            "assets": ["V_RED", "V_GREEN", "V_BLUE"],
            "rescale": [[0, 255], [0, 255], [0, 255]],
        },
        "tir": {
            "title": "Picture of TIR",
            "assets": ["T_RED", "T_GREEN", "T_BLUE"],
            "rescale": [[0, 255], [0, 255], [0, 255]],
        },
    },
    notes=("Pictures, not measurements: stretched for the eye",),
)
