"""A product for any file with a grid, made from the file itself or from a table of rules for its fields."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stacaster.errors import UnknownProductError
from stacaster.instruments.generic.fields import (
    TYPES,
    DescribedField,
    bands_of,
    content_fields,
    describe_field,
)
from stacaster.instruments.generic.identity import Identity, identify
from stacaster.instruments.generic.names import asset_key, asset_keys, collection_id, field_name
from stacaster.instruments.generic.rules import BandRule
from stacaster.model import GranuleContent, Layer, Product, Scene, SceneBand

UNKNOWN_TIME = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
"""Stands where nothing says when a file was observed; the item has ``stacaster:time_unknown``."""

NO_TIME = "nothing in the file, its sidecars or its name says when it was observed: datetime is a placeholder"
"""Note of items without a time."""


@dataclass(frozen=True, kw_only=True)
class FileDescription:
    """What becomes of a file."""

    identity: Identity
    """Who made it and when."""
    bands: tuple[SceneBand, ...]
    """All its bands."""
    absent: Mapping[str, str]
    """Fields without a band, with the reason."""
    notes: tuple[str, ...]
    """Assumptions."""
    footprint: Mapping[str, Any] | None = None
    """Outline of a swath, GeoJSON."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Item properties that say how a swath was put on its grid."""


def describe_file(content: GranuleContent, rules: Sequence[BandRule] = ()) -> FileDescription:
    """Return what becomes of a file.

    Args:
        content: What the reader found.
        rules: What a table says of its fields; the file says the rest.

    Raises:
        UnknownProductError: It has no field on a grid; the message gives the reason of each.
    """
    identity = identify(content)
    layers = content_fields(content)
    if not layers:
        raise UnknownProductError(_no_grid(content, identity), granule=content.name)
    keys = asset_keys(layers)
    bands: list[SceneBand] = []
    notes: list[str] = []
    for layer in layers:
        described = _described(layer, keys[layer.path], identity.short_name, rules)
        notes += [note if layer.name in note else f"{layer.name}: {note}" for note in described.notes]
        for band, note in bands_of(described):
            bands.append(band)
            notes += [note] if note else []
    notes += [*_place_notes(layers), *content.notes]
    if identity.start is None:
        notes.append(NO_TIME)
    return FileDescription(
        identity=identity,
        footprint=content.footprint,
        properties=content.properties,
        bands=tuple(bands),
        absent=_absent(content),
        notes=tuple(dict.fromkeys(notes)),
    )


def _described(layer: Layer, key: str, short_name: str, rules: Sequence[BandRule]) -> DescribedField:
    names = (layer.path, layer.name, field_name(layer))
    if "swath_axis" in layer.attributes:
        which = f"{layer.attributes['swath_axis'].capitalize()} of the cell of the swath, counted from 0"
        return describe_field(layer, key, short_name, BandRule(path=layer.path, kind="label", description=which))
    rule = next((rule for rule in rules if rule.path in names or asset_key(rule.path) == asset_key(names[-1])), None)
    return describe_field(layer, key, short_name, rule)


def _place_notes(layers: Sequence[Layer]) -> list[str]:
    """Return notes about places, each once with the fields that it holds for."""
    found: dict[str, list[str]] = {}
    for layer in layers:
        for note in layer.notes:
            found.setdefault(note, []).append(layer.name)
    every = len(layers)
    return [
        note
        if len(names) == every
        else f"{', '.join(dict.fromkeys(names[:6]))}{' ...' if len(names) > 6 else ''}: {note}"
        for note, names in found.items()
    ]


def _absent(content: GranuleContent) -> dict[str, str]:
    found = {}
    for layer in content.layers.values():
        if len(layer.shape) < 2 or min(layer.shape) == 0:
            continue
        if layer.geobox is None and "geobox_problem" in layer.attributes:
            found[layer.path] = str(layer.attributes["geobox_problem"])
        elif layer.geobox is not None and layer.data_type not in TYPES:
            found[layer.path] = f"its type {layer.data_type} cannot be written as a GeoTIFF that all readers open"
    return found


