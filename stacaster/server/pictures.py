"""What a picture shows: bands, an index or a formula of them, as one image with colours."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.catalog import Catalog
from stacaster.errors import UsageError, nearest

if TYPE_CHECKING:
    import pystac
    import xarray as xr
    from numpy.typing import NDArray


_RESAMPLINGS = ("nearest", "bilinear", "cubic", "average", "mode")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is drawn, as the parameters of a request say it."""

    bands: tuple[str, ...] = ()
    """Asset keys or band names."""
    index: str | None = None
    """Name of an index."""
    expression: str | None = None
    """Formula of bands."""
    render: str | None = None
    """Name of a picture that the item or its collection describes (``renders``)."""
    units: str = ""
    """Units of the values; nothing takes those of a render, else ``physical``."""
    rescale: tuple[tuple[float, float], ...] = ()
    """Smallest and largest value that is drawn, for each channel."""
    colormap: str | None = None
    """Name of a colormap, for one channel."""
    mask: tuple[str, ...] = ()
    """Masks by name."""
    composite: str = "first"
    """How scenes become one: ``first``, ``median``, ``mean`` ..."""
    resampling: str | None = None
    """How pixels are taken to the grid; None takes what fits the values."""

    def changed(self, **fields: Any) -> Picture:
        """Return a picture with other fields."""
        return replace(self, **fields)


def read_picture(given: Mapping[str, Any]) -> Picture:
    """Read what is drawn from the parameters of a request.

    Raises:
        UsageError: A parameter cannot be understood.
    """
    lists: Callable[[str], list[str]] = getattr(given, "getlist", lambda name: [given[name]] if name in given else [])
    bands = [part for text in [*lists("assets"), *lists("bands")] for part in text.split(",") if part]
    pairs = []
    for text in lists("rescale"):
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError as error:
            raise UsageError(f"rescale: LOW,HIGH is needed, not {text[:80]!r}") from error
        if len(numbers) != 2 or not all(map(math.isfinite, numbers)):
            raise UsageError(f"rescale: LOW,HIGH is needed, not {text[:80]!r}")
        pairs.append((numbers[0], numbers[1]))
    return Picture(
        bands=tuple(bands),
        index=given.get("index"),
        render=given.get("render"),
        expression=_expression(given.get("expression"), bands),
        units=given.get("units", ""),
        rescale=tuple(pairs),
        colormap=given.get("colormap_name"),
        mask=tuple(part for part in given.get("mask", "").split(",") if part),
        composite=_one_of("composite", given.get("composite", "first"), check=_method),
        resampling=_one_of("resampling", given.get("resampling"), _RESAMPLINGS),
    )


def _one_of(
    name: str, value: str | None, known: Sequence[str] = (), *, check: Callable[[str], str] | None = None
) -> Any:
    """Return a value that is known; None stays.

    Raises:
        UsageError: It is another.
    """
    if value is None:
        return None
    if check is not None:
        return check(value)
    if value not in known:
        raise UsageError(f"{name}: one of {', '.join(known)} is needed, not {value[:80]!r}")
    return value


def _method(name: str) -> str:
    from stacaster.analysis.composites import check_method

    return "first" if name == "first" else check_method(name)


def _expression(text: str | None, bands: Sequence[str]) -> str | None:
    """Return a formula; ``b1``, ``b2`` are the bands in the order in which the request names them."""
    if text is None:
        return None

    def named(match: re.Match[str]) -> str:
        number = int(match[1])
        if not 1 <= number <= len(bands):
            raise UsageError(f"expression: b{number} is none of the {len(bands)} bands of assets=")
        return bands[number - 1]

    return re.sub(r"\bb(\d{1,3})\b", named, text[:1000])


def formula_of(picture: Picture) -> Any:
    """Return the index or formula that is drawn; None where bands are."""
    from stacaster.analysis.indices import own_index
    from stacaster.analysis.indices.table import all_indices

    if picture.expression is not None:
        return own_index(picture.expression, units="physical", name="expression")
    if picture.index is None:
        return None
    if picture.index not in all_indices():
        raise UsageError(f"index: there is no {picture.index[:80]!r}; {nearest(picture.index, all_indices())}")
    return all_indices()[picture.index]


def units_of(formula: Any, items: Sequence[pystac.Item]) -> str:
    """Return the units that an index needs, where the items are of an instrument whose sun and gains are known."""
    if formula.units in ("physical", "dn"):
        return "physical"
    is_aster = all("aster" in (item.properties.get("instruments") or ()) for item in items)
    return str(formula.units) if is_aster else "physical"


def with_defaults(picture: Picture, items: Sequence[pystac.Item], catalog: Catalog) -> Picture:
    """Return a picture with bands and units.

    A render is of stored numbers, as titiler takes it; where a request names nothing, the first render is drawn, or the
    first data band.

    Raises:
        UsageError: There is no such render, or nothing that could be drawn.
    """
    renders = renders_of(items, catalog)
    if picture.render is not None:
        if picture.render not in renders:
            raise UsageError(f"render: there is no {picture.render[:80]!r}; {nearest(picture.render, renders)}")
        return _rendered(picture, renders[picture.render])
    if picture.bands or picture.index is not None or picture.expression is not None:
        return picture.changed(units=picture.units or "physical")
    for render in renders.values():
        names = [str(name) for name in render.get("assets", ())]
        if len(names) in (1, 3) and all(name in items[0].assets for name in names):
            return _rendered(picture, render)
    data = [name for name, asset in items[0].assets.items() if "data" in (asset.roles or ())]
    if not data:
        raise UsageError("assets: the item has no data asset that could be drawn")
    return picture.changed(bands=(data[0],), units=picture.units or "physical")


