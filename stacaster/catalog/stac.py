"""What items, collections and catalogs say: STAC 1.1 documents as plain dictionaries. No file is touched.

Decision: collections of granules have no ``renders`` of indices, because published ranges are those of reflectance or
radiance and the assets hold stored numbers; collections of results have them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from stacaster.model import (
    Band,
    CogAsset,
    FileAsset,
    FileKind,
    Product,
    RemoteAsset,
    Scene,
    SceneBand,
    TableAsset,
    TrackTable,
    format_datetime,
)  # fmt: skip
from stacaster.model.stac_terms import NOT_GEOCODED, PARQUET_TYPE, stac_type

STAC_VERSION = "1.1.0"
"""Version of the STAC specification."""

COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
"""Media type of Cloud Optimized GeoTIFFs."""

VRT_TYPE = "application/vnd.gdal.vrt+xml"
"""Media type of GDAL's virtual rasters."""


MEDIA_TYPES = {
    ".tif": COG_TYPE,
    ".json": "application/json",
    ".parquet": PARQUET_TYPE,
    ".vrt": VRT_TYPE,
    ".duckdb": "application/vnd.duckdb",
    ".png": "image/png",
    ".zip": "application/zip",
    ".h5": "application/x-hdf5",
    ".xml": "application/xml",
    ".tiff": "image/tiff; application=geotiff",
}
"""Media type of the files of a catalog by the end of their names."""

ITEM_TYPE = "application/geo+json"
"""Media type of items."""

_EXTENSIONS = {
    "classification": "v1.1.0",
    "eo": "v2.0.0",
    "eo:bands": "v1.1.0",
    "file": "v2.1.0",
    "grid": "v1.1.0",
    "processing": "v1.2.0",
    "projection": "v2.0.0",
    "raster": "v2.0.0",
    "render": "v2.0.0",
    "sar": "v1.3.0",
    "sat": "v1.2.0",
    "scientific": "v1.0.0",
    "table": "v1.2.0",
    "version": "v1.2.0",
    "view": "v1.0.0",
}


_EO_BANDS = "eo:bands"
"""Bands as version 1.1 of eo lists them, the only form of names that pystac, odc-stac and rio-tiler read; version 2
forbids it. The fields of version 2 stand in ``bands``, where version 1.1 allows them."""

_OLD_COMMON_NAMES = {
    "coastal", "blue", "green", "red", "rededge", "yellow", "pan", "nir", "nir08", "nir09", "cirrus", "swir16",
    "swir22", "lwir", "lwir11", "lwir12",
}  # fmt: skip
"""Names that version 1.1 of eo knows."""

_CMR = "https://cmr.earthdata.nasa.gov/search/granules"
_SUMMARY_RANGES = ("eo:cloud_cover", "view:sun_elevation", "view:off_nadir")


def extension_uris(names: Sequence[str]) -> list[str]:
    """Return the schema addresses of extensions by short name, sorted."""
    return sorted(
        f"https://stac-extensions.github.io/{name.partition(':')[0]}/{_EXTENSIONS[name]}/schema.json"
        for name in set(names)
    )


