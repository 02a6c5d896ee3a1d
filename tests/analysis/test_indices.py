"""Every index against its published formula, written a second time by numbers of bands, and what the formulas mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import xarray as xr

import stacaster
from stacaster.analysis.formulas import parse_formula
from stacaster.analysis.indices import INDICES, compute_index, get_index, own_index
from stacaster.errors import LoadError, UsageError

# Some numbers, all different, so that an index with bands exchanged gives another value.
VALUES = {1: 0.11, 2: 0.13, 3: 0.29, 4: 0.37, 5: 0.31, 6: 0.23, 7: 0.41, 8: 0.19, 9: 0.17,
          10: 8.3, 11: 8.9, 12: 9.7, 13: 10.1, 14: 9.1}  # fmt: skip
NAMES = {3: "B03N"} | {n: f"B{n:02d}" for n in VALUES if n != 3}
B = Mapping[int, float]
PUBLISHED: dict[str, Callable[[B], float]] = {
    "ndvi": lambda b: (b[3] - b[2]) / (b[3] + b[2]),
    "ndsi": lambda b: (b[1] - b[4]) / (b[1] + b[4]),
    "ga_green_vegetation": lambda b: b[3] / b[2],
    "ga_ferric_oxide_content": lambda b: b[4] / b[3],
    "ga_ferric_oxide_composition": lambda b: b[2] / b[1],
    "ga_ferrous_iron": lambda b: b[5] / b[4],
    "ga_opaque": lambda b: b[1] / b[4],
    "ga_aloh_content": lambda b: (b[5] + b[7]) / b[6],
    "ga_aloh_composition": lambda b: b[5] / b[7],
    "ga_kaolin": lambda b: b[6] / b[5],
    "ga_feoh_content": lambda b: (b[6] + b[8]) / b[7],
    "ga_mgoh_content": lambda b: (b[6] + b[9]) / (b[7] + b[8]),
    "ga_mgoh_composition": lambda b: b[7] / b[8],
    "ga_ferrous_iron_in_mgoh": lambda b: b[5] / b[4],
    "ga_silica": lambda b: b[13] / b[10],
    "ga_quartz": lambda b: b[11] / (b[10] + b[12]),
    "ga_gypsum": lambda b: (b[10] + b[12]) / b[11],
    "qi": lambda b: b[11] * b[11] / (b[10] * b[12]),
    "ci": lambda b: b[13] / b[14],
    "mi": lambda b: b[12] * b[14] ** 3 / b[13] ** 4,
    "ohia": lambda b: (b[7] / b[6]) * (b[4] / b[6]),
    "ohib": lambda b: (b[7] / b[5]) * (b[4] / b[5]),
    "kli": lambda b: (b[4] / b[5]) * (b[8] / b[6]),
    "ali": lambda b: (b[7] / b[5]) * (b[7] / b[8]),
    "cli": lambda b: (b[6] / b[8]) * (b[9] / b[8]),
    "ko_ferric_iron": lambda b: b[2] / b[1],
    "ko_ferrous_iron": lambda b: b[5] / b[3] + b[1] / b[2],
    "ko_laterite": lambda b: b[4] / b[5],
    "ko_gossan": lambda b: b[4] / b[2],
    "ko_ferrous_silicates": lambda b: b[5] / b[4],
    "ko_ferric_oxides": lambda b: b[4] / b[3],
    "ko_carbonate_chlorite_epidote": lambda b: (b[7] + b[9]) / b[8],
    "ko_epidote_chlorite_amphibole": lambda b: (b[6] + b[9]) / (b[7] + b[8]),
    "ko_amphibole_mgoh": lambda b: (b[6] + b[9]) / b[8],
    "ko_amphibole": lambda b: b[6] / b[8],
    "ko_dolomite": lambda b: (b[6] + b[8]) / b[7],
    "ko_sericite_muscovite_illite_smectite": lambda b: (b[5] + b[7]) / b[6],
    "ko_alunite_kaolinite_pyrophyllite": lambda b: (b[4] + b[6]) / b[5],
    "ko_phengitic": lambda b: b[5] / b[6],
    "ko_muscovite": lambda b: b[7] / b[6],
    "ko_kaolinite": lambda b: b[7] / b[5],
    "ko_clay": lambda b: b[5] * b[7] / (b[6] * b[6]),
    "ko_carbonate": lambda b: b[13] / b[14],
    "ko_quartz_rich": lambda b: b[14] / b[12],
    "ko_silica_11_10": lambda b: b[11] / b[10],
    "ko_silica_11_12": lambda b: b[11] / b[12],
    "ko_silica_13_10": lambda b: b[13] / b[10],
    "ko_basic_degree": lambda b: b[12] / b[13],
    "ko_sio2": lambda b: b[13] / b[12],
    "ratio_4_6": lambda b: b[4] / b[6],
    "ratio_5_7": lambda b: b[5] / b[7],
    "ratio_6_8": lambda b: b[6] / b[8],
}


def cube_of(values: B, *, year: int = 2003) -> xr.Dataset:
    times = np.array([f"{year}-08-30"], dtype="datetime64[ns]")
    return xr.Dataset(
        {NAMES[n]: (("time", "y", "x"), np.full((1, 1, 1), v, "float32")) for n, v in values.items()},
        coords={"time": times},
    )


def value_of(name: str, values: B, **options: int) -> float:
    return float(stacaster.compute_index(cube_of(values, **options), name)[0, 0, 0])


def test_every_index_is_in_the_second_table() -> None:
    assert set(PUBLISHED) == set(INDICES) and len(INDICES) > 50


@pytest.mark.parametrize("name", PUBLISHED)
def test_formulas(name: str) -> None:
    index = INDICES[name]
    assert value_of(name, VALUES) == pytest.approx(PUBLISHED[name](VALUES), rel=1e-6)
    assert index.citation and index.title and index.units in ("reflectance", "radiance")
    found = compute_index(cube_of(VALUES), name)
    assert found.dtype == np.float32 and found.attrs["expression"] == index.expression
    assert found.attrs["citation"] == index.citation and found.name == name
    if index.display_range:
        low, high = index.display_range
        assert low < high and found.attrs["display_range"] == [low, high]


def test_some_by_hand() -> None:
    assert value_of("ndvi", VALUES) == pytest.approx(0.16 / 0.42)
    assert value_of("ga_aloh_content", VALUES) == pytest.approx(0.72 / 0.23)
    assert value_of("kli", VALUES) == pytest.approx(0.985975, abs=1e-6)  # 0.37 * 0.19 / (0.31 * 0.23)
    assert value_of("qi", VALUES) == pytest.approx(0.983853, abs=1e-6)  # 79.21 / 80.51


# Reflectances in bands 4 to 9, from the shape of each mineral's absorptions: kaolinite at 2.165 and 2.205 um (bands 5
# and 6), alunite at 2.165 (5) and 2.33 (8), muscovite at 2.205 (6), calcite at 2.33 (8); quartz has none.
MINERALS = {
    "kaolinite": (0.80, 0.60, 0.55, 0.72, 0.68, 0.66),
    "alunite": (0.70, 0.42, 0.52, 0.62, 0.50, 0.55),
    "muscovite": (0.75, 0.66, 0.50, 0.65, 0.60, 0.62),
    "calcite": (0.80, 0.78, 0.77, 0.74, 0.55, 0.66),
    "quartz": (0.70, 0.70, 0.70, 0.70, 0.70, 0.70),
}


def mineral(name: str) -> dict[int, float]:
    return VALUES | dict(zip(range(4, 10), MINERALS[name], strict=True))


@pytest.mark.parametrize(
    ("index", "high"),
    [
        ("kli", "kaolinite"), ("ali", "alunite"), ("ohia", "muscovite"), ("cli", "calcite"),
        ("ga_aloh_content", "muscovite"), ("ko_carbonate_chlorite_epidote", "calcite"), ("ohib", "alunite"),
        ("ko_alunite_kaolinite_pyrophyllite", "kaolinite"),
    ],
)  # fmt: skip
def test_a_mineral_scores_above_quartz_on_its_index(index: str, high: str) -> None:
    assert value_of(index, mineral(high)) > 1.05 * value_of(index, mineral("quartz"))


def test_dead_swir_gives_no_value() -> None:
    for name, index in INDICES.items():
        late = value_of(name, VALUES, year=2010)
        assert np.isnan(late) == index.needs_swir, name
    assert INDICES["kli"].needs_swir and not INDICES["ndvi"].needs_swir and not INDICES["qi"].needs_swir


def test_common_names_serve_other_satellites() -> None:
    """Landsat's or Sentinel-2's swir16 does not end in 2008; ASTER's bands answer to both names."""
    values = {"green": 0.6, "swir16": 0.2, "nir": 0.5, "red": 0.4}
    times = np.array(["2020-01-01"], dtype="datetime64[ns]")
    cube = xr.Dataset({n: (("time",), np.array([v], "float32")) for n, v in values.items()}, coords={"time": times})
    assert float(compute_index(cube, "ndsi")[0]) == pytest.approx(0.5)
    assert float(compute_index(cube, "NDVI")[0]) == pytest.approx(0.1 / 0.9)
    assert float(compute_index(cube, "ga_green_vegetation")[0]) == pytest.approx(1.25)


