"""What STAC says about each band of an asset: STAC 1.0 and 1.1, any version of the extensions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from stacaster.model.stac_terms import NOT_GEOCODED, numpy_type

Kind = Literal["continuous", "class", "bitfield"]
"""Whether the numbers of a band can be averaged, are codes of classes, or hold several codes in their bits."""

BAND_NUMBER = "stacaster:band_number"
"""Field of prepared assets: the position of the band in the file, from 1 on."""

_LISTS = ("raster:bands", "eo:bands", "bands")
"""Lists of bands; what a later one says counts."""

_OLD_NAMES = {"scale": "raster:scale", "offset": "raster:offset", "common_name": "eo:common_name"}
_NUMBERS = ("nodata", "raster:scale", "raster:offset")
_PLACE = ("proj:code", "proj:epsg", "proj:wkt2", "proj:projjson", "proj:shape", "proj:transform")
_TYPES = {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
          "complex64", "complex128"}  # fmt: skip
_CLASS_ROLES = {"cloud", "cloud-shadow", "snow-ice", "water-mask", "land-water", "saturation", "classification"}
_CLASS_NAMES = {"scl": "class", "fmask": "bitfield", "qa_pixel": "bitfield", "qa_radsat": "bitfield",
                "qa_aerosol": "bitfield", "pixel_qa": "bitfield", "qa60": "bitfield", "qa": "bitfield"}  # fmt: skip
_NO_RASTER = ("json", "zarr", "parquet", "hdf", "netcdf", "xml", "html", "text/", "pdf", "zip", "csv", "laszip", "las+",
              "gpkg", "geopackage", "3dtiles", "kml", "yaml", "protobuf", "icechunk")  # fmt: skip
_RASTER = ("image/tiff", "image/vnd.stac.geotiff", "image/jp2", "image/jpx", "application/x-geotiff", "image/geotiff")
_NO_RASTER_NAMES = (".json", ".geojson", ".zarr", ".parquet", ".h5", ".hdf", ".hdf5", ".he5", ".nc", ".nc4", ".xml",
                    ".html", ".txt", ".pdf", ".zip", ".csv", ".laz", ".las", ".gpkg", ".kml", ".png",
                    ".jpg", ".jpeg", ".md5", ".webp", ".gif")  # fmt: skip
_RASTER_NAMES = (".tif", ".tiff", ".jp2", ".vrt", ".img", ".cog")


@dataclass(frozen=True, kw_only=True)
class BandFields:
    """One band as STAC describes it."""

    key: str
    """Asset key, or ``asset.band`` in an asset of several bands."""
    asset: str
    """Asset key."""
    number: int
    """Position in the file, from 1 on."""
    name: str | None
    """Name of the band in ``bands`` or ``eo:bands``."""
    common_name: str | None
    """Such as ``red``."""
    fields: Mapping[str, Any] = field(repr=False)
    """Fields of band, asset and item, under the names of STAC 1.1."""


def number_of(value: Any) -> float | None:
    """Return a number that JSON may hold as text (``nan``, ``inf``); None for what is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(value) if isinstance(value, int) else number


def type_of(value: Any) -> str | None:
    """Return the NumPy name of a ``data_type``; None for what is none (``other``)."""
    name = numpy_type(str(value)) if value is not None else ""
    return name if name in _TYPES else None


def bands_of(key: str, asset: Mapping[str, Any], properties: Mapping[str, Any] | None = None) -> list[BandFields]:
    """Return the bands of an asset, at least one.

    Args:
        key: Asset key.
        asset: The asset, as plain data.
        properties: Properties of the item, whose ``proj:*`` count where the asset says none.
    """
    lists = {name: entries for name in _LISTS if (entries := _entries(asset.get(name)))}
    count = max((len(entries) for entries in lists.values()), default=1)
    common = {name: (properties or {})[name] for name in _PLACE if (properties or {}).get(name) is not None}
    if any(asset.get(name) is not None for name in ("proj:code", "proj:epsg", "proj:wkt2", "proj:projjson")):
        # A CRS is said in one way: that of the item must not stand beside another of the asset.
        common = {name: value for name, value in common.items() if name in ("proj:shape", "proj:transform")}
    common |= {name: value for name, value in asset.items() if name not in _LISTS and value is not None}
    found = []
    taken: set[str] = set()
    for number in range(1, count + 1):
        own: dict[str, Any] = {}
        for entries in lists.values():
            if number <= len(entries):
                own |= _renamed(entries[number - 1])
        fields = common | {name: value for name, value in own.items() if name not in ("name", "description")}
        name = own.get("name")
        label = str(name) if name not in (None, "") and count > 1 and str(name) not in taken else str(number)
        taken.add(label)
        common_name = fields.get("eo:common_name")
        band = BandFields(
            key=key if count == 1 else f"{key}.{label}", asset=key, number=number,
            name=None if name in (None, "") else str(name), common_name=str(common_name) if common_name else None,
            fields=_cleaned(fields),
        )  # fmt: skip
        found.append(band)
    return found


