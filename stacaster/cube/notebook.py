"""What notebooks show of items and cubes: dates, CRS, bands, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from stacaster.geo.small_map import box_geometry, small_map

if TYPE_CHECKING:
    import pystac
    import xarray as xr

_NO_BANDS = frozenset({"thumbnail", "overview", "metadata"})


def items_html(items: Sequence[pystac.Item]) -> str:
    """Return a table of items with a map of their footprints."""
    rows = [(_time(item), item.id, str(item.collection_id or ""), item.properties.get("eo:cloud_cover", ""),
             item_crs(item), " ".join(_bands(item))) for item in items]  # fmt: skip
    head = ("time", "item", "collection", "cloud %", "CRS", "bands")
    return table_html(head, rows) + small_map([item.geometry for item in items])


def table_html(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table; all texts are escaped."""
    first = "".join(f"<th>{escape(text)}</th>" for text in head)
    rest = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{first}</tr>{rest}</table>"


def item_crs(item: pystac.Item) -> str:
    """Return the CRS of an item's assets as text; empty where it states none."""
    fields = [item.properties, *(asset.extra_fields for asset in item.assets.values())]
    codes = [entry.get("proj:code") or entry.get("proj:epsg") for entry in fields]
    texts = {f"EPSG:{code}" if isinstance(code, int) else str(code) for code in codes if code}
    return ", ".join(sorted(texts))


def _time(item: pystac.Item) -> str:
    start, end = (item.properties.get(key) for key in ("start_datetime", "end_datetime"))
    text = item.properties.get("datetime") or (f"{start} to {end}" if start and end else start)
    return "" if text is None else str(text).replace("T", " ").removesuffix("Z").partition(".")[0]


def _bands(item: pystac.Item) -> list[str]:
    return [key for key, asset in item.assets.items() if not _NO_BANDS & {key, *(asset.roles or ())}]


def cube_html(cube: xr.Dataset) -> str:
    """Return what a cube holds: bands with units, dates, CRS, pixels, and where it lies."""
    import odc.geo.xr  # noqa: F401

    box = cube.odc.geobox
    rows: list[tuple[str, str]] = []
    if "time" in cube.coords and cube["time"].size:
        import numpy as np

        times = np.atleast_1d(cube["time"].values)
        first, last = (np.datetime_as_string(time, unit="s") for time in (times.min(), times.max()))
        rows.append(("times", f"{times.size}: {first}Z" + (f" to {last}Z" if times.size > 1 else "")))
    for name, band in cube.data_vars.items():
        unit = band.attrs.get("units", "")
        words = ", ".join(str(text) for text in (band.attrs.get("long_name", ""), unit if unit != "1" else "") if text)
        rows.append((f"band {name}", f"{band.dtype}" + (f", {words}" if words else "")))
    if box is None:
        return table_html(("cube", ""), [*rows, ("CRS", "not known")])
    code = box.crs.to_epsg() if box.crs is not None else None
    rows.append(("CRS", f"EPSG:{code}" if code else str(box.crs)[:80]))
    rows.append(("pixels", f"{box.shape.x} x {box.shape.y}, of {abs(box.resolution.x):g} x {abs(box.resolution.y):g}"))
    shown = ""
    if box.crs is not None:
        outline = box.extent.to_crs("EPSG:4326").boundingbox
        rows.append(("box", f"{outline.left:.4f}, {outline.bottom:.4f}, {outline.right:.4f}, {outline.top:.4f}"))
        shown = small_map([box_geometry((outline.left, outline.bottom, outline.right, outline.top))])
    return table_html(("cube", ""), rows) + shown
