"""Spectral indices of cubes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster import config
from stacaster.analysis.bands import as_cube, drop_dead_swir, find_band, is_aster_swir, refuse_codes
from stacaster.analysis.formulas import Formula, parse_formula
from stacaster.analysis.indices.table import INDICES, Index, all_indices
from stacaster.errors import LoadError, UsageError, nearest
from stacaster.model.checked import checked
from stacaster.products import all_products

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray


_NO_NAME = re.compile(r"\W")
_PIECE = 16_384

__all__ = ["INDICES", "Index", "all_indices", "compute_index", "compute_indices", "get_index", "own_index"]


def get_index(name: str) -> Index:
    """Return an index by name, any case; ``spyndex:NAME`` is one of Awesome Spectral Indices.

    Raises:
        UsageError: There is no such index, the message names the nearest; or spyndex is missing.
    """
    if not isinstance(name, str):
        raise UsageError(f"index is {name!r}, but a name is needed; {nearest(str(name), all_indices())}")
    key = name.strip().lower()
    if key.startswith("spyndex:"):
        return _of_spyndex(name.strip().partition(":")[2].strip())
    if key not in all_indices():
        raise UsageError(f"{name!r} is no index; {nearest(key, all_indices())}")
    return all_indices()[key]


def _of_spyndex(name: str) -> Index:
    """Return an index of the spyndex package (Montero et al. 2023, doi:10.1038/s41597-023-02096-0)."""
    try:
        import spyndex
    except ImportError as error:
        raise UsageError("indices of spyndex need it: pip install 'stacaster[spyndex]'") from error
    known = {entry.lower(): entry for entry in spyndex.indices}
    if name.lower() not in known:
        raise UsageError(f"{name!r} is no index of spyndex; {nearest(name.lower(), known)}")
    found = spyndex.indices[known[name.lower()]]
    words: dict[str, str] = {}
    for symbol in found.bands:
        if symbol in spyndex.bands:
            words[symbol] = str(spyndex.bands[symbol].common_name)
        elif symbol in spyndex.constants and spyndex.constants[symbol].default is not None:
            words[symbol] = repr(float(spyndex.constants[symbol].default))
        else:
            raise UsageError(
                f"{found.short_name} of spyndex needs {symbol}, which is neither a band nor a known number"
            )
    expression = re.sub(r"[A-Za-z_]\w*", lambda part: words.get(part.group(), part.group()), str(found.formula))
    parse_formula(expression)
    return Index(
        name=_NO_NAME.sub("_", known[name.lower()].lower()), title=str(found.long_name), expression=expression,
        units="reflectance", citation=str(found.reference),
    )  # fmt: skip


def own_index(expression: str, *, units: str = "reflectance", name: str = "own") -> Index:
    """Return an index from a formula of one's own.

    Args:
        expression: Such as ``(B05 + B07) / B06``; see ``formulas.parse_formula``.
        units: Units that the bands must have.
        name: Name of the result.

    Raises:
        UsageError: The formula holds what is not allowed; the message shows where.
    """
    found = Index(name=name, title=expression, expression=expression, units=units, citation="formula of the user")
    parse_formula(expression)
    return found


@checked
def compute_index(cube: xr.Dataset | xr.DataArray, index: str | Index) -> xr.DataArray:
    """Compute an index from a cube in physical units.

    Args:
        cube: Dataset with one variable for each band of the index, named by asset key or common name.
        index: Name of the index, or an ``Index``.

    Returns:
        Float32 array with NaN where a band has no data, the formula divides by zero, or ASTER's SWIR was dead;
        ``expression``, ``citation`` and ``units`` stand in the attributes.

    Raises:
        UsageError: There is no such index.
        LoadError: The cube lacks a band, or holds stored numbers where the index needs physical units.

    Example:
        >>> search = stacaster.open_catalog("catalogs/demo").search(datetime="2003-12")
        >>> cube = search.load(bands=["red", "nir"], units="reflectance", native=True)
        >>> stacaster.compute_index(cube, "ndvi").name
        'ndvi'
    """
    (result,) = compute_indices(cube, [index]).data_vars.values()
    return result


@checked
def compute_indices(cube: xr.Dataset | xr.DataArray, indices: str | Index | Sequence[str | Index]) -> xr.Dataset:
    """Compute several indices in one pass over the bands; see ``compute_index``.

    Example:
        >>> search = stacaster.open_catalog("catalogs/demo").search(datetime="2003-12")
        >>> cube = search.load(bands=["red", "nir", "green"], units="reflectance", native=True)
        >>> sorted(stacaster.compute_indices(cube, ["ndvi", "ga_ferric_oxide_composition"]).data_vars)
        ['ga_ferric_oxide_composition', 'ndvi']
    """
    import xarray as xr

    cube = as_cube(cube)
    names_or_indices = [indices] if isinstance(indices, (str, Index)) else indices
    if not isinstance(names_or_indices, Iterable):
        raise UsageError(
            f"indices is {indices!r}, but names of indices are needed; {nearest(str(indices), all_indices())}"
        )
    wanted = [index if isinstance(index, Index) else _named_or_own(index) for index in names_or_indices]
    if not wanted:
        raise UsageError("indices is empty, but at least one name is needed")
    places = [_places(cube, index) for index in wanted]
    names = list(dict.fromkeys(name for found in places for name in found.values()))
    bands = [cube[name] for name in names]
    is_lazy = any(band.chunks for band in bands)
    results = xr.apply_ufunc(
        _evaluate,
        *bands,
        output_core_dims=[[]] * len(wanted),
        kwargs={
            "formulas": [index.formula for index in wanted],
            "places": [{band: names.index(name) for band, name in found.items()} for found in places],
            # Dask works on several blocks at once by itself.
            "threads": 1 if is_lazy else config.threads(4),
        },
        dask="parallelized",
        output_dtypes=[np.float32] * len(wanted),
        # Those of the coordinates say the CRS.
        keep_attrs=True,
    )
    made = {}
    for index, found, result in zip(wanted, places, results if len(wanted) > 1 else (results,), strict=True):
        # SWIR of Landsat and Sentinel-2 goes on.
        swir = next((cube[name] for name in found.values() if is_aster_swir(name, cube[name])), None)
        alive = result if swir is None else drop_dead_swir(result.rename(swir.name).assign_attrs(swir.attrs))
        made[index.name] = _described(alive, index, cube[found[index.bands[0]]])
    return xr.Dataset(made)


def _named_or_own(name: Any) -> Index:
    """Return an index by name, or of a formula of reflectances."""
    is_formula = isinstance(name, str) and not name.strip().replace(":", "_").isidentifier()
    return own_index(name, name="own") if is_formula else get_index(name)


def _places(cube: xr.Dataset, index: Index) -> dict[str, str]:
    """Return the variable of each band of an index."""
    found = {band: find_band(cube.data_vars, band) for band in index.bands}
    missing = [band for band, place in found.items() if place is None]
    if missing:
        have = ", ".join(str(key) for key in cube.data_vars)
        raise LoadError(
            f"{index.name} needs {', '.join(index.bands)}; {', '.join(missing)} missing, the cube has {have}"
            f"{_known_in(missing)}"
        )
    places = {band: place for band, place in found.items() if place is not None}
    bands = [cube[place] for place in places.values()]
    refuse_codes(cube[list(places.values())], "index", "give bands of quantities")
    if any("nodata" in band.attrs or band.dtype.kind != "f" for band in bands):
        raise LoadError(
            f"{index.name} needs {index.units}, but the cube holds stored numbers: load with units={index.units!r}"
        )
    return places


def _known_in(bands: Sequence[str]) -> str:
    """Say which products have bands."""
    texts = []
    for band in bands:
        products = [
            product.collection_id
            for product in all_products().values()
            if any(band in (known.name, known.common_name) for known in product.bands)
        ]
        if products:
            texts.append(f"{band} is in {', '.join(sorted(products))}")
    return f" ({'; '.join(texts)})" if texts else ""


def _evaluate(
    *bands: NDArray[Any], formulas: Sequence[Formula], places: Sequence[Mapping[str, int]], threads: int
) -> Any:
    """Evaluate formulas piece by piece, in double precision; a piece of all bands stays in the cache."""
    shape = np.broadcast_shapes(*(band.shape for band in bands))
    flat = [np.broadcast_to(band, shape).reshape(-1) for band in bands]
    results = [np.empty(flat[0].size, np.float32) for _ in formulas]

    def run(start: int) -> None:
        part = slice(start, start + _PIECE)
        wide = [band[part].astype(np.float64) for band in flat]
        for formula, known, result in zip(formulas, places, results, strict=True):
            with np.errstate(all="ignore"):
                values = np.asarray(formula({band: wide[place] for band, place in known.items()}))
                result[part] = np.where(np.isfinite(values), values, np.nan)

    starts = range(0, flat[0].size, _PIECE)
    if threads > 1 and len(starts) > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, starts))
    else:
        for start in starts:
            run(start)
    shaped = tuple(result.reshape(shape) for result in results)
    return shaped if len(shaped) > 1 else shaped[0]


def _described(result: xr.DataArray, index: Index, first: xr.DataArray) -> xr.DataArray:
    kept = {key: value for key, value in first.attrs.items() if key in ("grid_mapping", "collections")}
    ranges = {"valid_range": index.valid_range, "display_range": index.display_range}
    result.attrs = kept | {
        "long_name": index.title,
        "units": "1",
        "expression": index.expression,
        "input_units": index.units,
        "citation": index.citation,
        **{key: list(value) for key, value in ranges.items() if value is not None},
    }
    return result.rename(index.name)
