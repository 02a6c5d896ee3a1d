"""Spectral indices: one row of a table each, with formula, units, published range and citation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.cube_bands import SWIR_BANDS, drop_dead_swir
from stacaster.errors import LoadError, UsageError, nearest
from stacaster.formulas import Formula, parse_formula
from stacaster.instruments.aster import BANDS
from stacaster.products import all_products

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

_SWIR = {name for band in BANDS if band.group == "SWIR" for name in (band.name, band.common_name)} - {None}
# ASTER's bands under the common names of STAC.
_SAME = {"green": "B01", "red": "B02", "nir": "B03N", "swir16": "B04"}
_SAME |= {key: name for name, key in _SAME.items()}

_NO_NAME = re.compile(r"\W")
_THREADS = 2
_PIECE = 16_384

_ROUSE = "Rouse et al. (1974), NASA SP-351"
_HALL = "Hall, Riggs and Salomonson (1995), doi:10.1016/0034-4257(95)00137-P"
_GA = "Cudahy (2012), ASTER Geoscience Product Notes for Australia, CSIRO and Geoscience Australia (eCat 74347)"
_THERMAL = "Ninomiya, Fu and Cudahy (2005), doi:10.1016/j.rse.2005.06.009"
_NINOMIYA = "Ninomiya (2003), IGARSS, and (2004), SPIE 5234"
_KALINOWSKI = "Kalinowski and Oliver (2004), ASTER Mineral Index Processing Manual, Geoscience Australia"
_OLDER = "ratio of the package aster-timeseries"


@dataclass(frozen=True, kw_only=True)
class Index:
    """One spectral index."""

    name: str
    """Name, lower case."""
    title: str
    """What it shows."""
    expression: str
    """The formula as text; bands by asset key or common name."""
    units: str
    """Units that the bands must have."""
    citation: str
    """Where the formula comes from."""
    valid_range: tuple[float, float] | None = None
    """Smallest and largest value that the formula can give, where it has such."""
    display_range: tuple[float, float] | None = None
    """Range in which it is published as a picture."""

    @cached_property
    def formula(self) -> Formula:
        """The checked formula."""
        return parse_formula(self.expression)

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands, in the order in which the formula names them."""
        return self.formula.bands

    @property
    def needs_swir(self) -> bool:
        """Whether it has no value from ``SWIR_CUTOFF`` on, as ASTER's SWIR detectors are too warm."""
        return bool(_SWIR & set(self.bands))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**{key: value for key, value in vars(self).items() if key != "formula"}, "bands": list(self.bands),
                "needs_swir": self.needs_swir}  # fmt: skip


def _rows(citation: str, units: str, *rows: tuple[str, str, str, tuple[float, float] | None]) -> list[Index]:
    return [
        Index(name=name, title=title, expression=expression, units=units, citation=citation, display_range=shown)
        for name, expression, title, shown in rows
    ]


