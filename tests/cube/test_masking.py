"""Masks applied to cubes: scene by scene, before scenes are fused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import LoadError, UsageError
from tests.cube.made_scenes import START, full, made_scene

CHUNKS = [None, {"x": 8, "y": 8}]


def cloudy(folder: Path, name: str, moment: dt.datetime = START, *, swir: bool = True) -> pystac.Item:
    """A scene with cloud in the upper half: bright and cold there, dark and warm below."""
    pixels = {key: full(20) for key in ("B01", "B02", "B03N", *(["B04"] if swir else []))}
    for values in pixels.values():
        values[:8] = 120
    pixels["B13"] = full(2600)
    pixels["B13"][:8] = 900
    # Count 120 is then a reflectance near 0.5, and count 900 of band 13 a temperature of 263 K.
    scale = {"B01": 1.3, "B02": 1.15, "B03N": 0.85, "B04": 0.14, "B13": 0.005693}
    return made_scene(folder, name, pixels, moment=moment, scale=scale)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("units", ["dn", "reflectance"])
def test_cloud_is_no_data(tmp_path: Path, chunks: Any, units: Any) -> None:
    item = cloudy(tmp_path, "a")
    plain = stacaster.load([item], bands=["B01"], native=True, units=units, chunks=chunks)
    cube = stacaster.load([item], bands=["B01"], native=True, units=units, chunks=chunks, mask="cloud")
    upper, lower = cube.B01.values[0, :8], cube.B01.values[0, 8:]
    assert (upper == 0).all() if units == "dn" else np.isnan(upper).all()
    assert np.array_equal(lower, plain.B01.values[0, 8:]) and lower.all()
    assert list(cube.data_vars) == ["B01"], "bands that only the mask needs are not in the cube"
    assert cube.B01.attrs["masks"] == "cloud" and "2008GL034644" in cube.B01.attrs["mask_rules"]


def test_cloud_without_swir_and_by_night(tmp_path: Path) -> None:
    """After SWIR died the weaker test decides; by night nothing is known of clouds, so nothing is masked."""
    late = dt.datetime(2012, 1, 1, 0, 43, tzinfo=dt.UTC)
    items = [cloudy(tmp_path, "late", late), cloudy(tmp_path, "without", late + dt.timedelta(days=1), swir=False)]
    night = made_scene(tmp_path, "night", {"B13": full(900)}, moment=late + dt.timedelta(days=2), sun_elevation=-20.0)
    cube = stacaster.load([*items, night], bands=["B13"], native=True, mask=["cloud"])
    assert (cube.B13.values[:2, :8] == 0).all() and (cube.B13.values[:2, 8:] == 2600).all()
    assert (cube.B13.values[2] == 900).all()


def test_what_is_masked_gives_way_to_another_scene(tmp_path: Path) -> None:
    """A mask acts before fusing, so the pixel of the clear scene is taken, and said to be."""
    clear = made_scene(tmp_path, "b", {key: full(30) for key in ("B01", "B02", "B03N", "B04")} | {"B13": full(2600)},
                       moment=START + dt.timedelta(seconds=9))  # fmt: skip
    asked: dict[str, Any] = {"bands": ["B01"], "native": True, "mask": ["cloud"], "groupby": "solar_day"}
    cube = stacaster.load([cloudy(tmp_path, "a"), clear], **asked, source=True, n_obs=True, keep_masks=True)
    assert cube.sizes["time"] == 1
    assert (cube.B01.values[0, :8] == 30).all() and (cube.B01.values[0, 8:] == 20).all()
    assert cube.item.values.tolist() == ["a", "b"]
    assert (cube.source.values[0, :8] == 1).all() and (cube.source.values[0, 8:] == 0).all()
    assert (cube.n_obs.values[0, :8] == 1).all() and (cube.n_obs.values[0, 8:] == 2).all()
    assert (
        cube.mask_cloud.dtype == bool
        and cube.mask_cloud.values[0, :8].all()
        and not cube.mask_cloud.values[0, 8:].any()
    )


def test_masks_as_one_band_of_bits(tmp_path: Path) -> None:
    cube = stacaster.load(
        [cloudy(tmp_path, "a")], bands=["B01"], native=True, mask=["fill", "cloud"], keep_masks="classes"
    )
    assert set(cube.data_vars) == {"B01", "masks"} and cube.masks.attrs["flag_meanings"] == "fill cloud"
    assert (cube.masks.values[0, :8] == 2).all() and not cube.masks.values[0, 8:].any()


@pytest.mark.parametrize("chunks", CHUNKS)
def test_saturated_fill_and_dead_swir(tmp_path: Path, chunks: Any) -> None:
    pixels = {"B01": full(50), "B04": full(60)}
    pixels["B01"][0, 0], pixels["B04"][1, 1], pixels["B04"][2, 2] = 255, 255, 0
    early = made_scene(tmp_path, "early", pixels)
    late = made_scene(tmp_path, "late", pixels, moment=dt.datetime(2008, 4, 1, tzinfo=dt.UTC))
    options: dict[str, Any] = {"bands": ["B01", "B04"], "native": True, "chunks": chunks}
    cube = stacaster.load([early, late], mask=["saturated"], **options)
    assert cube.B01.values[0, 0, 0] == 0 and cube.B04.values[0, 0, 0] == 60, "each band loses its own pixels"
    assert cube.B04.values[0, 1, 1] == 0 and (cube.B01 == 0).sum() == 2
    filled = stacaster.load([early, late], mask=["fill"], **options)
    assert filled.B01.values[0, 2, 2] == 0 and (filled.B01 == 0).sum() == 2
    dead = stacaster.load([early, late], mask=["swir_dead"], **options)
    assert (dead.B04.values[0] != 0).sum() == 255 and (dead.B04.values[1] == 0).all() and (dead.B01.values != 0).all()


def test_classes_of_a_product(catalog: Catalog, tmp_path: Path) -> None:
    item = made_scene(tmp_path, "a", {"B01": full(7)})
    asset = item.assets["B01"]
    asset.extra_fields["classification:classes"] = [{"value": 7, "name": "seven", "description": "x"}]
    cube = stacaster.load([item], native=True, mask=["B01=seven"])
    assert not cube.B01.values.any() and cube.B01.attrs["mask_rules"] == "B01=seven: classes of the product"
    with pytest.raises(UsageError, match="B01: class is 'six'; nearest are seven"):
        stacaster.load([item], native=True, mask=["B01=six"])


def test_masks_that_cannot_be(tmp_path: Path) -> None:
    item = made_scene(tmp_path, "a", {"B01": full(7)})
    with pytest.raises(UsageError, match="mask is 'clouds'; nearest are cloud"):
        stacaster.load([item], mask="clouds", native=True)
    with pytest.raises(UsageError, match=r"needs B02, B03N, B04, B13, which none .* they have B01"):
        stacaster.load([item], mask="cloud", native=True)
    with pytest.raises(UsageError, match="keep_masks is 'some'"):
        stacaster.load([item], mask="fill", keep_masks="some", native=True)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="cloud variant is 'x'"):
        stacaster.load([item], mask="fill", cloud="x", native=True)
    del item.assets["B01"].extra_fields["nodata"]
    item.assets["B01"].href = str(tmp_path / "without.tif")
    import rasterio

    with rasterio.open(tmp_path / "a-B01.tif") as source:
        profile = source.profile | {"nodata": None}
        with rasterio.open(item.assets["B01"].href, "w", **profile) as target:
            target.write(source.read())
    with pytest.raises(LoadError, match="no value for no data"):
        stacaster.load([item], mask="saturated", native=True)