def says_bands(asset: Mapping[str, Any]) -> bool:
    """Tell whether an asset lists its bands."""
    return count_of_bands(asset) > 0


def count_of_bands(asset: Mapping[str, Any]) -> int:
    """Return how many bands an asset lists."""
    return max(len(_entries(asset.get(name))) for name in _LISTS)


def _entries(value: Any) -> list[Mapping[str, Any]]:
    return [entry if isinstance(entry, Mapping) else {} for entry in value] if isinstance(value, list) else []


def _renamed(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {_OLD_NAMES.get(name, name): value for name, value in entry.items() if value is not None}


def _cleaned(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields whose numbers are numbers and whose data type is NumPy's."""
    for name in _NUMBERS:
        if name in fields:
            number = number_of(fields[name])
            if number is None:
                del fields[name]
            else:
                fields[name] = number
    if "data_type" in fields:
        dtype = type_of(fields.pop("data_type"))
        if dtype is not None:
            fields["data_type"] = dtype
    return fields


def kind_of(band: BandFields, *, has_palette: bool = False) -> Kind:
    """Return whether the numbers of a band are quantities, codes of classes, or bits."""
    fields = band.fields
    if fields.get("classification:bitfields"):
        return "bitfield"
    if fields.get("classification:classes") or fields.get("file:values"):
        return "class"
    if number_of(fields.get("raster:scale")) not in (None, 1):
        return "continuous"
    if str(fields.get("data_type", "uint8")).startswith(("float", "complex")):
        return "continuous"
    name = str(band.name or band.asset).lower()
    for known in (name, band.asset.lower()):
        if known in _CLASS_NAMES:
            return "bitfield" if _CLASS_NAMES[known] == "bitfield" else "class"
    roles = set(fields.get("roles") or ())
    return "class" if has_palette or (roles & _CLASS_ROLES and not roles & {"data", "reflectance"}) else "continuous"


def is_raster(asset: Mapping[str, Any]) -> bool:
    """Tell whether an asset can be one raster: of a raster media type, or of none that says otherwise."""
    if asset.get(NOT_GEOCODED) is False:
        return False
    media = str(asset.get("type") or "").lower()
    if media:
        # The description of a raster by GDAL is XML; what it may lead to is checked when it is opened.
        return "vrt" in media or not any(word in media for word in _NO_RASTER)
    name = str(asset.get("href") or "").partition("?")[0].lower().rstrip("/")
    return not name.endswith(_NO_RASTER_NAMES)


def is_data(asset: Mapping[str, Any]) -> bool:
    """Tell whether ``bands=None`` takes an asset: a raster with role ``data``, or without roles by its media type."""
    if not is_raster(asset):
        return False
    roles = set(asset.get("roles") or ())
    if roles:
        return "data" in roles and not roles & {"thumbnail"}
    media = str(asset.get("type") or "").lower()
    if media:
        return media.startswith(_RASTER)
    return str(asset.get("href") or "").partition("?")[0].lower().endswith(_RASTER_NAMES)


def crs_of(fields: Mapping[str, Any]) -> Any:
    """Return what says the CRS of a band, in a form that odc-geo takes; None where nothing does."""
    code = fields.get("proj:code")
    if code:
        return str(code)
    epsg = number_of(fields.get("proj:epsg"))
    if epsg:
        return f"EPSG:{int(epsg)}"
    if fields.get("proj:wkt2"):
        return str(fields["proj:wkt2"])
    return fields.get("proj:projjson") or None


def numbers_of(value: Any, least: int) -> list[float] | None:
    """Return a list of at least so many finite numbers; None for anything else."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) < least:
        return None
    numbers = [number_of(entry) for entry in value]
    if any(number is None or not math.isfinite(number) for number in numbers):
        return None
    return [float(number) for number in numbers if number is not None]