def test_no_value_where_it_cannot_be() -> None:
    values = VALUES | {6: 0.0, 2: float("nan")}
    assert np.isnan(value_of("ga_aloh_content", values)) and np.isnan(value_of("ndvi", values))
    with pytest.raises(LoadError, match="kli needs B04, B05, B08, B06; B08 missing"):
        compute_index(cube_of(VALUES).drop_vars("B08"), "kli")
    with pytest.raises(UsageError, match="'klli' is no index; nearest are kli"):
        compute_index(cube_of(VALUES), "klli")


def test_formulas_of_ones_own() -> None:
    index = own_index("where(B05 < B07, maximum(B05, 0.5) + sqrt(B04) * -2 ** 2, log10(100))")
    found = compute_index(cube_of(VALUES), index)
    assert float(found[0, 0, 0]) == pytest.approx(0.5 - 4 * 0.37**0.5, rel=1e-6)
    assert index.bands == ("B05", "B07", "B04")
    lazy = compute_index(cube_of(VALUES).chunk(), index)
    assert lazy.chunks is not None and lazy.compute().equals(found)


HOSTILE = [
    "__import__('os').system('true')", "B01.__class__", "(lambda: B01)()", "[B01 for _ in B01]", "B01 if B02 else B03",
    "B01 and B02", "'text'", "B01[0]", "open('x')", "exec('1')", "B01 ** B02", "2 ** 99", "B01 < B02 < B03", "f'{B01}'",
    "B01; B02", "B01 = 2", "", "(", "sqrt(B01, B02)", "where(B01)", "True", "B01 @ B02", "B01 // B02", "~B01",
    "1j * B01",
    "getattr(B01, 'x')", "B01 if", "sqrt(" * 80 + "B01" + ")" * 80, "-" * 500 + "B01", "sqrt(x=B01)", "1 + 2",
    "B01 | B02",
    "...", "*B01", "yield B01", "await B01", "print(B01)", "B01 := 2", "\x00", "9" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_only_arithmetic_is_a_formula(text: str) -> None:
    with pytest.raises(UsageError):
        parse_formula(text)


def test_a_wrong_formula_is_shown_where() -> None:
    with pytest.raises(UsageError, match=r"'B01 \+ >>>sqr\(B02\)': function 'sqr'; nearest are sqrt"):
        parse_formula("B01 + sqr(B02)")


def test_several_indices_in_one_pass() -> None:
    cube = cube_of(VALUES)
    found = stacaster.compute_indices(cube, ["ndvi", "kli", own_index("B05 / B06")])
    assert list(found.data_vars) == ["ndvi", "kli", "own"]
    for name in ("ndvi", "kli"):
        assert found[name].identical(compute_index(cube, name))
    lazy = stacaster.compute_indices(cube.chunk({"x": 1}), ["ndvi", "kli"])
    assert lazy.kli.chunks and lazy.compute().identical(found[["ndvi", "kli"]])


def test_large_cubes_are_cut_into_pieces() -> None:
    rng = np.random.default_rng(0)
    bands = {name: rng.random((2, 300, 201)).astype("float32") for name in ("B02", "B03N")}
    bands["B02"][0, 5, 7] = np.nan
    times = np.array(["2003-01-01", "2004-01-01"], "datetime64[ns]")
    cube = xr.Dataset({name: (("time", "y", "x"), values) for name, values in bands.items()}, coords={"time": times})
    red, nir = (bands[name].astype(float) for name in ("B02", "B03N"))
    expected = ((nir - red) / (nir + red)).astype("float32")
    assert np.array_equal(compute_index(cube, "ndvi").values, expected, equal_nan=True)


def test_a_missing_band_is_named_with_the_products_that_have_it() -> None:
    words = r"B06 missing, the cube has B05 \(B06 is in ast-07-003, .*, aster-l1t-003, aster-l1t-004"
    with pytest.raises(LoadError, match=words):
        compute_index(cube_of({5: 0.2}), "ga_kaolin")


def test_indices_of_spyndex() -> None:
    spyndex = pytest.importorskip("spyndex")
    bands = {"nir": 0.5, "red": 0.2, "blue": 0.1, "green": 0.3}
    cube = xr.Dataset({name: ("x", np.full(3, value, "float32")) for name, value in bands.items()})
    evi = compute_index(cube, "spyndex:EVI")
    assert evi.values == pytest.approx(2.5 * (0.5 - 0.2) / (0.5 + 6 * 0.2 - 7.5 * 0.1 + 1), rel=1e-6)
    assert evi.name == "evi" and evi.attrs["citation"].startswith("https://doi.org/")
    # A root, which spyndex writes as a power of a fraction.
    avi = compute_index(cube, "spyndex:avi")
    expected = spyndex.computeIndex("AVI", {"N": 0.5, "R": 0.2})
    assert avi.values == pytest.approx(expected, rel=1e-6)
    usable = 0
    for name in spyndex.indices:
        try:
            usable += bool(get_index(f"spyndex:{name}").bands)
        except UsageError as error:
            assert "neither a band nor a known number" in str(error), name
    assert usable >= 230
    with pytest.raises(UsageError, match="is no index of spyndex; nearest"):
        get_index("spyndex:EVY")


@pytest.mark.parametrize("text", ["B02 ** B03N", "B02 ** (1 / 0)", "B02 ** (4 * 5)", "B02 ** 'x'", "B02 ** -17"])
def test_powers_are_small_numbers(text: str) -> None:
    with pytest.raises(UsageError, match=r"a power has to be a number up to 16|only numbers"):
        parse_formula(text)


@pytest.mark.parametrize(("text", "value"), [("B02 ** (1/3)", 2.0), ("B02 ** -1", 0.125), ("B02 ** (1 + 1.0)", 64.0)])
def test_powers_made_of_numbers(text: str, value: float) -> None:
    assert parse_formula(text)({"B02": 8.0}) == pytest.approx(value)


def test_swir_is_known_by_asset_and_sensor() -> None:
    names = {"green": 0.2, "swir16": 0.1}
    times = np.array(["2010-01-01"], "datetime64[ns]")
    cube = xr.Dataset(
        {name: (("time", "x"), np.full((1, 2), value, "float32")) for name, value in names.items()}, {"time": times}
    )
    assert np.isfinite(compute_index(cube, "ndsi")).all()
    cube["swir16"].attrs = {"sensor": "aster", "asset": "B04"}
    assert np.isnan(compute_index(cube, "ndsi")).all()
    cube["swir16"].attrs = {"sensor": "msi", "asset": "B11"}
    assert np.isfinite(compute_index(cube, "ndsi")).all()