def _rendered(picture: Picture, render: Mapping[str, Any]) -> Picture:
    """Return what a render describes; what a request says counts more."""
    bands = tuple(str(name) for name in render.get("assets", ()))
    try:
        ranges = [(float(low), float(high)) for low, high in render.get("rescale") or ()]
    except (TypeError, ValueError):
        ranges = []  # Of another program, and none.
    text, name = render.get("expression"), render.get("colormap_name")
    is_stored = picture.units in ("", "dn")
    return picture.changed(
        bands=picture.bands or bands,
        expression=picture.expression or (_expression(str(text), bands) if text else None),
        rescale=picture.rescale or (tuple(ranges) if is_stored else ()),
        colormap=picture.colormap or (str(name) if name else None),
        units=picture.units or "dn",
    )


def renders_of(items: Sequence[pystac.Item], catalog: Catalog) -> dict[str, Any]:
    """Return the named views of an item or of its collection."""
    own = items[0].properties.get("renders")
    shared = catalog.collection(str(items[0].collection_id)).get("renders")
    parts = [part for part in (shared, own) if isinstance(part, dict)]
    known = {name: render for part in parts for name, render in part.items() if isinstance(render, dict)}
    return {name: render for name, render in known.items() if isinstance(render.get("assets"), list)}


def fused(data: xr.Dataset, picture: Picture) -> NDArray[np.float32]:
    """Return what a composite makes of all dates, shape (channels, y, x), NaN without data."""
    from stacaster.analysis.composites import composite

    made = composite(data, picture.composite)
    names = [str(name) for name in data.data_vars]
    shape = data[names[0]].shape[-2:]
    return np.stack([np.asarray(made[name].values, np.float32).reshape(shape) for name in names])


def present_in(data: xr.Dataset, names: Sequence[str]) -> NDArray[np.bool_]:
    """Return where variables have a value, shape (variables, time, y, x)."""
    masks = []
    for name in names:
        values, nodata = data[name].values, data[name].attrs.get("nodata")
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)
        if nodata is not None and not np.isnan(nodata):
            missing |= values == nodata
        masks.append(~missing)
    return np.stack(masks)


def colours(channels: NDArray[np.float32], valid: NDArray[np.bool_], picture: Picture) -> NDArray[np.uint8]:
    """Return red, green, blue and alpha, shape (y, x, 4)."""
    count = len(channels)
    if count not in (1, 3):
        raise UsageError(f"assets: one band or three are drawn, not {count}")
    ranges = picture.rescale
    ranges = ranges * count if len(ranges) == 1 else ranges
    if len(ranges) != count:
        raise UsageError(f"rescale: one range, or one for each of {count} channels, is needed, not {len(ranges)}")
    drawn = np.zeros((*valid.shape, 4), np.uint8)
    for number, (low, high) in enumerate(ranges):
        span = high - low if high != low else 1.0
        scaled = np.clip((np.where(valid, channels[number], low) - low) / span, 0, 1)
        if count == 1:
            drawn[..., :3] = _mapped(scaled, picture.colormap) if picture.colormap else np.rint(scaled * 255)[..., None]
        else:
            drawn[..., number] = np.rint(scaled * 255)
    drawn[..., 3] = np.where(valid, 255, 0)
    return drawn


def _mapped(scaled: NDArray[np.float64], name: str) -> NDArray[np.uint8]:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UsageError("colormap_name needs matplotlib: pip install 'stacaster[plot]'") from error
    known = {entry.lower(): entry for entry in mpl.colormaps}
    if name.lower() not in known:
        raise UsageError(f"colormap_name: there is no {name[:80]!r}")
    mapped: NDArray[np.uint8] = mpl.colormaps[known[name.lower()]](scaled, bytes=True)[..., :3]
    return mapped


def encode(picture: NDArray[np.uint8], form: str) -> bytes:
    """Return a picture of shape (y, x, 4) as a file."""
    import imagecodecs

    if form == "webp":
        return bytes(imagecodecs.webp_encode(np.ascontiguousarray(picture), lossless=True))
    if form == "jpg":
        return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(picture[..., :3]), level=85))
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(picture), level=1))


def as_npy(channels: NDArray[np.float32], valid: NDArray[np.bool_]) -> bytes:
    """Return channels and mask (0 or 255) as a NumPy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.concatenate([channels, np.where(valid, 255, 0)[None].astype(channels.dtype)]))
    return buffer.getvalue()


def summary(values: NDArray[np.float64], present: NDArray[np.bool_]) -> dict[str, Any]:
    """Return statistics of the valid values of a band, as titiler has them."""
    if not values.size:
        return {"min": None, "max": None, "mean": None, "std": None, "median": None, "count": 0, "valid_percent": 0.0}
    counts, edges = np.histogram(values, 10)
    low, middle, high = np.percentile(values, (2, 50, 98))
    return {
        "min": float(values.min()),
        "max": float(values.max()),
        "mean": float(values.mean()),
        "std": float(values.std()),
        "median": float(middle),
        "percentile_2": float(low),
        "percentile_98": float(high),
        "count": int(values.size),
        "valid_percent": 100.0 * values.size / present.size,
        "histogram": [counts.tolist(), edges.tolist()],
    }
