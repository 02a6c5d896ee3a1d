"""MODIS land products on the sinusoidal grid: how a granule's metadata become a scene.

Source: MODIS land tile grid (10 degree tiles of 1,111,950.52 m on a sphere of radius 6,371,007.181 m).
"""

from __future__ import annotations

import re

from stacaster.errors import ReadError
from stacaster.formats.metadata import ecs
from stacaster.model import Band, GranuleContent, Product, ReadOptions, Scene, SceneBand

_TILE = re.compile(r"\.h(?P<h>\d{2})v(?P<v>\d{2})\.")


def is_product(content: GranuleContent, short_name: str, grid: str, version: int) -> bool:
    """Tell whether a granule states this short name and version, and holds this grid."""
    stated = ecs.number(content.find("VERSIONID"))
    return (
        ecs.short_name(content) == short_name.upper()
        and content.groups.get(grid) == "grid"
        and (stated is None or int(stated) == version)
    )


def describe_grid(
    content: GranuleContent, options: ReadOptions, *, bands: tuple[Band, ...], grid: str, fields: dict[str, str]
) -> Scene:
    """Return the scene of a granule with one sinusoidal grid.

    Args:
        content: What the reader found.
        options: What the user wants; ``subsystems`` does not apply to these products.
        bands: Bands of the product.
        grid: Name of the grid in the file.
        fields: Name of the data field by band name.

    Raises:
        ReadError: A field, its place on Earth or the time range is missing, or a type is not the table's.
    """
    if options.subsystems and grid not in options.subsystems:
        raise ReadError(f"no band is left to ingest: the only grid is {grid}", granule=content.name)
    start = ecs.time_of(content, "RANGEBEGINNINGDATE", "RANGEBEGINNINGTIME")
    end = ecs.time_of(content, "RANGEENDINGDATE", "RANGEENDINGTIME")
    if start is None or end is None:
        raise ReadError("RANGEBEGINNINGDATE and RANGEENDINGDATE do not give the time range", granule=content.name)
    if end < start:
        raise ReadError(f"the time range ends ({end}) before it begins ({start})", granule=content.name)
    granule = re.sub(r"\.hdf$", "", str(content.find("LOCALGRANULEID") or content.name), flags=re.IGNORECASE)
    chosen = [_scene_band(content, band, f"{grid}/{fields[band.name]}") for band in bands]
    tile = _TILE.search(granule)
    day_night = ecs.day_night(content.find("DAYNIGHTFLAG"))
    properties = {
        "modis:horizontal_tile": int(tile.group("h")) if tile else None,
        "modis:vertical_tile": int(tile.group("v")) if tile else None,
        "modis:day_night": day_night,
    }
    return Scene(
        id=granule,
        datetime=start,
        start_datetime=start,
        end_datetime=end,
        created=ecs.production_time(content),
        bands=tuple(chosen),
        properties={key: value for key, value in properties.items() if value is not None},
    )


def _scene_band(content: GranuleContent, band: Band, path: str) -> SceneBand:
    layer = content.layers.get(path)
    if layer is None:
        raise ReadError(f"the data field {path} is not there", granule=content.name)
    if layer.data_type != band.data_type:
        raise ReadError(f"{path} is {layer.data_type}, but {band.data_type} is needed", granule=content.name)
    if layer.geobox is None:
        reason = layer.attributes.get("geobox_problem", "no reason given")
        raise ReadError(f"the place of {path} on Earth is unknown: {reason}", granule=content.name)
    return SceneBand(band=band, layer=path, geobox=layer.geobox)


def product(**fields: object) -> Product:
    """Return a product with what all MODIS land products share filled in."""
    from stacaster.model import Provider

    providers = (
        Provider(
            name="NASA MODIS Land Science Team", roles=("producer", "licensor"), url="https://modis.gsfc.nasa.gov/"
        ),
        Provider(name="NASA EOSDIS", roles=("processor", "host"), url="https://www.earthdata.nasa.gov/"),
    )
    shared = {"reader": "hdf4_eos", "instruments": ("modis",), "processing_level": "L3", "license": "other"}
    return Product(providers=providers, **{**shared, **fields})  # type: ignore[arg-type]