def build_item(
    product: Product,
    scene: Scene,
    *,
    item_id: str,
    assets: Mapping[str, CogAsset | RemoteAsset | TableAsset | FileAsset | Mapping[str, Any]],
    geometry: Mapping[str, Any],
    bbox: Sequence[float],
    provenance: Mapping[str, Any],
    fingerprints: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Describe one granule as a STAC item whose hrefs are relative to its own file.

    Args:
        product: Table of the product.
        scene: What the granule's metadata say.
        item_id: Safe form of the granule id; also the name of the folder and of the JSON file.
        assets: Verified COG, file in place, or description of an asset that stays as it is, of every band of the
            scene, by band name.
        geometry: Footprint of the valid pixels, GeoJSON in WGS 84.
        bbox: Its bounding box.
        provenance: Fields ``stacaster:*`` and ``processing:*`` about sources and software.
        fingerprints: What each new band was made from and how, by band name.

    Returns:
        The item, with every band that exists and only bands that exist.
    """
    rasters = {"projection", "raster"} if scene.bands else set()
    extensions = {"file", "processing", *rasters, *scene.extensions, *({"version"} if product.version else ())}
    properties: dict[str, Any] = {"datetime": format_datetime(scene.datetime)}
    for key, value in (("start_datetime", scene.start_datetime), ("end_datetime", scene.end_datetime)):
        if value is not None:
            properties[key] = format_datetime(value)
    if scene.created is not None:
        # The time of the source, not of this run: the same granule gives the same bytes on any day.
        properties |= {"created": format_datetime(scene.created), "updated": format_datetime(scene.created)}
    properties |= {
        "title": scene.id,
        **_maker(product),
        **({"gsd": min(band.band.resolution for band in scene.bands)} if scene.bands else {}),
        **({"version": product.version} if product.version else {}),
        **({"processing:level": product.processing_level} if product.processing_level else {}),
    }
    properties |= dict(scene.properties) | dict(provenance)
    if scene.absent:
        properties["stacaster:absent_bands"] = list(scene.absent)
    if scene.notes:
        properties["stacaster:notes"] = list(scene.notes)
    if product.doi is not None:
        properties |= {"sci:doi": product.doi}
        extensions.add("scientific")
    described = {}
    for band in scene.bands:
        asset = assets[band.band.name]
        assert not isinstance(asset, (TableAsset, FileAsset))
        described[band.band.name] = dict(asset) if isinstance(asset, Mapping) else band_asset(band, asset)
        if band.band.name in (fingerprints or {}):
            described[band.band.name]["stacaster:fingerprint"] = (fingerprints or {})[band.band.name]
        extensions |= _band_extensions(band.band)
    described |= {name: table_asset(asset) for name, asset in assets.items() if isinstance(asset, TableAsset)}
    described |= {name: file_asset(asset) for name, asset in assets.items() if isinstance(asset, FileAsset)}
    renders = {name: dict(one) for name, one in product.renders.items() if set(one["assets"]) <= set(described)}
    if renders:
        properties["renders"] = renders
        extensions.add("render")
    if not any("eo:cloud_cover" in properties or "eo" in _band_extensions(band.band) for band in scene.bands):
        extensions.discard("eo")
    if any(_EO_BANDS in asset for asset in described.values()):
        extensions = (extensions - {"eo"}) | {_EO_BANDS}
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": extension_uris(sorted(extensions)),
        "id": item_id,
        "geometry": dict(geometry),
        "bbox": list(bbox),
        "properties": properties,
        "links": _item_links(product, scene, item_id),
        "assets": described,
        "collection": product.collection_id,
    }


def _maker(product: Product) -> dict[str, Any]:
    """Return platform and instruments, where they are known."""
    found: dict[str, Any] = {"platform": product.platform, "instruments": list(product.instruments)}
    return {key: value for key, value in found.items() if value}


def _item_links(product: Product, scene: Scene, item_id: str) -> list[dict[str, Any]]:
    links = [
        {"rel": "root", "href": "../../../catalog.json", "type": "application/json"},
        {"rel": "parent", "href": "../catalog.json", "type": "application/json"},
        {"rel": "collection", "href": "../../collection.json", "type": "application/json", "title": product.title},
    ]
    if not scene.properties.get("stacaster:simulated") and scene.short_name != "":
        named = {"short_name": product.short_name, "version": product.version}
        named = named if scene.short_name is None else {"short_name": scene.short_name}
        query = named | {"readable_granule_name": scene.id}
        address = urlencode(query | {"options[readable_granule_name][pattern]": "true"})
        links += [
            {
                "rel": "derived_from",
                "href": f"{_CMR}.umm_json?{address}",
                "type": "application/vnd.nasa.cmr.umm_results+json",
                "title": f"Source granule {scene.id}",
            },
            {"rel": "via", "href": f"{_CMR}.json?{address}", "type": "application/json", "title": f"CMR: {item_id}"},
        ]
    if product.doi is not None:
        links.append({"rel": "cite-as", "href": f"https://doi.org/{product.doi}", "title": product.title})
    return links


def table_asset(asset: TableAsset) -> dict[str, Any]:
    """Describe a GeoParquet file as a STAC asset, its href relative to the item."""
    return {
        "href": f"./{asset.path.name}",
        "type": PARQUET_TYPE,
        "title": asset.description,
        "roles": ["data"],
        "file:size": asset.size,
        "file:checksum": asset.checksum,
        "table:row_count": asset.rows,
        "table:primary_geometry": "geometry",
        "table:columns": [dict(column) for column in asset.columns],
    }


def file_asset(asset: FileAsset) -> dict[str, Any]:
    """Describe a file that was taken in as it came as a STAC asset, its href relative to the item."""
    return {
        "href": f"./{asset.path.name}",
        "type": asset.kind.media_type,
        "title": asset.kind.description,
        "roles": list(asset.kind.roles),
        "file:size": asset.size,
        "file:checksum": asset.checksum,
        NOT_GEOCODED: False,
    }


def band_asset(band: SceneBand, asset: CogAsset | RemoteAsset) -> dict[str, Any]:
    """Describe the file of one band as a STAC asset, its href relative to the item."""
    table = band.band
    rows, cols = band.geobox.shape
    t = band.geobox.transform
    described: dict[str, Any] = {
        "href": f"./{asset.path.name}" if isinstance(asset, CogAsset) else asset.href,
        "type": COG_TYPE if isinstance(asset, CogAsset) else asset.media_type,
        "title": f"{table.name}: {table.description}",
        "roles": ["data"],
        "data_type": stac_type(table.data_type),
        "gsd": table.resolution,
        "raster:sampling": "area",
        "proj:shape": [int(rows), int(cols)],
    }
    if band.gcps:
        # The field ``proj:code`` would have to be null, which the mirror of items does not keep.
        described |= {"raster:spatial_resolution": table.resolution, NOT_GEOCODED: False}
    else:
        described |= {
            "raster:spatial_resolution": round((abs(t.a * t.e - t.b * t.d)) ** 0.5, 9),
            **crs_fields(band.geobox.crs),
            "proj:transform": [float(value) for value in (t.a, t.b, t.c, t.d, t.e, t.f)],
        }
    if asset.size is not None:
        described["file:size"] = asset.size
    if asset.checksum is not None:
        described["file:checksum"] = asset.checksum
    if isinstance(asset, CogAsset):
        described["stacaster:pixel_checksum"] = asset.pixel_checksum
    if table.nodata is not None:
        described["nodata"] = nodata_of(table.nodata)
    if band.scale is not None and band.offset is not None:
        described |= {"raster:scale": float(band.scale), "raster:offset": float(band.offset)}
        if table.unit is not None:
            described["unit"] = table.unit
    described |= band_fields(table) | dict(band.properties)
    if eo_fields(table):
        described[_EO_BANDS] = [_eo_band(table)]
    described["bands"] = [_band_object(table, asset)]
    return described


def nodata_of(value: int | float) -> int | float | str:
    """Return a value of ``nodata`` as JSON can say it: NaN as the text that STAC has for it."""
    return "nan" if value != value else value  # noqa: PLR0124 - only NaN differs from itself


def _band_object(table: Band, asset: CogAsset | RemoteAsset) -> dict[str, Any]:
    described: dict[str, Any] = {"name": table.name, "description": table.description, **eo_fields(table)}
    numbers = asset.statistics
    if numbers is not None:
        described["statistics"] = {
            "minimum": float(numbers.minimum),
            "maximum": float(numbers.maximum),
            "mean": float(numbers.mean),
            "stddev": float(numbers.stddev),
            "valid_percent": float(numbers.valid_percent),
        }
    return described


def eo_fields(table: Band) -> dict[str, Any]:
    """Return the fields of version 2 of eo of a band."""
    fields: dict[str, Any] = {
        "eo:common_name": table.common_name,
        "eo:center_wavelength": table.center_wavelength,
        "eo:full_width_half_max": table.full_width_half_max,
        "eo:solar_illumination": table.solar_illumination,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _eo_band(table: Band) -> dict[str, Any]:
    """Return a band as version 1.1 of eo lists it."""
    fields = {key.removeprefix("eo:"): value for key, value in eo_fields(table).items()}
    common = fields.get("common_name")
    if common is not None and common not in _OLD_COMMON_NAMES:
        broader = common.rstrip("0123456789")
        fields = {key: value for key, value in fields.items() if key != "common_name"}
        fields |= {"common_name": broader} if broader in _OLD_COMMON_NAMES else {}
    return {"name": table.name, "description": table.description, **fields}


def band_fields(table: Band) -> dict[str, Any]:
    """Return the further fields of an asset that say what a band is: classification, saturation."""
    fields: dict[str, Any] = {
        "stacaster:saturation": table.saturation,
        "stacaster:quantity": table.quantity,
    }
    if table.classes:
        fields["classification:classes"] = [vars(item) for item in table.classes]
    if table.bitfields:
        fields["classification:bitfields"] = [
            {
                "name": item.name,
                "description": item.description,
                "offset": item.offset,
                "length": item.length,
                "classes": [vars(value) for value in item.classes],
            }
            for item in table.bitfields
        ]
    return {key: value for key, value in fields.items() if value is not None}


def _band_extensions(table: Band) -> set[str]:
    names = {"eo"} if eo_fields(table) else set()
    return names | ({"classification"} if table.classes or table.bitfields else set())


def crs_fields(crs: Any) -> dict[str, Any]:
    """Return ``proj:code``, or ``proj:wkt2`` and ``proj:projjson`` of a CRS without a code."""
    code = crs.to_epsg()
    if code is not None:
        return {"proj:code": f"EPSG:{code}"}
    from pyproj import CRS

    parsed = CRS.from_user_input(str(crs))
    return {"proj:wkt2": parsed.to_wkt("WKT2_2019"), "proj:projjson": parsed.to_json_dict()}


def build_collection(
    product: Product,
    *,
    bboxes: Sequence[Sequence[float]],
    interval: tuple[str, str],
    years: Sequence[str],
    ranges: Mapping[str, tuple[float, float]],
    parts: Sequence[str] = ("items.parquet",),
) -> dict[str, Any]:
    """Describe a product as a STAC collection.

    Args:
        product: Table of the product.
        bboxes: Overall bounding box first, then parts when it is split.
        interval: First and last time.
        years: Sub-catalogs, one an acquisition year.
        ranges: Smallest and largest value of numeric item properties.
        parts: Names of the parquet files with all items.
    """
    extensions = {"raster"} if product.bands else set()
    extensions |= {"processing"} if product.processing_level else set()
    extensions |= {"version"} if product.version else set()
    extensions |= {"table"} if product.tables else set()
    for band in product.bands:
        extensions |= _band_extensions(band)
    if product.doi is not None:
        extensions.add("scientific")
    if product.renders:
        extensions.add("render")
    providers = [{"name": p.name, "roles": list(p.roles), "url": p.url} for p in product.providers]
    document = {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": extension_uris(sorted(extensions)),
        "id": product.collection_id,
        "title": product.title,
        "description": "\n\n".join([product.description, *product.notes]),
        "keywords": list(product.keywords),
        "license": product.license,
        **({"version": product.version} if product.version else {}),
        **({"providers": providers} if providers else {}),
        "extent": {"spatial": {"bbox": [list(b) for b in bboxes]}, "temporal": {"interval": [list(interval)]}},
        "summaries": _summaries(product, ranges),
        "item_assets": {band.name: _item_asset(band) for band in product.bands}
        | {table.name: _item_table(table) for table in product.tables}
        | {kind.key: _item_file(kind) for kind in product.files},
        "links": _collection_links(years),
        "assets": _mirrors(parts),
    }
    if product.providers:
        document["links"].append(_license_link(product))  # type: ignore[attr-defined]
    if product.doi is not None:
        document |= {"sci:doi": product.doi} | ({"sci:citation": product.citation} if product.citation else {})
        cited = {"rel": "cite-as", "href": f"https://doi.org/{product.doi}", "title": product.title}
        document["links"].append(cited)  # type: ignore[attr-defined]
    if product.renders:
        document["renders"] = {name: dict(render) for name, render in product.renders.items()}
    return document


def _license_link(product: Product) -> dict[str, Any]:
    """Return the link to the terms of use that STAC wants where the license is none of a list."""
    provider = next(
        (one for one in product.providers if {"licensor", "producer"} & set(one.roles)), product.providers[0]
    )
    return {"rel": "license", "href": provider.url, "title": f"Terms of use: {provider.name}"}


def adapt_collection(
    document: Mapping[str, Any],
    *,
    name: str,
    bboxes: Sequence[Sequence[float]],
    interval: tuple[str, str],
    years: Sequence[str],
    parts: Sequence[str],
) -> dict[str, Any]:
    """Describe a collection that came from elsewhere: what it says, with our places and the extent of its items.

    Args:
        document: What it says; may be empty.
        name: Its id here.
        bboxes: Overall bounding box first.
        interval: First and last time.
        years: Sub-catalogs, one an acquisition year.
        parts: Names of the parquet files with all items.
    """
    known = {"description": f"Items of {name}", "license": "other", **_well_formed(document)}
    others = [link for link in known.get("links", ()) if link["rel"] not in OUR_LINKS]
    assets = {key: value for key, value in known.get("assets", {}).items() if not key.startswith("items")}
    return known | {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": name,
        "extent": {"spatial": {"bbox": [list(b) for b in bboxes]}, "temporal": {"interval": [list(interval)]}},
        "links": [*_collection_links(years), *others],
        "assets": assets | _mirrors(parts),
    }


_TEXT_FIELDS = ("title", "description", "license")
_OBJECT_FIELDS = ("assets", "item_assets", "summaries")


def _well_formed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what another program says of a collection, in its order, without parts of another form than STAC's."""
    plain: dict[str, Any] = {}
    for key, value in document.items():
        if key in _TEXT_FIELDS and not isinstance(value, str):
            continue
        if key in _OBJECT_FIELDS:
            if isinstance(value, Mapping):
                is_free = key == "summaries"
                plain[key] = {name: part for name, part in value.items() if is_free or isinstance(part, Mapping)}
        elif key == "links":
            named = [link for link in value if isinstance(link, Mapping)] if isinstance(value, list) else []
            plain[key] = [link for link in named if all(isinstance(link.get(part), str) for part in ("rel", "href"))]
        else:
            plain[key] = value
    return plain


OUR_LINKS = {"root", "parent", "self", "child", "item", "items", "collection"}
"""Links that say where a document stands; every catalog has its own."""


def _collection_links(years: Sequence[str]) -> list[dict[str, Any]]:
    children = [
        {"rel": "child", "href": f"./{year}/catalog.json", "type": "application/json", "title": year} for year in years
    ]
    up = [{"rel": rel, "href": "../catalog.json", "type": "application/json"} for rel in ("root", "parent")]
    return [*up, *children]


def _mirrors(parts: Sequence[str]) -> dict[str, Any]:
    title = "All items as stac-geoparquet"
    many = len(parts) > 1
    return {
        part.removesuffix(".parquet"): {
            "href": f"./{part}",
            "type": PARQUET_TYPE,
            "title": f"{title}, part {number + 1} of {len(parts)}" if many else title,
            "roles": ["collection-mirror"],
        }
        for number, part in enumerate(parts)
    }


def _summaries(product: Product, ranges: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        **({"platform": [product.platform]} if product.platform else {}),
        **({"instruments": list(product.instruments)} if product.instruments else {}),
        **({"processing:level": [product.processing_level]} if product.processing_level else {}),
    }
    if not product.bands:
        return found
    found |= {
        "gsd": sorted({band.resolution for band in product.bands}),
        "bands": [{"name": band.name, "description": band.description} for band in product.bands],
    }
    for name in _SUMMARY_RANGES:
        if name in ranges:
            low, high = ranges[name]
            found[name] = {"minimum": low, "maximum": high}
    return found


def _item_asset(band: Band) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": COG_TYPE,
        "title": f"{band.name}: {band.description}",
        "roles": ["data"],
        "data_type": stac_type(band.data_type),
        "gsd": band.resolution,
        "raster:sampling": "area",
    }
    if band.nodata is not None:
        described["nodata"] = nodata_of(band.nodata)
    if band.unit is not None:
        described["unit"] = band.unit
    return (
        described
        | eo_fields(band)
        | band_fields(band)
        | {"bands": [{"name": band.name, "description": band.description}]}
    )


