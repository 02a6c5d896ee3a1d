"""Composites: geometric medians at their optimum, invariances, bare earth, dead SWIR, lazy as eager."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import stacaster
from stacaster.analysis.composites import METHODS, composite
from stacaster.analysis.geomedian import geometric_median, median_deviations
from stacaster.errors import LoadError, UsageError

TIMES = pd.date_range("2002-01-05", periods=12, freq="37D")


def observations(pixels: int = 300, *, bands: int = 3, seed: int = 3) -> np.ndarray:
    """Reflectances with bright outliers and holes."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.05, 0.5, (bands, pixels)) + rng.normal(0, 0.03, (12, bands, pixels))
    values += (rng.random((12, 1, pixels)) < 0.2) * rng.uniform(0.2, 0.5, (12, 1, pixels))
    values[rng.random((12, bands, pixels)) < 0.05] = np.nan
    return values


def gradient(values: np.ndarray, weights: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Return the length of the smallest subgradient of the sum of distances, as a share of the weights."""
    offset = values - point
    valid = np.isfinite(values).all(axis=1)
    weights = np.where(valid, weights, 0)
    distance = np.sqrt((np.where(valid[:, None], offset, 0) ** 2).sum(axis=1))
    on_it = valid & (distance < 1e-6)
    pull = np.where(on_it | ~valid, 0, weights / np.where(distance > 0, distance, 1))
    force = np.sqrt((np.where(valid[:, None], offset, 0) * pull[:, None]).sum(axis=0).__pow__(2).sum(axis=0))
    share: np.ndarray = np.maximum(force - (weights * on_it).sum(axis=0), 0) / weights.sum(axis=0)
    return share


def cube_of(values: np.ndarray, names: tuple[str, ...] = ("B01", "B02", "B03N"), *, start: str = "2002") -> xr.Dataset:
    """Make a cube of shape (time, band, pixel), folded to ten columns."""
    times = TIMES + (pd.Timestamp(start) - pd.Timestamp("2002"))
    folded = values.reshape(values.shape[0], values.shape[1], -1, 10).astype("float32")
    return xr.Dataset(
        {name: (("time", "y", "x"), folded[:, n], {"units": "1"}) for n, name in enumerate(names)},
        coords={"time": times, "y": np.arange(folded.shape[2]), "x": np.arange(10)},
    )


@pytest.mark.parametrize("bands", [1, 2, 3, 6, 9])
def test_a_geometric_median_is_the_optimum(bands: int) -> None:
    values = observations(bands=bands)
    found = geometric_median(values).astype(float)
    assert gradient(values, np.ones((12, 300)), found).max() < 2e-4
    weights = np.random.default_rng(5).uniform(0.01, 3, (12, 300))
    weighted = geometric_median(values, weights).astype(float)
    assert gradient(values, weights, weighted).max() < 2e-4
    assert np.abs(weighted - found).max() > 0.01


def test_a_far_observation_pulls_no_stronger_than_a_near_one() -> None:
    values = np.tile(np.array([[0.1, 0.2], [0.11, 0.2], [0.1, 0.21], [0.11, 0.21], [0.9, 0.9]])[:, :, None], (1, 1, 3))
    assert geometric_median(values) == pytest.approx(np.tile([[0.1085], [0.2085]], 3), abs=3e-3)


def test_the_median_of_a_triangle_is_its_fermat_point() -> None:
    # An equilateral triangle: the centre. One with an angle of more than 120 degrees: the corner there.
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])[:, :, None]
    assert geometric_median(corners)[:, 0] == pytest.approx([0.5, np.sqrt(3) / 6], abs=1e-5)
    flat = np.array([[-1.0, 0.2], [1.0, 0.2], [0.0, 0.0]])[:, :, None]
    assert geometric_median(flat)[:, 0] == pytest.approx([0, 0], abs=1e-7)


def test_one_band_gives_the_weighted_median() -> None:
    values = np.array([1.0, 2.0, 3.0, 10.0, 50.0])[:, None, None]
    assert geometric_median(values)[0, 0] == pytest.approx(3, abs=1e-5)
    weights = np.array([1.0, 1.0, 1.0, 1.0, 5.0])[:, None]
    assert geometric_median(values, weights)[0, 0] == pytest.approx(50, abs=1e-5)


def test_equal_weights_are_no_weights() -> None:
    values = observations()
    assert np.array_equal(geometric_median(values), geometric_median(values, np.full((12, 300), 1.0)), equal_nan=True)
    assert geometric_median(values) == pytest.approx(geometric_median(values, np.full((12, 300), 7.5)), abs=1e-5)


def test_a_rotation_of_the_bands_rotates_the_median() -> None:
    values = observations()
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    turned = np.einsum("ab,tbn->tan", turn, values)
    assert turn @ geometric_median(values) == pytest.approx(geometric_median(turned), abs=1e-5)


@pytest.mark.parametrize("size", [1e-4, 1.0, 300.0, 1e6])
def test_units_do_not_matter(size: float) -> None:
    values = observations()
    assert geometric_median(values * size) / size == pytest.approx(geometric_median(values), abs=1e-5)


def test_few_observations() -> None:
    values = np.full((12, 3, 4), np.nan)
    values[2, :, 1] = (0.1, 0.2, 0.3)
    values[[2, 5], :, 2] = ((0.1, 0.2, 0.3), (0.3, 0.4, 0.5))
    values[:, :, 3] = (0.7, 0.8, 0.9)
    found = geometric_median(values)
    assert np.isnan(found[:, 0]).all()
    assert pytest.approx(np.array([(0.1, 0.2, 0.3), (0.2, 0.3, 0.4), (0.7, 0.8, 0.9)]), abs=1e-6) == found[:, 1:].T


def test_a_mean_on_an_observation_is_no_optimum() -> None:
    # The mean, with which the iteration begins, is the third observation; the median is the second.
    values = np.array([(0.0, 4.0), (0.0, -2.0), (0.0, 0.0)])[:, :, None]
    weights = np.array([2.0, 4.0, 1.0])[:, None]
    assert geometric_median(values, weights)[:, 0] == pytest.approx([0, -2], abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(-20, 20)] * 2), min_size=1, max_size=8),
    st.lists(st.integers(1, 5), min_size=8, max_size=8),
)
def test_hostile_constellations(points: list[tuple[int, int]], weights: list[int]) -> None:
    # Whole numbers: equal observations, observations on a line, medians on an observation.
    values = np.array(points, float)[:, :, None]
    weight = np.array(weights[: len(points)], float)[:, None]
    found = geometric_median(values, weight).astype(float)
    assert np.isfinite(found).all()

    def cost(at: np.ndarray) -> float:
        return float((weight * np.sqrt(((values - at) ** 2).sum(axis=1))).sum())

    around = [found + np.array([[a], [b]]) for a in (-1e-2, 0, 1e-2) for b in (-1e-2, 0, 1e-2)]
    assert cost(found) <= min(cost(at) for at in [*around, *values]) + 1e-3 * weight.sum()


def test_a_pixel_does_not_depend_on_its_neighbours() -> None:
    values = observations(40_000)
    whole = geometric_median(values, threads=2)
    for part in (slice(0, 1), slice(7, 70), slice(16_000, 17_111), slice(39_999, 40_000)):
        assert np.array_equal(whole[:, part], geometric_median(values[:, :, part], threads=1), equal_nan=True)


def test_deviations_are_the_medians_of_three_distances() -> None:
    values = observations(20)
    values[:, :, 4] = np.nan
    median = geometric_median(values)
    emad, smad, bcmad = median_deviations(values, median)
    for pixel in (0, 7, 19):
        rows = values[np.isfinite(values[:, :, pixel]).all(axis=1), :, pixel]
        m = median[:, pixel].astype(float)
        assert emad[pixel] == pytest.approx(np.median([np.linalg.norm(row - m) for row in rows]), rel=1e-5)
        cosines = [1 - row @ m / np.linalg.norm(row) / np.linalg.norm(m) for row in rows]
        assert smad[pixel] == pytest.approx(np.median(cosines), rel=1e-4)
        assert bcmad[pixel] == pytest.approx(np.median([abs(r - m).sum() / abs(r + m).sum() for r in rows]), rel=1e-5)
    assert np.isnan([emad[4], smad[4], bcmad[4]]).all()


def test_statistics_of_each_band_agree_with_numpy() -> None:
    values = observations().astype("float32")
    cube = cube_of(values)
    expected = {
        "mean": np.nanmean(values.astype(float), axis=0),
        "median": np.nanmedian(values, axis=0),
        "p10": np.nanpercentile(values, 10, axis=0),
        "p97.5": np.nanpercentile(values, 97.5, axis=0),
        "count": np.isfinite(values).sum(axis=0),
    }
    for method, wanted in expected.items():
        found = composite(cube, method)
        for n, name in enumerate(cube.data_vars):
            assert found[name].values.ravel() == pytest.approx(wanted[n], rel=1e-6), (method, name)
        assert found["n_obs"].values.ravel().tolist() == np.isfinite(values).sum(axis=0).min(axis=0).tolist()
        assert found["B01"].dtype == "float32"
    assert composite(cube, "mean")["B01"].attrs["units"] == "1"
    assert "units" not in composite(cube, "count")["B01"].attrs


def test_first_and_medoid_keep_spectra_and_dates() -> None:
    values = observations().astype("float32")
    cube = cube_of(values)
    whole = np.isfinite(values).all(axis=1)
    for method in ("first", "medoid"):
        found = composite(cube, method)
        dates = found["date"].values.ravel()
        for pixel in range(0, 300, 23):
            position = int(np.flatnonzero(TIMES.values == dates[pixel])[0])
            spectrum = [float(found[name].values.ravel()[pixel]) for name in cube.data_vars]
            assert spectrum == values[position, :, pixel].tolist()
            if method == "first":
                assert position == np.flatnonzero(whole[:, pixel])[0]
            else:
                rows = np.flatnonzero(whole[:, pixel])
                sums = [np.linalg.norm(values[rows, :, pixel] - values[row, :, pixel], axis=1).sum() for row in rows]
                assert position == rows[int(np.argmin(sums))]
        assert found["n_obs"].values.ravel().tolist() == whole.sum(axis=0).tolist()


def test_a_pixel_without_observations_is_empty_everywhere() -> None:
    values = observations()
    values[:, 1, 12] = np.nan
    for method in METHODS:
        found = composite(cube_of(values), method)
        assert found["n_obs"].values.ravel()[12] == 0
        if method in ("first", "medoid"):
            assert np.isnat(found["date"].values.ravel()[12])
        if method != "count":
            assert np.isnan(found["B02"].values.ravel()[12])


def test_bare_earth_prefers_the_barest_state() -> None:
    rng = np.random.default_rng(0)
    soil, leaves = np.array([0.12, 0.22, 0.28]), np.array([0.06, 0.05, 0.45])
    share = np.array([0.0, 0.05, 0.1, 0.5, 0.6, 0.7, 0.7, 0.8, 0.8, 0.9, 0.9, 0.9])
    values = (soil + share[:, None] * (leaves - soil))[:, :, None] + rng.normal(0, 0.002, (12, 3, 50))
    cube = cube_of(values)
    bare, plain = composite(cube, "bare_earth"), composite(cube, "geomedian")
    assert float(bare["B02"].mean()) == pytest.approx(soil[1], abs=0.02)
    assert float(plain["B02"].mean()) < 0.13
    # Without a preference for bare ground it is the plain one.
    assert composite(cube, "bare_earth", greenness=0)["B02"].values == pytest.approx(plain["B02"].values, abs=1e-6)
    assert bare["B02"].attrs["weights"] == "exp(-20 * max(NDVI, 0))"
    assert "s41467-019-13276-1" in bare["B02"].attrs["citation"]
    landsat = cube.rename(B01="green", B02="red", B03N="nir08")
    assert np.array_equal(composite(landsat, "bare_earth")["red"].values, bare["B02"].values)


def test_swir_of_2010_never_enters() -> None:
    values = observations()
    cube = cube_of(values, ("B02", "B04", "B03N"), start="2007-09-01")
    dead = cube["time"].values >= np.datetime64("2008-04-01")
    assert dead.any() and not dead.all()
    cube["B04"].attrs["sensor"] = "aster"
    for method in METHODS:
        found = composite(cube, method)
        alive = composite(cube.isel(time=~dead), method)
        assert np.array_equal(found["B04"].values, alive["B04"].values, equal_nan=True), method
        if method in ("first", "medoid", "geomedian", "bare_earth"):
            assert np.array_equal(found["n_obs"], alive["n_obs"])


def test_bands_of_other_sensors_go_on() -> None:
    """Sentinel-2's B04 is red, and has nothing to do with ASTER's."""
    cube = cube_of(observations(), ("B04", "B08", "B03"), start="2019-01-01")
    with pytest.warns(UserWarning, match="B04 is taken for SWIR of ASTER"):
        assert np.isnan(composite(cube, "mean")["B04"]).all()
    for band in cube.data_vars.values():
        band.attrs["sensor"] = "msi"
    assert np.isfinite(composite(cube, "mean")["B04"]).all()
    # ASTER's own under its common name does not.
    aster = cube.rename(B04="swir16")
    aster["swir16"].attrs |= {"sensor": "aster", "asset": "B04"}
    found = composite(aster, "mean")
    assert np.isnan(found["swir16"]).all() and np.isfinite(found["B08"]).all()


def test_stored_numbers_have_their_nodata_left_out() -> None:
    cube = xr.Dataset(
        {"B01": (("time", "y", "x"), np.array([[[0]], [[10]], [[20]]], "uint8"), {"nodata": 0})},
        coords={"time": TIMES[:3]},
    )
    found = composite(cube, "mean")
    assert found["B01"].item() == 15
    assert found["n_obs"].item() == 2


@pytest.mark.parametrize("method", [*METHODS, "p25"])
def test_a_lazy_cube_gives_the_same_bits(method: str) -> None:
    cube = cube_of(observations(2000))
    lazy = composite(cube.chunk({"time": 5, "y": 37, "x": 3}), method, period="year")
    assert all(band.chunks for band in lazy.data_vars.values())
    xr.testing.assert_identical(lazy.compute(), composite(cube, method, period="year"))


def test_mads_are_lazy_too() -> None:
    cube = cube_of(observations())
    eager = composite(cube, "geomedian", mads=True)
    xr.testing.assert_identical(composite(cube.chunk({"y": 7}), "geomedian", mads=True).compute(), eager)
    assert list(eager.data_vars) == ["B01", "B02", "B03N", "emad", "smad", "bcmad", "n_obs"]


def test_periods_agree_with_pandas() -> None:
    values = observations()
    cube = cube_of(values)
    for period, rule in (("month", "MS"), ("year", "YS"), ("season", "QS-DEC"), ("day", "D")):
        found = composite(cube, "mean", period=period)
        table = pd.DataFrame(cube["B02"].values.reshape(12, -1), index=TIMES).resample(rule).mean().dropna(how="all")
        assert found["time"].values.tolist() == table.index.values.tolist()
        assert found["B02"].values.reshape(len(table), -1) == pytest.approx(table.values, rel=1e-5, nan_ok=True)
    assert str(composite(cube, period="season")["time"].values[0]).startswith("2001-12-01")


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"method": "medain"}, UsageError, "'medain' is no composite; .*median"),
        ({"method": "p101"}, UsageError, "not between p0 and p100"),
        ({"method": "mean", "mads": True}, UsageError, "MADs belong to geomedian"),
        ({"period": "fortnight"}, UsageError, "month"),
        ({"method": "bare_earth", "greenness": -1}, UsageError, "greenness is -1"),
        ({"method": "bare_earth", "greenness": float("nan")}, UsageError, "greenness is nan"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        stacaster.composite(cube_of(observations(20)), **options)


def test_what_is_no_cube_is_refused() -> None:
    cube = cube_of(observations(20))
    with pytest.raises(LoadError, match=r"red and a near-infrared band .* the cube has B01, B02"):
        composite(cube[["B01", "B02"]], "bare_earth")
    with pytest.raises(LoadError, match=r"dimensions \(time, y, x\)"):
        composite(cube.isel(time=0))
