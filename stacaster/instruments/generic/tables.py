"""Products from tables in TOML: what a table says of a product and its fields; the files say the rest."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stacaster.errors import UsageError
from stacaster.instruments.generic.describe import described_scene, product_of_file
from stacaster.instruments.generic.identity import identify
from stacaster.instruments.generic.names import asset_key
from stacaster.instruments.generic.rules import BandRule
from stacaster.instruments.generic.table_values import KEYS, known_keys, list_of, pattern_of, rule_of, texts_of
from stacaster.model import Band, BandKind, GranuleContent, Product, Provider, ReadOptions, Scene

_RECOGNISE = ("name", "group", "attribute")


def read_table(path: Path, *, origin: str | None = None) -> list[Product]:
    """Return the products of a TOML file: one for each short name and version.

    Args:
        path: The file.
        origin: Where it comes from, for lists; the file without it.

    Raises:
        UsageError: The file is no such table; the message names the file, the key and what is allowed.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: is no TOML: {error}") from error
    return products_of(table, source=str(path), origin=origin or str(path))


def products_of(table: Mapping[str, Any], *, source: str, origin: str) -> list[Product]:
    """Return the products of a parsed table; see ``read_table``."""
    known_keys(table, KEYS, source)
    shorts, versions = texts_of(table, "short_names", source), texts_of(table, "versions", source)
    if not shorts:
        raise UsageError(f'{source}: short_names is missing; give the short names of the product, such as ["MOD11A1"]')
    rules = tuple(
        rule_of(entry, number, source) for number, entry in enumerate(list_of(table, "bands", source), start=1)
    )
    names = [rule.name for rule in rules if rule.name]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UsageError(f"{source}: the band name {doubled[0]} is given twice")
    return [
        _product(table, short, version, rules, source=source, origin=origin)
        for short in shorts for version in versions or [""]
    ]  # fmt: skip


def _product(
    table: Mapping[str, Any], short: str, version: str, rules: tuple[BandRule, ...], *, source: str, origin: str
) -> Product:
    named = {"short_name": short, "version": version}

    def text(key: str, default: str = "") -> str:
        value = str(table.get(key, default))
        return re.sub(r"\{(\w+)\}", lambda match: named.get(match[1], match[0]), value)

    bands = tuple(
        _band(entry, rule, float(table.get("resolution", 0)) or None)
        for entry, rule in zip(list_of(table, "bands", source), rules, strict=True)
    )
    platforms = table.get("platforms", {})
    name = re.sub(r"[^a-z0-9]+", "-", f"{short}-{version}".lower()).strip("-")
    sets = table.get("files")
    return Product(
        name=name.replace("-", "_"),
        collection_id=name,
        short_name=short,
        version=version,
        title=text("title", f"{short} {version}".strip()),
        description=text("description") or text("title", short),
        reader=str(table.get("reader", "")),
        bands=bands,
        platform=str(platforms.get(short, "") if isinstance(platforms, Mapping) else platforms),
        instruments=tuple(texts_of(table, "instruments", source)),
        processing_level=text("level"),
        doi=text("doi") or None,
        citation=text("citation"),
        license=text("license", "other"),
        providers=tuple(
            Provider(
                name=str(entry["name"]), roles=tuple(entry.get("roles", ("producer",))), url=str(entry.get("url", ""))
            )
            for entry in list_of(table, "providers", source)
        ),
        keywords=tuple(texts_of(table, "keywords", source)),
        recognise=_recogniser(table.get("recognise", {}), short, version, source),
        describe=_describer(rules),
        file_set=None if sets is None else pattern_of(str(sets), "files", source),
        renders=dict(table.get("renders", {})),
        notes=tuple(texts_of(table, "notes", source)),
        is_generic=True,
        origin=origin,
    )  # fmt: skip


def of_file(product: Product, content: GranuleContent) -> Product:
    """Return a product of a table with the bands of one file.

    Args:
        product: From ``read_table``.
        content: What the reader found.

    Raises:
        UnknownProductError: The file has no field on a grid.
    """
    scene = product.describe(content, ReadOptions())
    found = product_of_file(content, scene)
    names = {band.name for band in found.bands}
    return replace(
        product,
        bands=found.bands,
        reader=content.reader,
        platform=product.platform or found.platform,
        instruments=product.instruments or found.instruments,
        processing_level=product.processing_level or found.processing_level,
        doi=product.doi or found.doi,
        describe=lambda _, __: scene,
        renders={key: value for key, value in product.renders.items() if set(value["assets"]) <= names},
    )


def _describer(rules: tuple[BandRule, ...]) -> Callable[[GranuleContent, ReadOptions], Scene]:
    return lambda content, _: described_scene(content, rules)


def _recogniser(wanted: Any, short: str, version: str, source: str) -> Callable[[GranuleContent], bool]:
    """Return what tells a file of the product: short name and version, or what the table says instead."""
    if not isinstance(wanted, Mapping):
        raise UsageError(f"{source}: recognise is {wanted!r}, but a table with name, group or attribute is needed")
    known_keys(wanted, _RECOGNISE, f"{source}: recognise")
    pattern = None if "name" not in wanted else pattern_of(str(wanted["name"]), "recognise.name", source)
    group = wanted.get("group")

    def recognise(content: GranuleContent) -> bool:
        if group is not None and not any(group in (name, name.rpartition("/")[2]) for name in content.groups):
            return False
        if pattern is not None:
            return any(pattern.fullmatch(path.name) for path in content.files)
        identity = identify(content)
        same = identity.short_name.upper() == short.upper()
        return same and (not version or _number(identity.version) == _number(version))

    return recognise


def _number(version: str) -> str:
    return version.lstrip("0vV").lower()


def _band(entry: Mapping[str, Any], rule: BandRule, resolution: float | None) -> Band:
    import numpy as np

    kind: BandKind = rule.kind or "continuous"
    kind_name = str(entry.get("type", "int16"))
    return Band(
        name=rule.name or asset_key(rule.path.rpartition("/")[2]),
        description=rule.description or rule.path,
        data_type=kind_name,
        nodata=np.dtype(kind_name).type(rule.fill[0]).item() if rule.fill else None,
        group=rule.path.rpartition("/")[0],
        resolution=float(entry.get("resolution", resolution or 1000.0)),
        kind=kind,
        unit=rule.unit,
        common_name=rule.common_name,
        center_wavelength=rule.center_wavelength,
        quantity=rule.quantity,
        classes=rule.classes if kind == "categorical" else (),
        bitfields=rule.bitfields if kind == "bitfield" else (),
    )