_TABLE: list[Index] = [
    Index(name="ndvi", title="Normalized difference vegetation index", expression="(nir - red) / (nir + red)",
          units="reflectance", valid_range=(-1.0, 1.0), citation=_ROUSE),
    Index(name="ndsi", title="Normalized difference snow index", expression="(green - swir16) / (green + swir16)",
          units="reflectance", valid_range=(-1.0, 1.0), citation=_HALL),
    *_rows(
        _GA, "reflectance",
        ("ga_green_vegetation", "B03N / B02", "Green vegetation content", (1.4, 4.0)),
        ("ga_ferric_oxide_content", "B04 / B03N", "Ferric oxide content", (1.1, 2.1)),
        ("ga_ferric_oxide_composition", "B02 / B01", "Ferric oxide composition", (0.5, 3.3)),
        ("ga_ferrous_iron", "B05 / B04", "Ferrous iron index", (0.75, 1.025)),
        ("ga_opaque", "B01 / B04", "Opaque index", (0.4, 0.9)),
        ("ga_aloh_content", "(B05 + B07) / B06", "AlOH group content", (2.0, 2.25)),
        ("ga_aloh_composition", "B05 / B07", "AlOH group composition", (0.9, 1.3)),
        ("ga_kaolin", "B06 / B05", "Kaolin group index", (1.0, 1.25)),
        ("ga_feoh_content", "(B06 + B08) / B07", "FeOH group content", (2.03, 2.25)),
        ("ga_mgoh_content", "(B06 + B09) / (B07 + B08)", "MgOH group content", (1.05, 1.2)),
        ("ga_mgoh_composition", "B07 / B08", "MgOH group composition", (0.6, 1.4)),
        ("ga_ferrous_iron_in_mgoh", "B05 / B04", "Ferrous iron content in MgOH and carbonate", (0.1, 2.0)),
    ),
    *_rows(
        _GA, "radiance",
        ("ga_silica", "B13 / B10", "Silica index", (1.0, 1.35)),
        ("ga_quartz", "B11 / (B10 + B12)", "Quartz index", (0.50, 0.52)),
        # The range is published as 0.47 to 0.50, which is that of the inverse.
        ("ga_gypsum", "(B10 + B12) / B11", "Gypsum index", (2.0, 2.13)),
    ),
    *_rows(
        _THERMAL, "radiance",
        ("qi", "B11 ** 2 / (B10 * B12)", "Quartz index", None),
        ("ci", "B13 / B14", "Carbonate index", None),
        ("mi", "B12 * B14 ** 3 / B13 ** 4", "Mafic index", None),
    ),
    *_rows(
        _NINOMIYA, "radiance",
        ("ohia", "(B07 / B06) * (B04 / B06)", "OH-bearing altered minerals, muscovite and the like", None),
        ("ohib", "(B07 / B05) * (B04 / B05)", "OH-bearing altered minerals, kaolinite, alunite and the like", None),
        ("kli", "(B04 / B05) * (B08 / B06)", "Kaolinite index", None),
        ("ali", "(B07 / B05) * (B07 / B08)", "Alunite index", None),
        ("cli", "(B06 / B08) * (B09 / B08)", "Calcite index", None),
    ),
    *_rows(
        _KALINOWSKI, "reflectance",
        ("ko_ferric_iron", "B02 / B01", "Ferric iron, Fe3+", None),
        ("ko_ferrous_iron", "B05 / B03N + B01 / B02", "Ferrous iron, Fe2+", None),
        ("ko_laterite", "B04 / B05", "Laterite, alteration", None),
        ("ko_gossan", "B04 / B02", "Gossan", None),
        ("ko_ferrous_silicates", "B05 / B04", "Ferrous silicates: biotite, chlorite, amphibole", None),
        ("ko_ferric_oxides", "B04 / B03N", "Ferric oxides", None),
        ("ko_carbonate_chlorite_epidote", "(B07 + B09) / B08", "Carbonate, chlorite, epidote", None),
        ("ko_epidote_chlorite_amphibole", "(B06 + B09) / (B07 + B08)", "Epidote, chlorite, amphibole", None),
        ("ko_amphibole_mgoh", "(B06 + B09) / B08", "Amphibole, MgOH", None),
        ("ko_amphibole", "B06 / B08", "Amphibole", None),
        ("ko_dolomite", "(B06 + B08) / B07", "Dolomite", None),
        ("ko_sericite_muscovite_illite_smectite", "(B05 + B07) / B06", "Sericite, muscovite, illite, smectite", None),
        ("ko_alunite_kaolinite_pyrophyllite", "(B04 + B06) / B05", "Alunite, kaolinite, pyrophyllite", None),
        ("ko_phengitic", "B05 / B06", "Phengitic mica", None),
        ("ko_muscovite", "B07 / B06", "Muscovite", None),
        ("ko_kaolinite", "B07 / B05", "Kaolinite", None),
        ("ko_clay", "B05 * B07 / B06 ** 2", "Clay", None),
    ),
    *_rows(
        _KALINOWSKI, "radiance",
        ("ko_carbonate", "B13 / B14", "Carbonate", None),
        ("ko_quartz_rich", "B14 / B12", "Quartz-rich rocks", None),
        ("ko_silica_11_10", "B11 / B10", "Silica", None),
        ("ko_silica_11_12", "B11 / B12", "Silica", None),
        ("ko_silica_13_10", "B13 / B10", "Silica", None),
        ("ko_basic_degree", "B12 / B13", "Basic degree index: garnet, clinopyroxene, epidote, chlorite", None),
        ("ko_sio2", "B13 / B12", "SiO2", None),
    ),
    *_rows(
        _OLDER, "radiance",
        ("ratio_4_6", "B04 / B06", "Band 4 over band 6", None),
        ("ratio_5_7", "B05 / B07", "Band 5 over band 7", None),
        ("ratio_6_8", "B06 / B08", "Band 6 over band 8", None),
    ),
]  # fmt: skip

INDICES: Mapping[str, Index] = {index.name: index for index in _TABLE}
"""All indices by name."""


def get_index(name: str) -> Index:
    """Return an index by name, any case; ``spyndex:NAME`` is one of Awesome Spectral Indices.

    Raises:
        UsageError: There is no such index, the message names the nearest; or spyndex is missing.
    """
    key = name.strip().lower()
    if key.startswith("spyndex:"):
        return _of_spyndex(name.strip().partition(":")[2].strip())
    if key not in INDICES:
        raise UsageError(f"{name!r} is no index; {nearest(key, INDICES)}")
    return INDICES[key]


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


def compute_index(cube: xr.Dataset, index: str | Index) -> xr.DataArray:
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
    """
    (result,) = compute_indices(cube, [index]).data_vars.values()
    return result


def compute_indices(cube: xr.Dataset, indices: Sequence[str | Index]) -> xr.Dataset:
    """Compute several indices in one pass over the bands; see ``compute_index``."""
    import xarray as xr

    wanted = [get_index(index) if isinstance(index, str) else index for index in indices]
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
            "threads": 1 if is_lazy else _THREADS,
        },
        dask="parallelized",
        output_dtypes=[np.float32] * len(wanted),
        # Those of the coordinates say the CRS.
        keep_attrs=True,
    )
    made = {}
    for index, found, result in zip(wanted, places, results if len(wanted) > 1 else (results,), strict=True):
        # Landsat's and Sentinel-2's swir16 goes on.
        alive = drop_dead_swir(result) if SWIR_BANDS & set(found.values()) else result
        made[index.name] = _described(alive, index, cube[found[index.bands[0]]])
    return xr.Dataset(made)


def _places(cube: xr.Dataset, index: Index) -> dict[str, str]:
    """Return the variable of each band of an index."""
    places = {band: band if band in cube.data_vars else _SAME.get(band, band) for band in index.bands}
    missing = [band for band, place in places.items() if place not in cube.data_vars]
    if missing:
        have = ", ".join(str(key) for key in cube.data_vars)
        raise LoadError(
            f"{index.name} needs {', '.join(index.bands)}; {', '.join(missing)} missing, the cube has {have}"
            f"{_known_in(missing)}"
        )
    bands = [cube[place] for place in places.values()]
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
    kept = {key: value for key, value in first.attrs.items() if key == "grid_mapping"}
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
