"""Fields of a band on which item, file and configuration agree, or which count where they do not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.cube.band_model.fields import BAND_NUMBER, BandFields, crs_of, kind_of, number_of, type_of
from stacaster.cube.band_model.file_facts import FileFacts
from stacaster.cube.band_model.known_classes import known_classes
from stacaster.cube.band_model.place import differs, finite, geobox_of, place_fields, require_sane

if TYPE_CHECKING:
    import pystac

KIND = "stacaster:kind"
"""Field of prepared assets: ``continuous``, ``class`` or ``bitfield``."""

HAS_MASK = "stacaster:has_mask"
"""Field of prepared assets: true where the file has a mask or an alpha band."""

_OFFSET_APPLIED = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
# Of Sentinel-2 on Earth Search: the stored numbers were shifted, and the offset of the bands was left as it was.
_BASELINE = ("s2:processing_baseline", "sentinel:processing_baseline", "processing:baseline")
_FIRST_WITH_OFFSET, _OFFSET = 4.0, -1000
# From this baseline of ESA's processor on the stored numbers of Sentinel-2 are shifted by 1000.

_CLASSES = ("classification:classes", "classification:bitfields", "file:values")

NO_CRS = "stacaster:file_without_crs"
"""Field of prepared assets: true where the CRS of the item has to do."""


def settled(
    item: pystac.Item, band: BandFields, facts: FileFacts | None, config: Mapping[str, Any], said: list[str]
) -> dict[str, Any]:
    """Return the fields of a band on which item, file and configuration agree, or which count where they do not."""
    fields = dict(band.fields)
    name = f"{item.id} {band.key}"
    require_sane(fields, item.bbox, name=name)
    position = band.number - 1
    own = facts if facts is not None and position < len(facts.dtypes) else None
    _settle_type(fields, None if own is None else own.dtypes[position], type_of(config.get("data_type")), said)
    _settle_nodata(fields, None if own is None else own.nodata[position], number_of(config.get("nodata")), said)
    _drop_impossible(fields, said)
    if own is not None and own.scales is not None and own.offsets is not None:
        _settle_scale(fields, own.scales[position], own.offsets[position], said)
    elif "raster:scale" in fields or "raster:offset" in fields:
        fields.setdefault("raster:scale", 1.0)
        fields.setdefault("raster:offset", 0.0)
    _settle_sentinel2(fields, item, said)
    if config.get("unit") not in (None, "1"):
        fields.setdefault("unit", config["unit"])
    if facts is not None:
        if facts.has_mask and band.number != facts.alpha:
            fields[HAS_MASK] = True
        if facts.crs is None:
            fields[NO_CRS] = True
        apart = differs(fields, facts)
        crs = crs_of(fields)
        if apart is not None:
            said.append(f"{apart}; the file counts")
        if apart is not None or geobox_of(fields) is None:
            for key in ("proj:code", "proj:epsg", "proj:wkt2", "proj:projjson"):
                fields.pop(key, None)
            fields |= place_fields(facts, crs)
    has_palette = own is not None and bool(own.palettes) and own.palettes[position]
    whole = replace(band, fields=fields)
    fields[KIND] = kind_of(whole, has_palette=has_palette)
    if fields[KIND] != "continuous" and not any(fields.get(name) for name in _CLASSES):
        fields |= known_classes(item, band.asset, str(fields.get("href") or ""))
    fields[BAND_NUMBER] = band.number
    return fields


def _settle_sentinel2(fields: dict[str, Any], item: pystac.Item, said: list[str]) -> None:
    """Leave out an offset of Sentinel-2 that the stored numbers do not have, or do not have any more."""
    scale, offset = fields.get("raster:scale"), fields.get("raster:offset")
    if not offset or not scale:
        return
    if any(item.properties.get(name) is True for name in _OFFSET_APPLIED):
        said.append(f"the offset {offset:g} is applied to the file already, as the item says, so it is 0")
        fields["raster:offset"] = 0.0
        return
    baseline = next((value for name in _BASELINE if (value := finite(item.properties.get(name))) is not None), None)
    if baseline is not None and baseline < _FIRST_WITH_OFFSET and math.isclose(offset, _OFFSET * scale):
        said.append(f"the offset {offset:g} belongs to later baselines than {baseline:05.2f} of the item, so it is 0")
        fields["raster:offset"] = 0.0


def _settle_type(fields: dict[str, Any], real: str | None, config: str | None, said: list[str]) -> None:
    stated = fields.get("data_type")
    if stated is None and config is not None:
        fields["data_type"] = config if real is None else str(np.result_type(config, real))
    elif stated is None and real is not None:
        fields["data_type"] = _plain_type(real)
    elif stated is not None and real is not None and _plain_type(real) != stated:
        said.append(f"data_type is {stated}, the file holds {real}")
        fields["data_type"] = str(np.result_type(stated, _plain_type(real)))


def _plain_type(name: str) -> str:
    """Return the NumPy name of a type of GDAL."""
    return {"complex_int16": "complex64", "complex_int32": "complex128"}.get(name, name)


def _settle_nodata(fields: dict[str, Any], real: float | None, config: float | None, said: list[str]) -> None:
    dtype = str(fields.get("data_type") or "float32")
    stated = fields.pop("nodata", None)
    if stated is not None and not fits(stated, dtype):
        said.append(f"nodata {stated} is none of {dtype}, so that no pixel can have it")
        stated = None
    if real is not None and not fits(real, dtype):
        said.append(f"nodata {real} of the file is none of {dtype}")
        real = None
    if stated is not None and real is not None and not _same(stated, real):
        said.append(f"nodata is {stated}, that of the file {real}; that of the item counts")
    chosen = next((value for value in (stated, real, config) if value is not None), None)
    if chosen is not None and fits(chosen, dtype):
        fields["nodata"] = int(chosen) if np.dtype(dtype).kind in "iu" else float(chosen)


def fits(value: float, dtype: str) -> bool:
    """Tell whether a number is one of a data type."""
    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        return True
    limits = np.iinfo(kind)
    return math.isfinite(value) and float(value).is_integer() and limits.min <= int(value) <= limits.max


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _drop_impossible(fields: dict[str, Any], said: list[str]) -> None:
    """Leave out a scale of 0, and a scale or offset that is no number: every pixel would be the same, or none."""
    for name in ("raster:scale", "raster:offset"):
        value = fields.get(name)
        if value is not None and (not math.isfinite(value) or (name == "raster:scale" and value == 0)):
            said.append(f"{name} is {value:g}, with which no pixel has a value, so it is left out")
            del fields[name]


def _settle_scale(fields: dict[str, Any], scale: float, offset: float, said: list[str]) -> None:
    is_stated = "raster:scale" in fields or "raster:offset" in fields
    is_real = math.isfinite(scale) and math.isfinite(offset) and scale != 0 and (scale, offset) != (1.0, 0.0)
    if is_stated:
        own = float(fields.get("raster:scale", 1.0)), float(fields.get("raster:offset", 0.0))
        fields["raster:scale"], fields["raster:offset"] = own
        if is_real and not np.allclose(own, (scale, offset), rtol=1e-6, atol=0):
            said.append(f"scale and offset are {own[0]:g} and {own[1]:g}, those of the file {scale:g} and {offset:g}; "
                        "those of the item count")  # fmt: skip
    elif is_real:
        fields["raster:scale"], fields["raster:offset"] = float(scale), float(offset)
