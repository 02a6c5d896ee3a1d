"""What an ingest would make of a file, and why, without writing anything; and a first table made from a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.errors import UsageError
from stacaster.formats.readers import open_granule
from stacaster.model import ReadOptions, SceneBand, format_datetime
from stacaster.products import recognise


@dataclass(frozen=True, kw_only=True)
class InspectedFile:
    """What an ingest would make of a file."""

    product: str
    """Name of the product; of the table, or made from the file."""
    origin: str
    """Where the table is from; ``the file itself`` without one."""
    collection: str
    """Collection of the item."""
    item_id: str
    """Id of the item as the provider writes it."""
    datetime: str
    """Time of the item."""
    properties: dict[str, Any]
    """Properties of the item."""
    bands: tuple[dict[str, Any], ...]
    """Asset key, field, type, scale, place and so on of each band."""
    absent: dict[str, str]
    """Fields without a band, and why."""
    notes: tuple[str, ...]
    """Assumptions."""

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {**vars(self), "bands": list(self.bands), "notes": list(self.notes)}


def inspect_file(path: str | os.PathLike[str], *more: str | os.PathLike[str]) -> InspectedFile:
    """Say what an ingest would make of a file, without writing.

    Args:
        path: The file.
        *more: Further files of the same granule.

    Returns:
        Product, item, bands and what placed them, and fields that cannot be placed with the reason.

    Raises:
        ReadError: The file is damaged.
        UnknownProductError: It is of no known format, or has no field on a grid.
    """
    from stacaster.instruments.generic.swath_grids import grid_content

    with open_granule([Path(path), *(Path(entry) for entry in more)]) as granule:
        content = grid_content(granule.content, None)
        product = recognise(content)
        scene = product.describe(content, ReadOptions())
        is_from_file = product.is_generic and not product.providers and product.origin == "stacaster"
        return InspectedFile(
            product=product.name,
            origin="the file itself" if is_from_file else product.origin,
            collection=product.collection_id,
            item_id=scene.id,
            datetime=format_datetime(scene.datetime),
            properties=dict(scene.properties),
            bands=tuple(_row(band, content.layers[band.layer].placed_by) for band in scene.bands),
            absent={str(key): str(value) for key, value in scene.absent.items()},
            notes=tuple(scene.notes),
        )


def _row(band: SceneBand, placed_by: str | None) -> dict[str, Any]:
    table, box = band.band, band.geobox
    transform = [float(value) for value in tuple(box.transform)[:6]]
    code = None if box.crs is None else box.crs.to_epsg()
    return {
        "name": table.name, "field": band.layer, "type": table.data_type, "kind": table.kind, "nodata": table.nodata,
        "scale": band.scale, "offset": band.offset, "unit": table.unit, "shape": [int(size) for size in box.shape],
        "crs": str(box.crs) if code is None else f"EPSG:{code}", "transform": transform, "placed_by": placed_by,
        "valid": None if band.view is None or band.view.valid is None else list(band.view.valid),
        "classes": len(table.classes), "bits": [field.name for field in table.bitfields],
    }  # fmt: skip


def new_table(path: str | os.PathLike[str]) -> str:
    """Return the text of a first TOML table for the product of a file.

    Args:
        path: A file of the product.

    Raises:
        UsageError: The file does not say its short name.
        ReadError: The file cannot be read, or has no field on a grid.
    """
    from stacaster.instruments.generic.describe import describe_file

    with open_granule([Path(path)]) as granule:
        described = describe_file(granule.content)
        reader = granule.content.reader
    identity = described.identity
    if not identity.short_name:
        raise UsageError(f"{path}: neither the file nor its name says a short name; write the table by hand")
    lines = [
        f"short_names = [{_text(identity.short_name)}]",
        f"versions = [{_text(identity.version)}]" if identity.version else "versions = []",
        f"title = {_text(identity.title)}",
        *([f"doi = {_text(identity.doi)}"] if identity.doi else []),
        f"reader = {_text(reader)}",
        *([f"instruments = [{', '.join(map(_text, identity.instruments))}]"] if identity.instruments else []),
        *([f"level = {_text(identity.level)}"] if identity.level else []),
        *(
            [f"platforms = {{ {_text(identity.short_name)} = {_text(identity.platform)} }}"]
            if identity.platform
            else []
        ),
    ]
    seen: set[str] = set()
    for band in described.bands:
        if band.layer not in seen and (band.view is None or band.view.keeps == "values"):
            seen.add(band.layer)
            lines += _band_lines(band)
    return "\n".join(lines) + "\n"


def _band_lines(band: SceneBand) -> Sequence[str]:
    table = band.band
    is_plane = band.view is not None and bool(band.view.plane)
    found = ["", "[[bands]]", f"path = {_text(band.layer)}"]
    found += [] if is_plane else [f"name = {_text(table.name)}"]
    found += [f"description = {_text(table.description)}", f"type = {_text(table.data_type)}"]
    if table.kind in ("continuous", "label"):
        found.append(f"kind = {_text(table.kind)}")
    if band.scale is not None and band.offset is not None:
        found += ['formula = "eq"', f"scale = {float(band.scale)!r}", f"offset = {float(band.offset)!r}"]
    if table.nodata is not None and table.nodata == table.nodata:
        found.append(f"fill = [{table.nodata!r}]")
    if table.unit:
        found.append(f"unit = {_text(table.unit)}")
    return found


def _text(value: str) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
