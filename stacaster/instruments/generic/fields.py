"""Fields of a file as bands: type, fill values, scale, classes, planes."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stacaster.formats.metadata.cf_axes import Coordinate, unit_of
from stacaster.formats.metadata.flag_texts import cf_flags, fill_codes, legends
from stacaster.formats.metadata.ranges import ValidNumbers, free_number, is_unsigned, unsigned_type, valid_numbers
from stacaster.formats.metadata.scales import Scaling, scaling_of
from stacaster.instruments.generic.kinds import is_measured, kind_of
from stacaster.instruments.generic.names import field_text, plane_names, unit_name
from stacaster.instruments.generic.rules import BandRule
from stacaster.instruments.generic.swath_types import is_averaged, swath_type
from stacaster.model import Band, BandKind, BitField, ClassValue, GranuleContent, Layer, PixelView, SceneBand

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
"""Types of pixels that can be written."""
MAX_PLANES = 64
"""Planes of one field that become bands."""

_METRES_PER_DEGREE = 111_319.490793


@dataclass(frozen=True, kw_only=True)
class DescribedField:
    """A field as it becomes bands."""

    layer: Layer
    """The layer."""
    band: Band
    """The band, without the ends of the names of planes."""
    scaling: Scaling | None
    """Formula of values."""
    numbers: ValidNumbers
    """Which stored numbers are values."""
    data_type: str
    """Type of the stored numbers."""
    codes: tuple[ClassValue, ...] = ()
    """Stored numbers with a meaning that are no values."""
    is_unsigned: bool = False
    """The bits of a signed type mean numbers without sign."""
    notes: tuple[str, ...] = field(default=())
    """Assumptions."""


def resolution_of(geobox: GeoBox) -> float:
    """Return the size of a pixel in metres; a degree counts as one at the equator."""
    size = math.sqrt(abs(geobox.transform.determinant))
    is_degrees = geobox.crs is not None and geobox.crs.geographic
    return float(round(size * (_METRES_PER_DEGREE if is_degrees else 1.0), 6))


def is_field(layer: Layer) -> bool:
    """Tell whether a layer can become bands."""
    return layer.geobox is not None and len(layer.shape) >= 2 and layer.data_type in TYPES


def describe_field(layer: Layer, key: str, short_name: str, rule: BandRule | None = None) -> DescribedField:
    """Return a field as bands: what the table says first, then the file, then its family.

    Args:
        layer: The layer; with a place.
        key: Asset key.
        short_name: Of the product; empty when unknown.
        rule: What a table says.
    """
    assert layer.geobox is not None
    known = rule or BandRule(path=layer.path)
    attributes = _with_table(layer.attributes, known)
    turned = is_unsigned(attributes, layer.data_type)
    data_type = unsigned_type(layer.data_type) if turned else layer.data_type
    stored_type = data_type
    scaling = scaling_of(layer.name, short_name, attributes, formula=known.formula)
    classes, bitfields, text = _meanings(layer, attributes, known)
    codes = known.codes or fill_codes(attributes)
    if classes and (is_measured(scaling) or known.kind == "continuous") and not known.classes:
        # Flags of a packed measurement are numbers that are no values.
        codes, classes = (*codes, *classes), ()
    numbers = valid_numbers(attributes, data_type, scaling, layer.nodata)
    kind = known.kind or kind_of(layer, attributes, classes, bitfields, scaling, data_type)
    notes = [*numbers.notes, *([scaling.note] if scaling is not None and scaling.note else [])]
    if kind != "continuous":
        scaling = None if kind in ("categorical", "bitfield") else scaling
        numbers = _discrete(numbers, kind, known, layer, notes)
    elif known.fill or known.valid or known.no_fill:
        numbers = _of_table(numbers, known, data_type)
    code_numbers = [code.value for code in codes]
    nodata = numbers.nodata
    if kind == "continuous" and nodata is None and (codes or numbers.others or numbers.valid is not None):
        nodata = free_number(data_type, numbers.valid, code_numbers)
    if kind == "categorical" and classes and nodata is not None and not known.classes:
        nodata = numbers.nodata
    description = known.description or field_text(attributes, layer.name)
    fill = nodata
    if layer.swath is not None:
        data_type, nodata = swath_type(data_type, nodata, is_average=is_averaged(layer, kind))
    band = Band(
        name=known.name or key,
        description=f"{description}. {text}" if text and len(text) < 2000 else description,
        data_type=data_type,
        nodata=nodata,
        group=layer.group.rpartition("/")[2],
        resolution=resolution_of(layer.geobox),
        kind=kind,
        unit=known.unit if known.unit is not None else unit_name(unit_of(attributes)),
        common_name=known.common_name,
        center_wavelength=known.center_wavelength,
        quantity=known.quantity,
        classes=classes if kind == "categorical" else (),
        bitfields=bitfields if kind == "bitfield" else (),
    )
    return DescribedField(
        layer=layer, band=band, scaling=scaling, numbers=replace(numbers, nodata=fill),
        data_type=stored_type, codes=codes if kind == "continuous" else (), is_unsigned=turned, notes=tuple(notes),
    )  # fmt: skip


def _with_table(attributes: Mapping[str, Any], rule: BandRule) -> Mapping[str, Any]:
    found = dict(attributes)
    if rule.scale is not None:
        found["scale_factor"] = rule.scale
    if rule.offset is not None:
        found["add_offset"] = rule.offset
    return found


def _meanings(
    layer: Layer, attributes: Mapping[str, Any], rule: BandRule
) -> tuple[tuple[ClassValue, ...], tuple[BitField, ...], str | None]:
    if rule.classes or rule.bitfields:
        return rule.classes, rule.bitfields, None
    if layer.data_type[0] not in "iu":
        return (), (), None
    classes, bitfields = cf_flags(attributes)
    if classes or bitfields:
        return classes, bitfields, None
    bits = 8 * int(re.sub(r"\D", "", layer.data_type)) // 8
    return legends(attributes, layer.name, bits)


def _discrete(numbers: ValidNumbers, kind: BandKind, rule: BandRule, layer: Layer, notes: list[str]) -> ValidNumbers:
    """Return the fill value of bits, classes and labels: every other number has a meaning."""
    if rule.no_fill:
        return ValidNumbers(nodata=None)
    if rule.fill:
        return ValidNumbers(nodata=_whole(rule.fill[0]), others=tuple(map(_whole, rule.fill[1:])))
    if kind in ("bitfield", "label") and numbers.nodata == 0:
        notes.append(
            f"{layer.name}: the file states the fill value 0, which is a value of such a field; it has no fill value"
        )
        return ValidNumbers(nodata=None)
    return ValidNumbers(nodata=numbers.nodata)


def _whole(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


def _typed(value: float, data_type: str) -> float | int:
    """Return a number of a table as a type holds it."""
    import numpy as np

    return float(np.dtype(data_type).type(value)) if data_type.startswith("float") else _whole(value)


def _of_table(numbers: ValidNumbers, rule: BandRule, data_type: str) -> ValidNumbers:
    nodata = None if rule.no_fill else _typed(rule.fill[0], data_type) if rule.fill else numbers.nodata
    others = (
        tuple(_typed(value, data_type) for value in rule.fill[1:])
        if rule.fill
        else ()
        if rule.no_fill
        else numbers.others
    )
    return replace(numbers, nodata=nodata, others=others, valid=rule.valid or numbers.valid)


def bands_of(described: DescribedField) -> Iterator[tuple[SceneBand, str | None]]:
    """Yield the bands of a field, one a plane, and what has to be said; bands of codes come after those of values.

    Args:
        described: The field.
    """
    layer = described.layer
    assert layer.geobox is not None
    ends = [plane_names(axis) for axis in layer.planes]
    places = list(itertools.product(*(range(axis.size) for axis in layer.planes)))
    note = None
    if len(places) > MAX_PLANES:
        note = f"{layer.name} has {len(places)} planes; the first {MAX_PLANES} became bands"
        places = places[:MAX_PLANES]
    for place in places:
        end = "".join(names[index] for names, index in zip(ends, place, strict=True))
        plane = tuple((axis.axis, index) for axis, index in zip(layer.planes, place, strict=True))
        yield _band(described, end, plane, place), note
        note = None
        if described.codes:
            yield _codes(described, end, plane, place), None


def _band(described: DescribedField, end: str, plane: tuple[tuple[int, int], ...], place: tuple[int, ...]) -> SceneBand:
    layer, numbers = described.layer, described.numbers
    assert layer.geobox is not None
    scaling = described.scaling
    codes = (*numbers.others, *(code.value for code in described.codes))
    is_cut = numbers.valid is not None or bool(codes)
    is_average = is_averaged(layer, described.band.kind)
    if is_average and numbers.nodata is not None:
        codes = (numbers.nodata, *codes)
    view = PixelView(
        orientation=layer.orientation,
        plane=plane,
        is_unsigned=described.is_unsigned,
        valid=numbers.valid,
        codes=tuple(code for code in codes if is_average or code != numbers.nodata),
        swath=layer.swath,
        is_average=is_average,
        swath_axis=layer.attributes.get("swath_axis"),
    )
    properties = _properties(described, place)
    if is_cut and numbers.valid is not None:
        properties["stacaster:valid_range"] = [float(limit) for limit in numbers.valid if math.isfinite(limit)]
    return SceneBand(
        band=replace(described.band, name=f"{described.band.name}{end}"),
        layer=layer.path,
        geobox=layer.geobox,
        view=view,
        scale=None if scaling is None else scaling.scale,
        offset=None if scaling is None else scaling.offset,
        properties=properties,
    )


def _codes(
    described: DescribedField, end: str, plane: tuple[tuple[int, int], ...], place: tuple[int, ...]
) -> SceneBand:
    """Return the band that holds the codes of a field, which are no values."""
    band, layer = described.band, described.layer
    assert layer.geobox is not None
    used = {code.value for code in described.codes}
    measured = next(number for number in itertools.count() if number not in used and number != band.nodata)
    classes = (ClassValue(value=measured, name="measured", description="a value"), *described.codes)
    view = PixelView(
        orientation=layer.orientation, plane=plane, is_unsigned=described.is_unsigned, keeps="codes",
        codes=tuple(sorted(used)), measured=measured, swath=layer.swath,
    )  # fmt: skip
    data_type, nodata = (band.data_type, None) if layer.swath is None else swath_type(
        described.data_type, None, is_average=False
    )  # fmt: skip
    return SceneBand(
        band=replace(
            band, name=f"{band.name}{end}_codes", kind="categorical",
            description=f"Why there is no value: {band.description}",
            data_type=data_type, nodata=nodata, unit=None, common_name=None, center_wavelength=None, quantity=None,
            classes=tuple(sorted(classes, key=lambda entry: entry.value)),
        ),
        layer=layer.path, geobox=layer.geobox, view=view, properties=_properties(described, place),
    )  # fmt: skip


def _properties(described: DescribedField, place: tuple[int, ...]) -> dict[str, Any]:
    layer = described.layer
    found: dict[str, Any] = {"stacaster:source_field": layer.path}
    if layer.placed_by:
        found["stacaster:georeferencing"] = layer.placed_by
    named = [(axis, index) for axis, index in zip(layer.planes, place, strict=True) if axis.size > 1 or axis.values]
    planes = [
        {"axis": axis.name or "plane", "index": index}
        | ({"value": axis.values[index]} if axis.values else {}) | ({"unit": axis.unit} if axis.unit else {})
        for axis, index in named
    ]  # fmt: skip
    return found | ({"stacaster:plane": planes} if planes else {})


def content_fields(content: GranuleContent) -> list[Layer]:
    """Return the layers of a file that can become bands, positions only where nothing else is."""
    fields = [layer for layer in content.layers.values() if is_field(layer)]
    return [layer for layer in fields if not _is_position(layer)] or fields


def _is_position(layer: Layer) -> bool:
    """Tell whether a field holds the latitudes or longitudes of others."""
    return len(layer.shape) == 2 and Coordinate(name=layer.name, size=0, attributes=layer.attributes).role in (
        "lat",
        "lon",
    )