def _no_grid(content: GranuleContent, identity: Identity) -> str:
    """Say in field terms why a file has no band."""
    reasons: dict[str, list[str]] = {}
    for layer in content.layers.values():
        if len(layer.shape) >= 2 and "geobox_problem" in layer.attributes:
            reasons.setdefault(str(layer.attributes["geobox_problem"]), []).append(layer.name)
    short = identity.short_name or "not stated"
    parts = ", ".join(f"{kind} {name}" for name, kind in content.groups.items())
    head = f"readable {content.reader} file, but stacaster has no table for this product (short name {short}"
    head += f"; {parts})" if parts else f"; {len(content.layers)} layers)"
    if not reasons:
        return f"{head}, and it holds no field with rows and columns"
    listed = "; ".join(
        f"{', '.join(names[:3])}{' ...' if len(names) > 3 else ''}: {reason}" for reason, names in reasons.items()
    )
    return f"{head}, and none of its fields can be placed on a grid ({listed})"


def scene_of(described: FileDescription) -> Scene:
    """Return the scene of a described file."""
    identity = described.identity
    start, end = identity.start, identity.end
    rules = dict.fromkeys(str(band.properties["stacaster:georeferencing"]) for band in described.bands
                          if "stacaster:georeferencing" in band.properties)  # fmt: skip
    properties: dict[str, Any] = {
        "stacaster:georeferencing": "; ".join(rules) or "the file itself",
        **identity.properties,
        **described.properties,
    }
    if start is None:
        properties["stacaster:time_unknown"] = True
    extensions = {name for key, name in (("eo:cloud_cover", "eo"), ("sat:absolute_orbit", "sat")) if key in properties}
    return Scene(
        id=identity.granule,
        datetime=start or UNKNOWN_TIME,
        start_datetime=start if end is not None else None,
        end_datetime=end,
        created=identity.created,
        bands=described.bands,
        absent=described.absent,
        notes=described.notes,
        properties=properties,
        extensions=tuple(sorted(extensions)),
        short_name="" if not identity.short_name else None,
        footprint=described.footprint,
    )


def described_scene(content: GranuleContent, rules: Sequence[BandRule]) -> Scene:
    """Return the scene of a file by the rules of a table.

    Args:
        content: What the reader found.
        rules: What the table says of its fields.

    Raises:
        UnknownProductError: It has no field on a grid.
    """
    return scene_of(describe_file(content, rules))


def generic_product(content: GranuleContent, notes: Sequence[str] = ()) -> Product:
    """Return a product for a file that no table knows.

    Args:
        content: What the reader found.
        notes: What has to be said of all items.

    Raises:
        UnknownProductError: It has no field on a grid.
    """
    scene = described_scene(content, ())
    return product_of_file(content, replace(scene, notes=(*notes, *scene.notes)))


def product_of_file(content: GranuleContent, scene: Scene) -> Product:
    """Return a product that has the bands of one file and what the file says of itself.

    Args:
        content: What the reader found.
        scene: What becomes of the file.
    """
    identity = identify(content)
    name = collection_id(identity.short_name, identity.version, content, (band.band.name for band in scene.bands))
    return Product(
        name=name.replace("-", "_"),
        collection_id=name,
        short_name=identity.short_name or name,
        version=identity.version,
        title=identity.title,
        description=f"{identity.title}: fields as the files say them, read by the generic rules.",
        reader=content.reader,
        bands=tuple(band.band for band in scene.bands),
        platform=identity.platform,
        instruments=identity.instruments,
        processing_level=identity.level,
        doi=identity.doi,
        citation=f"{identity.title}. https://doi.org/{identity.doi}" if identity.doi else "",
        license="other",
        providers=(),
        keywords=tuple(sorted({word for word in (identity.short_name.lower(), *identity.instruments) if word})),
        recognise=lambda _: True,
        describe=lambda _, __: scene,
        is_generic=True,
    )
