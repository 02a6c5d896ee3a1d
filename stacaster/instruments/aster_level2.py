"""ASTER's path-oriented products: levels 1B and 2 as HDF4 swaths (version 003) and as sets of GeoTIFFs.

Nothing is resampled: the 11 x 11 positions of a swath become a rotated grid (``geo.swaths``); GeoTIFFs have one.
Sources: LP DAAC product pages of versions 003 and 004; ASTER Users Handbook v2; GDAL's HDF4 driver for the positions.

Decision: what the sources leave open follows the file: signed or unsigned 16 bits, fill values, scale attributes, names
of the sky's fields. Without a stated fill value 0 is taken and the item says so. Of quality planes only 0 (good) is
classified; the other bits are not verified.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError
from stacaster.formats.metadata import ecs
from stacaster.geo.georef import southern_utm
from stacaster.geo.swaths import SwathGrid
from stacaster.instruments import aster
from stacaster.instruments.aster import AsterMetadata
from stacaster.instruments.aster_hdf import check_place, granule_id, read_metadata
from stacaster.instruments.aster_place import checked_geobox, grid_fields, lattice_grid
from stacaster.instruments.aster_tables import Field, Level2
from stacaster.instruments.aster_umm import read_umm
from stacaster.model import (
    Band,
    GranuleContent,
    Layer,
    Product,
    ReadOptions,
    Scene,
    SceneBand,
)

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


def swath_product(table: Level2) -> Product:
    """Return the product of version 003 as HDF4 swaths."""
    number = re.compile(rf"{table.short_name}_003(?P<acquired>\d{{14}})_(?P<produced>\d{{14}})(?:_(?P<number>\d+))?")

    def recognise(content: GranuleContent) -> bool:
        stated = ecs.short_name(content) or _short_name(str(content.find("LOCALGRANULEID") or content.name))
        return stated == table.short_name.replace("_", "") and bool(_swath_layers(table, content))

    def describe(content: GranuleContent, options: ReadOptions) -> Scene:
        granule = granule_id(content, number)
        metadata = read_metadata(content, granule)
        found = _swath_layers(table, content)
        grids: dict[tuple[str, tuple[int, ...]], SwathGrid] = {}

        def place(layer: Layer, band: Band) -> tuple[GeoBox, dict[str, Any]]:
            key = (layer.group, layer.shape)
            if key not in grids:
                grids[key] = lattice_grid(content, layer, band, content.lattices.get(layer.group))
            return grids[key].geobox, grid_fields(grids[key])

        scene = _scene(table, content, options, granule, metadata, found=found, place=place)
        check_place(content, scene.bands[0].geobox)
        return scene

    return _product(table, "003", "hdf4_eos", recognise=recognise, describe=describe)


def geotiff_product(table: Level2, version: str, *, name: str | None = None) -> Product:
    """Return the product as sets of GeoTIFFs: version 004, or version 003 as it was delivered on demand.

    Args:
        table: The table of the product.
        version: ``003`` or ``004``.
        name: Name in stacaster, when it is not made of short name and version.
    """
    suffix = r"_(?P<band>\w+)" if version == "004" else r"\.(?P<band>\w+\.\w+)"
    if all(not entry.file for entry in table.fields):
        # One image a granule, whose name ends with that of the granule.
        suffix = "(?P<band>)"
    pattern = re.compile(
        rf"(?P<granule>{table.short_name}_{version}\d{{14}}_\d{{14}}(?:_\d+)?){suffix}\.tiff?", re.IGNORECASE
    )

    def matches(content: GranuleContent) -> dict[str, tuple[Field, Layer]]:
        found: dict[str, tuple[Field, Layer]] = {}
        for layer in content.layers.values():
            match = pattern.fullmatch(layer.name)
            entry = None if match is None else _field_of_file(table, match.group("band"), version)
            if entry is not None:
                found[entry.band.name] = (entry, layer)
        return found

    def recognise(content: GranuleContent) -> bool:
        # Browse images and positions may lie beside the bands.
        named = [layer for layer in content.layers.values() if pattern.fullmatch(layer.name)]
        return bool(matches(content)) and len(named) == len(content.layers)

    def describe(content: GranuleContent, options: ReadOptions) -> Scene:
        names = {
            match.group("granule") for layer in content.layers.values() if (match := pattern.fullmatch(layer.name))
        }
        if len(names) != 1:
            raise ReadError(f"the set holds files of {len(names)} granules", granule=content.name)
        granule = names.pop()
        umm = content.sidecars.get("umm")
        metadata = read_umm(granule, umm or {}, content)
        tags = " ".join(str(layer.attributes.get("TIFFTAG_IMAGEDESCRIPTION", "")) for layer in content.layers.values())
        metadata = replace(metadata, is_simulated="simulated" in tags.lower())

        def place(layer: Layer, band: Band) -> tuple[GeoBox, dict[str, Any]]:
            if layer.geobox is not None and layer.geobox.crs is not None:
                return southern_utm(checked_geobox(layer, band, content.name)), {}
            lattice = next((part for key, part in content.lattices.items() if key in layer.name), None)
            grid = lattice_grid(content, layer, band, lattice)
            return grid.geobox, grid_fields(grid)

        return _scene(table, content, options, granule, metadata, found=matches(content), place=place)

    made = _product(table, version, "geotiff_set", recognise=recognise, describe=describe, name=name)
    return replace(made, file_set=pattern)


def products_of(table: Level2) -> tuple[Product, ...]:
    """Return a product in all forms of delivery: HDF4 of version 003, its GeoTIFFs, and version 004."""
    stem = f"{table.short_name.lower()}_003_geotiff"
    return swath_product(table), geotiff_product(table, "003", name=stem), geotiff_product(table, "004")


def _product(
    table: Level2,
    version: str,
    reader: str,
    *,
    recognise: Callable[[GranuleContent], bool],
    describe: Callable[[GranuleContent, ReadOptions], Scene],
    name: str | None = None,
) -> Product:
    stem = name or f"{table.short_name.lower()}_{version}"
    doi = f"10.5067/ASTER/{table.short_name}.{version}"
    form = " (GeoTIFF)" if name else ""
    return Product(
        name=stem,
        collection_id=stem.replace("_", "-"),
        short_name=table.short_name,
        version=version,
        title=f"ASTER {table.short_name} V{version}{form}: {table.title}",
        description=f"One Cloud Optimized GeoTIFF per band with the stored numbers of {table.short_name} version "
        f"{version}, unchanged{', on the rotated grid of the path' if table.is_rotated else ''}. {table.description}",
        reader=reader,
        bands=table.bands,
        platform="terra",
        instruments=("aster",),
        processing_level=table.level,
        doi=doi,
        citation=f"NASA/METI/AIST/Japan Spacesystems and U.S./Japan ASTER Science Team. {table.citation} V{version}. "
        f"NASA LP DAAC. https://doi.org/{doi}",
        license="other",
        providers=aster.PROVIDERS,
        keywords=("aster", "terra", *table.keywords),
        recognise=recognise,
        describe=describe,
        renders=table.renders,
        notes=(*(("Grids are rotated: load with crs= and resolution=, or a geobox",) * table.is_rotated), *table.notes),
    )


def _short_name(text: str) -> str:
    match = re.match(r"(AST_?\w+?)_\d{3}\d{14}", text)
    return match.group(1).replace("_", "").upper() if match else ""


def _swath_layers(table: Level2, content: GranuleContent) -> dict[str, tuple[Field, Layer]]:
    """Return field and layer of each band that a file holds."""
    found: dict[str, tuple[Field, Layer]] = {}
    for entry in table.fields:
        for layer in content.layers.values():
            in_swath = re.fullmatch(entry.swath, layer.group, re.IGNORECASE) is not None or not layer.group
            if in_swath and re.fullmatch(entry.field, layer.name, re.IGNORECASE) is not None:
                found[entry.band.name] = (entry, layer)
    return found


def _field_of_file(table: Level2, text: str, version: str) -> Field | None:
    """Return the field that the end of a file name means."""
    for entry in table.fields:
        if text == entry.file == "":
            return entry
        if version == "004" and re.fullmatch(entry.file, text, re.IGNORECASE):
            return entry
        if version == "003":
            swath, _, name = text.partition(".")
            if re.fullmatch(entry.swath, swath, re.IGNORECASE) and re.fullmatch(entry.field, name, re.IGNORECASE):
                return entry
    return None


def _scene(
    table: Level2,
    content: GranuleContent,
    options: ReadOptions,
    granule: str,
    metadata: AsterMetadata,
    *,
    found: Mapping[str, tuple[Field, Layer]],
    place: Callable[[Layer, Band], tuple[GeoBox, dict[str, Any]]],
) -> Scene:
    chosen, absent = aster.select_bands(found, metadata, options, bands=table.bands)
    if not chosen:
        reasons = "; ".join(sorted(set(absent.values())))
        raise ReadError(f"no band is left to ingest: {reasons}", granule=content.name)
    bands: list[SceneBand] = []
    notes: list[str] = []
    for wanted in chosen:
        entry, layer = found[wanted.name]
        band, said = _as_stored(entry.band, layer, content.name)
        geobox, fields = place(layer, band)
        scale, more = _scale(entry, layer, metadata)
        if band.group in metadata.pointing:
            angle = metadata.pointing[band.group]
            fields |= {"aster:pointing_angle": angle, "view:off_nadir": abs(angle)}
        offset = None if scale is None else -scale if table.level == "L1B" else 0.0
        bands.append(
            SceneBand(band=band, layer=layer.path, geobox=geobox, scale=scale, offset=offset, properties=fields)
        )
        notes += [*said, *more]
    properties = aster.item_properties(metadata, {band.band.group for band in bands}) | dict(table.properties)
    return Scene(
        id=granule,
        datetime=metadata.datetime,
        created=metadata.created,
        bands=tuple(bands),
        absent=absent,
        notes=aster.scene_notes(metadata, absent, tuple(dict.fromkeys(notes))),
        properties=properties,
        extensions=("view", "sat", "eo"),
    )


def _as_stored(band: Band, layer: Layer, granule: str) -> tuple[Band, tuple[str, ...]]:
    """Return a band with the type and the fill value that the file has."""
    if layer.data_type != band.data_type:
        # Signed or not: the sources do not agree, and the file is right.
        if {layer.data_type, band.data_type} != {"int16", "uint16"}:
            text = f"{layer.path} is {layer.data_type}, but {band.data_type} is needed"
            raise ReadError(text, granule=granule)
        band = replace(band, data_type=layer.data_type)
    if band.kind != "continuous":
        return band, ()
    if layer.nodata is not None:
        return replace(band, nodata=layer.nodata), ()
    return band, () if band.nodata is None else (f"the file states no fill value; {band.nodata} is taken for it",)


def _scale(entry: Field, layer: Layer, metadata: AsterMetadata) -> tuple[float | None, tuple[str, ...]]:
    if entry.band.kind != "continuous":
        return None, ()
    stated = ecs.number(layer.attributes.get("scale_factor"))
    if entry.scale is None:
        # Irradiance from the sky is stored with the coefficient of its band.
        scale, _, notes = aster.radiometry(replace(entry.band, name=entry.band.name.removeprefix("SIR_")), metadata)
        return (stated, ()) if scale is None and stated else (scale, notes)
    if stated is not None and stated not in (0.0, 1.0) and abs(stated - entry.scale) > 1e-6 * entry.scale:
        return stated, (f"{entry.band.name}: the file gives the scale {stated:g}, the product's is {entry.scale:g}",)
    return entry.scale, ()
