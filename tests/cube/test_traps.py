"""Traps that plain odc-stac leads into, each of which must stay closed here."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import stacaster
from stacaster.errors import LoadError, UsageError
from stacaster.instruments import radiometry as calibrate
from tests.cube.made_scenes import START, full, made_scene

CHUNKS: list[Any] = [None, {}]


def test_a_wrong_pixel_size_is_refused_where_the_loader_pastes_it(tmp_path: Path) -> None:
    """E1: 14.9973 m pixels on a 15 m grid."""
    true = GeoBox((16, 16), Affine(15, 0, 300000, 0, -15, 6500000), "EPSG:32754")
    wrong = GeoBox((16, 16), Affine(14.9973, 0, 300000, 0, -14.9970, 6500000), "EPSG:32754")
    items = [made_scene(tmp_path, "true", {"B01": full(1)}, geobox=true),
             made_scene(tmp_path, "wrong", {"B01": full(1)}, geobox=wrong)]  # fmt: skip
    with pytest.raises(LoadError, match="several pixel sizes"):
        stacaster.load(items, native=True)
    (found,) = stacaster.cube.check_grid(items)
    assert found.shifted == ("wrong",)


def test_scale_offset_and_unit_are_not_lost(tmp_path: Path) -> None:
    """E2: odc-stac leaves the stored numbers and says nothing of their unit."""
    item = made_scene(tmp_path, "a", {"B01": full(100)}, scale={"B01": 0.5})
    plain = odc.stac.load([item], bands=["B01"])
    assert int(plain.B01[0, 0, 0]) == 100
    cube = stacaster.load([item], units="radiance")
    assert float(cube.B01[0, 0, 0]) == 49.5 and cube.B01.attrs["units"] == "W m-2 sr-1 um-1"


@pytest.mark.parametrize("chunks", CHUNKS)
def test_a_truncated_file_is_told(tmp_path: Path, chunks: Any) -> None:
    """E3: with ``fail_on_error=False`` odc-stac gives a slice of zeros."""
    chance = np.random.default_rng(1)
    items = [made_scene(tmp_path, f"s{n}", {"B13": chance.integers(1, 4000, (300, 300))},
                        moment=START + dt.timedelta(days=n)) for n in range(2)]  # fmt: skip
    path = Path(items[1].assets["B13"].href)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    cube, report = stacaster.load(items, native=True, chunks=chunks, report=True)
    assert (cube.B13.values[0] > 0).all()
    assert [(entry.item_id, entry.status) for entry in report.outcomes] == [("s0", "read"), ("s1", "failed")]
    assert "previous exception" not in str(report.of("failed")[0].reason)
    with pytest.raises(LoadError, match="s1 B13"):
        stacaster.load(items, native=True, report=True, strict=True)
    with pytest.warns(UserWarning, match="cannot be read: s1 B13"):
        left = stacaster.load(items, native=True, fail_on_error=False)
    assert not left.B13.values[1].any() and left.B13.attrs["nodata"] == 0, "left out, with a word"


def test_uncovered_area_is_no_data(tmp_path: Path) -> None:
    """E5: without ``nodata`` in the item, odc-stac fills with 0 and says nothing."""
    item = made_scene(tmp_path, "a", {"B01": full(5)})
    box = GeoBox((16, 32), Affine(30, 0, 300000, 0, -30, 6500000), "EPSG:32754")
    cube = stacaster.load([item], geobox=box)
    assert cube.B01.attrs["nodata"] == 0 and (cube.B01.values[0, :, 16:] == 0).all()
    assert np.isnan(stacaster.load([item], geobox=box, units="radiance").B01.values[0, :, 16:]).all()


def test_common_names_of_eo_2(tmp_path: Path) -> None:
    """E6: odc-stac knows no alias from STAC 1.1 bands."""
    item = made_scene(tmp_path, "a", {"B03N": full(5)})
    item.assets["B03N"].extra_fields["eo:common_name"] = "nir"
    assert (stacaster.load([item], bands=["nir"]).nir == 5).all()


def test_the_lattice_of_the_scenes_is_kept(tmp_path: Path) -> None:
    """E7: ASTER's pixel edges lie at 7.5 m modulo 15; a CRS and a resolution alone move them by half a pixel."""
    box = GeoBox((32, 32), Affine(15, 0, 300007.5, 0, -15, 6500007.5), "EPSG:32754")
    values = np.random.default_rng(3).integers(1, 255, (32, 32))
    items = [made_scene(tmp_path, "a", {"B01": values}, geobox=box),
             made_scene(tmp_path, "b", {"B01": values}, moment=START + dt.timedelta(days=16),
                        geobox=box * Affine.translation(10, 4))]  # fmt: skip
    cube = stacaster.load(items, native=True)
    assert np.array_equal(cube.B01.values[0, :32, :32], values) and float(cube.x[0]) == 300015.0
    assert np.array_equal(cube.B01.values[1, 4:36, 10:42], values)
    snapped = stacaster.load(items, crs="EPSG:32754", resolution=15, resampling="bilinear")
    kept = snapped.B01.values[0, 1:32, 1:32]
    assert not np.array_equal(kept, values[1:, 1:]), "this is why native=True is there"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("units", ["dn", "reflectance"])
