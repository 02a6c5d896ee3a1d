"""What holds whichever driver reads: stacaster's own, or odc-stac's with rasterio."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

import stacaster
from stacaster.errors import LoadError, UsageError
from tests.cube.made_scenes import START, full, made_scene

DRIVERS = ["stacaster.driver", "rio"]
BOX = GeoBox((300, 280), Affine(30, 0, 300000, 0, -30, 6500000), "EPSG:32754")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Two dates; the second has two scenes that overlap."""
    folder = tmp_path_factory.mktemp("scenes")
    chance = np.random.default_rng(2)
    found = []
    for number, (days, shift) in enumerate([(0, 0), (16, 0), (16, 120)]):
        values = chance.integers(1, 4000, BOX.shape)
        values[chance.random(BOX.shape) < 0.2] = 0
        box, moment = BOX.translate_pix(shift, shift), START + dt.timedelta(days=days)
        pixels = {"B13": values, "B01": values % 255}
        found.append(made_scene(folder, f"s{number}", pixels, scale={"B13": 0.0057}, geobox=box, moment=moment))
    return found


@pytest.mark.parametrize("chunks", [None, {"x": 100, "y": 90}])
@pytest.mark.parametrize("units", ["dn", "radiance"])
@pytest.mark.parametrize("groupby", ["time", "id", "solar_day"])
def test_the_same_cube_on_the_pixels_of_the_scenes(scenes: list[Any], chunks: Any, units: Any, groupby: str) -> None:
    items = scenes
    ours, theirs = (
        stacaster.load(items, native=True, units=units, groupby=groupby, chunks=chunks, driver=driver, n_obs=True,
                       source=True).compute() for driver in DRIVERS
    )  # fmt: skip
    assert ours.identical(theirs)
    plain = stacaster.load(items, native=True, units=units, groupby=groupby, n_obs=True, source=True)
    assert plain.identical(ours), "the default is ours, and eager is lazy"


@pytest.mark.parametrize("units", ["dn", "brightness_temperature"])
@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "average"])
@pytest.mark.parametrize("resolution", [29, 95])
def test_chunks_change_no_pixel_of_another_grid(
    scenes: list[Any], units: Any, resampling: str, resolution: float
) -> None:  # fmt: skip
    items = scenes
    options = {"bands": ["B13"], "crs": "EPSG:3577", "resolution": resolution, "units": units, "resampling": resampling}
    eager, report = stacaster.load(items, report=True, **options)
    lazy = stacaster.load(items, chunks={"x": 70, "y": 110}, **options).compute()
    assert eager.identical(lazy) and all(entry.fallback is None for entry in report.outcomes)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("chunks", [None, {}])
def test_a_damaged_tile_is_never_a_zero(tmp_path: Path, driver: str, chunks: Any) -> None:
    chance = np.random.default_rng(1)
    items = [made_scene(tmp_path, f"s{n}", {"B13": chance.integers(1, 4000, (1300, 1100))}) for n in range(2)]
    path = Path(items[0].assets["B13"].href)
    data = bytearray(path.read_bytes())
    last = data.rindex(b"\x28\xb5\x2f\xfd")  # where zstd begins
    data[last : last + 4000] = b"\xff" * 4000
    path.write_bytes(data)
    cube, report = stacaster.load(items, native=True, chunks=chunks, report=True, driver=driver)
    values = cube.B13.values
    assert [entry.status for entry in report.outcomes] == ["failed", "read"]
    assert (values > 0).all(), "the other scene fills the place"
    if chunks is None:
        with rasterio.open(items[1].assets["B13"].href) as dataset:
            assert np.array_equal(values[0], dataset.read(1)), "and nothing is left of the damaged one"
        with pytest.raises(LoadError, match="s0 B13"):
            stacaster.load(items, native=True, driver=driver)
        coarse = cube.odc.geobox.zoom_out(1.5)
        # A warp that fails is another error than a read that does.
        with pytest.raises(LoadError, match=r"s0 B13: .*(read|Read|decod|Decod)"):
            stacaster.load(items, geobox=coarse, resampling="average", driver=driver)


@pytest.mark.parametrize("driver", DRIVERS)
def test_plain_odc_stac(scenes: list[Any], driver: str) -> None:
    items = scenes
    config = {
        "made": stacaster.cube.collection_config({key: asset.to_dict() for key, asset in items[0].assets.items()})
    }
    both: tuple[Any, ...] = (None, {"x": 100, "y": 100})
    for chunks in both:
        cube = odc.stac.load(
            items, bands=["B13"], geobox=BOX, groupby="time", stac_cfg=config, driver=driver, chunks=chunks
        )
        expected = stacaster.load(items, bands=["B13"], geobox=BOX, groupby="time")
        assert np.array_equal(cube.B13.values, expected.B13.values) and cube.B13.dtype == "uint16"


@pytest.mark.parametrize("driver", ["gdal", "zarr", "os.path", "no.such.module", 7, dict])
def test_drivers_that_read_no_rasters(tmp_path: Path, driver: Any) -> None:
    with pytest.raises(UsageError, match=r"driver=.*stacaster\.driver"):
        stacaster.load([made_scene(tmp_path, "a", {"B01": full(5)})], driver=driver)