def _item_table(table: TrackTable) -> dict[str, Any]:
    return {"type": PARQUET_TYPE, "title": table.description, "roles": ["data"], "table:primary_geometry": "geometry"}


def _item_file(kind: FileKind) -> dict[str, Any]:
    return {"type": kind.media_type, "title": kind.description, "roles": list(kind.roles), NOT_GEOCODED: False}


def build_year_catalog(collection_id: str, year: str, item_ids: Sequence[str]) -> dict[str, Any]:
    """Describe the sub-catalog of one acquisition year."""
    items = [
        {"rel": "item", "href": f"./{name}/{name}.json", "type": "application/geo+json", "title": name}
        for name in sorted(item_ids)
    ]
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": f"{collection_id}-{year}",
        "title": year,
        "description": f"Items of {collection_id} acquired in {year}",
        "links": [
            {"rel": "root", "href": "../../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../collection.json", "type": "application/json"},
            *items,
        ],
    }


def build_root_catalog(titles: Mapping[str, str]) -> dict[str, Any]:
    """Describe the root; ``titles`` gives the title of every collection by id."""
    children = [
        {"rel": "child", "href": f"./{name}/collection.json", "type": "application/json", "title": title}
        for name, title in sorted(titles.items())
    ]
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": "stacaster",
        "title": "Granules as Cloud Optimized GeoTIFFs",
        "description": "Local static catalog: one collection a product, one sub-catalog a year, one COG a band.",
        "links": [{"rel": "root", "href": "./catalog.json", "type": "application/json"}, *children],
    }