def test_bands_that_end_with_the_archive(tmp_path: Path, order: int, chunks: Any, units: Any) -> None:
    """E8: scenes without SWIR after 2008, first or last: an error or silent zeros in odc-stac."""
    items = [
        made_scene(tmp_path, "early", {"B01": full(50), "B04": full(60)}),
        made_scene(tmp_path, "late", {"B01": full(70)}, moment=dt.datetime(2012, 1, 1, tzinfo=dt.UTC)),
    ][::order]
    cube = stacaster.load(items, bands=["B04", "B01"], native=True, units=units, chunks=chunks)
    late = cube.B04.values[1]
    assert np.isnan(late).all() if units != "dn" else (late == 0).all() and cube.B04.attrs["nodata"] == 0
    assert (cube.B04.values[0] > 0).all() and (cube.B01.values > 0).all()


@pytest.mark.parametrize("chunks", CHUNKS)
def test_lazy_and_eager_units_are_the_same_numbers(tmp_path: Path, chunks: Any) -> None:
    """Lookup tables of small integers give what the formula gives, scene by scene, to the last bit."""
    values = np.arange(4096).reshape(64, 64)
    items = [
        made_scene(tmp_path, f"s{n}", {"B13": values}, scale={"B13": 0.005693 * (1 + n)},
                   moment=START + dt.timedelta(days=n)) for n in range(3)
    ]  # fmt: skip
    cube = stacaster.load(items, native=True, units="brightness_temperature", chunks=chunks)
    assert cube.B13.dtype == np.float32
    for n in range(3):
        radiance = values * (0.005693 * (1 + n)) - 0.005693 * (1 + n)
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = np.where((values > 1), 1350.069147 / np.log(866.468575 / radiance + 1), np.nan)
        assert np.array_equal(cube.B13.values[n], wanted.astype("float32"), equal_nan=True)


def test_sets_of_constants_by_name(tmp_path: Path) -> None:
    item = made_scene(tmp_path, "a", {"B01": full(101), "B14": full(1500)}, scale={"B14": 0.005225})
    by_item = stacaster.load([item], bands=["B01"], native=True, units="reflectance")
    smith = stacaster.load([item], bands=["B01"], native=True, units="reflectance", esun="smith")
    assert float(smith.B01[0, 0, 0] / by_item.B01[0, 0, 0]) == pytest.approx(1848.0 / 1845.99, rel=1e-6)
    said, others = by_item.B01.attrs, smith.B01.attrs
    assert said["solar_irradiance"] == 1848.0 and "each item" in said["solar_irradiance_source"]
    assert others["solar_irradiance"] == 1845.99 and "Smith" in others["solar_irradiance_source"]
    one, other = (stacaster.load([item], bands=["B14"], native=True, units="brightness_temperature", thermal=name)
                  for name in ("effective", "rounded"))  # fmt: skip
    radiance = 1499 * 0.005225
    assert float(one.B14[0, 0, 0]) == pytest.approx(1271.221673 / math.log(641.326517 / radiance + 1), abs=1e-4)
    assert float(other.B14[0, 0, 0]) == pytest.approx(1274.49 / math.log(649.60 / radiance + 1), abs=1e-4)
    assert other.B14.attrs["thermal_constants"].startswith("rounded")
    with pytest.raises(UsageError, match="'smyth'; nearest are smith"):
        stacaster.load([item], bands=["B01"], units="reflectance", esun="smyth")


