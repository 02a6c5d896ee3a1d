"""Thumbnails: colours of the bands, holes transparent, pictures that are assets and no data."""

from __future__ import annotations

import warnings
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import odc.stac
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import WriteError
from stacaster.geotiff.quicklooks import WrittenBands, write_quicklooks
from tests.certain import certain


def pixels_of(path: str | Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            found: np.ndarray = file.read()
    return found


def band(path: Path, values: np.ndarray, nodata: int | None = 0) -> Path:
    rows, cols = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=cols, height=rows, count=1, dtype=values.dtype, nodata=nodata,
        crs="EPSG:32754", transform=rasterio.transform.from_origin(300_000, 6_500_000, 15, 15),
    ) as file:  # fmt: skip
        file.write(values, 1)
    return path


def test_colours_of_a_small_picture(tmp_path: Path) -> None:
    ramp = np.arange(1, 101, dtype="uint8").reshape(10, 10)
    hole = ramp.copy()
    hole[0, 0] = 0
    bands = {
        "B03N": band(tmp_path / "r.tif", ramp), "B02": band(tmp_path / "g.tif", hole),
        "B01": band(tmp_path / "b.tif", ramp[::-1].copy()),
    }  # fmt: skip
    renders = {"false-colour": {"title": "False colour", "assets": ["B03N", "B02", "B01"]}}
    (key, asset), *rest = write_quicklooks(renders, bands, tmp_path).items()
    assert key == "thumbnail" and asset["roles"] == ["thumbnail"] and not rest
    picture = pixels_of(tmp_path / "thumbnail.png")
    assert picture.shape == (4, 10, 10)
    assert picture[:, 0, 0].tolist() == [0, 0, 0, 0] and (picture[3].ravel()[1:] == 255).all()
    low, high = np.percentile(ramp.ravel()[1:], (2, 98))
    expected = np.rint(np.clip((ramp - low) / (high - low), 0, 1) * 255)
    expected[0, 0] = 0
    assert picture[0].tolist() == expected.tolist()
    assert asset["file:size"] == (tmp_path / "thumbnail.png").stat().st_size


def test_one_band_is_grey_and_nothing_is_no_picture(tmp_path: Path) -> None:
    bands = {"a": band(tmp_path / "a.tif", np.arange(1, 5, dtype="uint16").reshape(2, 2)),
             "b": band(tmp_path / "b.tif", np.zeros((2, 2), "uint16"))}  # fmt: skip
    renders = {"first": {"title": "b", "assets": ["b"]}, "second": {"title": "a", "assets": ["a"]}}
    assert list(write_quicklooks(renders, bands, tmp_path)) == ["thumbnail"]
    picture = pixels_of(tmp_path / "thumbnail.png")
    assert (picture[0] == picture[1]).all() and (picture[0] == picture[2]).all() and picture[0, 0, 0] == 0
    assert write_quicklooks({"x": {"title": "x", "assets": ["missing"]}}, bands, tmp_path) == {}
    with pytest.raises(WriteError, match=r"thumbnail\.png cannot be written"):
        write_quicklooks(renders, bands, tmp_path / "nowhere")


def test_scenes_have_pictures_by_day_and_night(catalog: Catalog) -> None:
    items = {item.id: item for item in catalog.search().items()}
    by_day = [item for item in items.values() if "B02" in item.assets]
    by_night = [item for item in items.values() if "B02" not in item.assets and "B13" in item.assets]
    assert by_day and by_night
    for item in by_day:
        assert {"thumbnail", "thumbnail-thermal"} <= set(item.assets)
        assert certain(item.assets["thumbnail"].title).startswith("False colour")
    for item in by_night:
        assert certain(item.assets["thumbnail"].title).startswith("Thermal") and "thumbnail-thermal" not in item.assets
    picture = pixels_of(by_day[0].assets["thumbnail"].href)
    assert max(picture.shape[1:]) <= 320 and len(np.unique(picture[:3].reshape(3, -1), axis=1).T) > 200
    assert {path.suffix for path in Path(by_day[0].assets["B02"].href).parent.iterdir()} == {".tif", ".json", ".png"}


def test_pictures_are_no_bands(catalog: Catalog) -> None:
    (item,) = catalog.search(datetime="2003-08-30").items()
    cube = stacaster.load([item], crs="EPSG:32754", resolution=900)
    assert not [name for name in cube.data_vars if "thumbnail" in str(name)]
    plain = odc.stac.load([item], crs="EPSG:32754", resolution=900, stac_cfg=catalog.stac_cfg())
    assert not [name for name in plain.data_vars if "thumbnail" in str(name)]
    assert set(plain.data_vars) == set(cube.data_vars)


def test_a_lost_picture_is_found(catalog: Catalog, tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "c"
    shutil.copytree(catalog.root, root)
    next(root.rglob("thumbnail.png")).unlink()
    assert any("thumbnail" in str(problem) for problem in stacaster.catalog.check_catalog(root))


def test_pictures_wait_for_their_bands_and_not_for_those_that_never_come(tmp_path: Path) -> None:
    bands = WrittenBands(["a", "b"])
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(lambda: bands["a"])
        assert not waiting.done() and "a" in bands and "c" not in bands and list(bands) == ["a", "b"]
        bands.add("a", tmp_path / "a.tif")
        assert waiting.result() == tmp_path / "a.tif"
        never = beside.submit(lambda: bands["b"])
        bands.close()
        with pytest.raises(CancelledError):
            never.result()
    assert bands["a"] == tmp_path / "a.tif" and len(bands) == 2
