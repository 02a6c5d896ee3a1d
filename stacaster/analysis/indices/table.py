"""The table of spectral indices: one row each, with formula, units, published range and citation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from typing import Any

from stacaster.analysis.formulas import Formula, parse_formula
from stacaster.instruments.aster import BANDS
from stacaster.model.packages import read_packages

_SWIR = {name for band in BANDS if band.group == "SWIR" for name in (band.name, band.common_name)} - {None}

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
"""The indices of stacaster by name; see ``all_indices``."""

GROUP = "stacaster.indices"
"""Entry points whose module has ``INDEX`` or ``INDICES``: one `Index`, or several in a sequence."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@cache
def all_indices() -> Mapping[str, Index]:
    """Return the indices of stacaster and, after them, those of installed packages, by name.

    A package that cannot be imported, or has a name that is taken, is a warning and costs no other.

    Example:
        >>> all_indices()["ndvi"] is INDICES["ndvi"]
        True
    """
    found = dict(INDICES)

    def read(point: metadata.EntryPoint, _: str) -> None:
        module = point.load()
        own = tuple(getattr(module, "INDICES", None) or (module.INDEX,))
        for index in own:
            _check(index, found)
        found.update({index.name: index for index in own})

    read_packages(GROUP, "the indices of {package} are", read)
    return found


def _check(index: object, existing: Mapping[str, Index]) -> None:
    """Raise where the object of a package is no index, has a wrong or taken name, or a wrong formula."""
    if not isinstance(index, Index):
        raise TypeError(f"{index!r} is no Index")
    if not _NAME.fullmatch(index.name) or index.name in existing:
        raise ValueError(f"{index.name!r} is taken, or not of lower-case letters, digits and _")
    _ = index.formula