def test_surface_temperature_by_hand(tmp_path: Path) -> None:
    item = made_scene(tmp_path, "a", {"B13": full(1800)}, scale={"B13": 0.005693})
    cube = stacaster.load([item], native=True, units="surface_temperature", emissivity=0.95, sky_irradiance=3.0)
    radiance = 1799 * 0.005693
    emitted = (radiance - 0.05 * 3.0 / math.pi) / 0.95
    assert float(cube.B13[0, 0, 0]) == pytest.approx(1350.069147 / math.log(866.468575 / emitted + 1), abs=1e-4)
    black = stacaster.load([item], native=True, units="surface_temperature", emissivity=1.0)
    bright = stacaster.load([item], native=True, units="brightness_temperature")
    assert black.B13.values == pytest.approx(bright.B13.values) and cube.B13.attrs["emissivity"] == 0.95
    with pytest.raises(UsageError, match="needs emissivity="):
        stacaster.load([item], native=True, units="surface_temperature")
    with pytest.raises(UsageError, match=r"emissivity is 1\.2"):
        stacaster.load([item], native=True, units="surface_temperature", emissivity=1.2)


def test_planck_forward_and_back() -> None:
    """Within 0.01 K, and equal to K1 and K2 of the same wavelengths."""
    temperatures = np.linspace(200, 400, 401)
    for band, wavelength in calibrate.WAVELENGTHS.items():
        radiances = calibrate.planck_radiance(temperatures, wavelength=wavelength)
        assert np.abs(calibrate.planck_temperature(radiances, wavelength=wavelength) - temperatures).max() < 1e-9
        k1, k2 = calibrate.thermal_constants(band)
        assert np.abs(calibrate.brightness_temperature(radiances, k1=k1, k2=k2) - temperatures).max() < 0.01
    # Planck's law at 10 um and 300 K: 9.924 W m-2 sr-1 um-1 (tables of black-body radiation).
    assert calibrate.planck_radiance(300.0, wavelength=10.0) == pytest.approx(9.924, abs=2e-3)


def test_units_that_do_not_go_together(tmp_path: Path) -> None:
    items = [made_scene(tmp_path, f"s{n}", {"B13": full(5)}, moment=START + dt.timedelta(days=n)) for n in range(2)]
    items[1].assets["B13"].extra_fields["unit"] = "K"
    with pytest.raises(LoadError, match=r"B13 is stored in several units.*K: s1; W m-2 sr-1 um-1: s0"):
        stacaster.load(items, native=True, units="radiance")
    with pytest.raises(LoadError, match="stored in K, not in radiance"):
        stacaster.load(items[1:], native=True, units="radiance")


def test_wrong_names_are_told_the_nearest(tmp_path: Path) -> None:
    item = made_scene(tmp_path, "a", {"B01": full(5)})
    with pytest.raises(UsageError, match="no option 'resampl'; nearest are resampling"):
        stacaster.load([item], resampl="cubic")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="units is 'radiances'; nearest are radiance"):
        stacaster.load([item], units="radiances")  # type: ignore[call-overload]


def test_two_gains_over_one_pixel(tmp_path: Path) -> None:
    """The first scene with a value counts, in its own gain; where it has none, the other one in its own."""
    first, second = full(41), full(81)
    first[:8] = 0
    items = [
        made_scene(tmp_path, "a", {"B01": first}, scale={"B01": 1.0}),
        made_scene(tmp_path, "b", {"B01": second}, scale={"B01": 0.25}, moment=START + dt.timedelta(seconds=9)),
    ]
    cube = stacaster.load(items, native=True, units="radiance", groupby="solar_day", source=True)
    assert (cube.B01.values[0, 8:] == 40.0).all() and (cube.B01.values[0, :8] == 20.0).all()
    assert (cube.source.values[0, 8:] == 0).all() and (cube.source.values[0, :8] == 1).all()


def test_resampling_per_band_by_any_name(tmp_path: Path) -> None:
    values = np.random.default_rng(4).integers(1, 255, (32, 32))
    item = made_scene(tmp_path, "a", {"B01": values, "B03N": values})
    item.assets["B03N"].extra_fields["eo:common_name"] = "nir"
    box = GeoBox((16, 16), Affine(60, 0, 300000, 0, -60, 6500000), "EPSG:32754")
    asked: dict[str, Any] = {"bands": ["B01", "nir"], "geobox": box}
    cube = stacaster.load([item], **asked, resampling={"nir": "average", "*": "nearest"})
    other = stacaster.load([item], **asked, resampling={"B03N": "average", "*": "nearest"})
    assert cube.identical(other) and not np.array_equal(cube.nir, cube.B01)
    mean = values[:2, :2].mean()
    assert abs(float(cube.nir[0, 0, 0]) - mean) <= 1
