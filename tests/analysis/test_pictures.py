"""Pictures: colours by hand, published ranges, holes that stay transparent, the accessor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr

import stacaster
from stacaster.analysis.indices import compute_index
from stacaster.analysis.pictures import COMPOSITES, draw, find_composite, limits_of, stretch, to_rgb, write_picture
from stacaster.catalog import Catalog
from stacaster.errors import ExportError, LoadError, UsageError


def cube_of(**bands: Any) -> xr.Dataset:
    arrays = {name: np.asarray(values, "float32") for name, values in bands.items()}
    rows, cols = next(iter(arrays.values())).shape
    return xr.Dataset(
        {name: (("y", "x"), values) for name, values in arrays.items()},
        coords={"y": 6_500_000 - 30.0 * np.arange(rows), "x": 300_000 + 30.0 * np.arange(cols)},
    )


def test_colours_by_hand() -> None:
    cube = cube_of(nir=[[0, 1, 2, np.nan]], red=[[0, 5, 10, 1]], green=[[4, 3, 2, 1]])
    rgb = to_rgb(cube, "false_colour", percent=(0, 100))
    assert rgb.values[0].tolist() == [[0, 0, 255, 255], [128, 128, 170, 255], [255, 255, 85, 255], [0, 0, 0, 0]]
    assert rgb.dims == ("y", "x", "band") and rgb["band"].values.tolist() == ["r", "g", "b", "a"]
    assert to_rgb(cube, "nir,red,green", percent=(0, 100)).equals(rgb)
    assert to_rgb(cube.rename(nir="B03N", red="B02", green="B01"), percent=(0, 100)).equals(rgb)


def test_a_stretch_cuts_at_percentiles() -> None:
    values = np.arange(101.0)
    assert limits_of(values, percent=(2, 98)) == (2, 98)
    found = stretch(values, percent=(10, 90))
    assert found[[0, 10, 50, 90, 100]].tolist() == [0, 0, 128, 255, 255]
    assert stretch(np.full(3, 7.0)).tolist() == [128, 128, 128]
    assert stretch(np.full(3, np.nan)).tolist() == [0, 0, 0]
    for percent in ((98, 2), (-1, 50), (0, 101)):
        with pytest.raises(UsageError, match="two percentiles in order"):
            stretch(values, percent=percent)


def test_stored_numbers_without_data_are_transparent() -> None:
    cube = cube_of(nir=[[1, 2]], red=[[1, 2]], green=[[0, 2]])
    counts = cube.astype("uint8")
    for name in counts.data_vars:
        counts[name].attrs["nodata"] = 0
    assert to_rgb(counts).values[0, :, 3].tolist() == [0, 255]


def test_regolith_ratios_are_those_of_the_national_map() -> None:
    entry = find_composite("ga_regolith_ratios")
    assert entry.channels == ("B03N / B02", "B03N / B07", "B04 / B07")
    cube = cube_of(B02=[[1, 2]], B03N=[[3, 8]], B04=[[5, 3]], B07=[[2, 4]])
    rgb = to_rgb(cube, "ga_regolith_ratios", percent=(0, 100))
    # 3/1 and 8/2; 3/2 and 8/4; 5/2 and 3/4.
    assert rgb.values[0, :, :3].tolist() == [[0, 0, 255], [255, 255, 0]]
    assert {entry.citation for entry in COMPOSITES.values() if entry.name.startswith("ga_")} == {entry.citation}


def test_a_picture_has_a_legend_with_the_published_range(tmp_path: Path) -> None:
    cube = cube_of(B05=np.linspace(0.1, 0.4, 400).reshape(20, 20), B06=np.full((20, 20), 0.2))
    index = compute_index(cube, "ga_kaolin").to_dataset()
    figure = draw(index)
    (image,) = figure.axes[0].images
    assert image.get_clim() == (1.0, 1.25)
    bar = figure.axes[1]
    assert bar.get_ylabel() == "ga_kaolin" and bar.get_ylim() == (1.0, 1.25)
    assert list(image.get_extent()) == [299_985, 300_585, 6_500_015 - 600, 6_500_015]
    assert "Kaolin group index" in figure.axes[0].get_title()
    path = write_picture(index, tmp_path / "kaolin.png")
    with rasterio.open(path) as picture:
        assert picture.count in (3, 4) and picture.width > 300
    assert write_picture(index, tmp_path / "again.png").read_bytes() == path.read_bytes()


def test_north_is_up() -> None:
    cube = cube_of(a=np.arange(6).reshape(2, 3))
    turned = cube.isel(y=slice(None, None, -1))
    for part in (cube, turned):
        (image,) = draw(part).axes[0].images
        values = np.asarray(image.get_array())
        top = values[0] if image.origin == "upper" else values[-1]
        assert top.tolist() == [0, 1, 2]


def test_one_panel_a_time() -> None:
    cube = xr.concat([cube_of(a=np.eye(3)), cube_of(a=np.eye(3) * 2)], "time")
    cube = cube.assign_coords(time=np.array(["2003-01-02T03:04", "2004-01-02"], "datetime64[ns]"))
    figure = draw(cube)
    assert [axis.get_title() for axis in figure.axes[:2]] == ["2003-01-02T03:04Z", "2004-01-02T00:00Z"]
    assert figure.get_suptitle() == "a, 2003-01-02 to 2004-01-02"
    composed = draw(stacaster.composite(cube, "mean")[["a"]])
    assert composed.get_suptitle() == "mean of a, 2003-01-02 to 2004-01-02"
    long = xr.Dataset({"a": cube["a"].isel(time=0, drop=True).assign_attrs(long_name="a very long name of it " * 5)})
    lines = draw(long).get_suptitle().splitlines()
    assert len(lines) > 1 and max(len(line) for line in lines) < 60, "no title is wider than its figure"
    with pytest.raises(ExportError, match="30 times of 1 variables are too many"):
        draw(cube.isel(time=[0] * 30))


def test_a_row_of_panels_shares_limits_and_one_colour_bar() -> None:
    cube = xr.concat([cube_of(a=np.full((3, 3), value), b=np.eye(3)) for value in (1.0, np.nan, 3.0, 5.0, 9.0)], "time")
    cube = cube.assign_coords(time=np.datetime64("2003-01-01", "ns") + np.arange(5) * np.timedelta64(1, "D"))
    for band in cube.data_vars.values():
        band.attrs["collections"] = "aster-l1t-003"
    figure = draw(cube, percent=(0, 100))
    panels = [axis for axis in figure.axes if axis.images]
    # Two variables of five times, four in a row: four rows with a bar each.
    assert len(panels) == 10 and len(figure.axes) - 16 == 4
    assert {axis.images[0].get_clim() for axis in panels[:5]} == {(1.0, 9.0)}
    assert {axis.images[0].get_clim() for axis in panels[5:]} == {(0.0, 1.0)}
    assert [text.get_text() for axis in panels for text in axis.texts] == ["no data"]
    assert panels[0].get_title() == "a\n2003-01-01T00:00Z" and panels[5].get_title() == "b\n2003-01-01T00:00Z"
    assert figure.get_suptitle() == "aster-l1t-003, 2003-01-01 to 2003-01-05"


def test_pictures_are_cut_to_the_data() -> None:
    values = np.full((40, 60), np.nan)
    values[10:20, 5:45] = 1.0
    cube = cube_of(a=values)
    (image,) = draw(cube).axes[0].images
    assert list(image.get_extent()) == [299_985 + 150, 299_985 + 1350, 6_500_015 - 600, 6_500_015 - 300]
    stored = cube.fillna(0).astype("uint8")
    stored["a"].attrs["nodata"] = 0
    (image,) = draw(stored).axes[0].images
    assert np.asarray(image.get_array()).shape == (10, 40)
    (image,) = draw(cube_of(a=np.full((4, 6), np.nan))).axes[0].images
    assert np.asarray(image.get_array()).shape == (4, 6)


def test_large_cubes_are_thinned() -> None:
    cube = cube_of(a=np.zeros((10, 5000)))
    (image,) = draw(cube).axes[0].images
    assert np.asarray(image.get_array()).shape == (10, 1000)


@pytest.mark.parametrize(
    ("composite", "kind", "words"),
    [
        ("false_color", UsageError, "nearest are false_colour"),
        ("nir,red", UsageError, "three bands are needed for red, green and blue, not 2"),
        ("nir,nir,import os", UsageError, "formula"),
        ("thermal", LoadError, "needs B14, which the cube lacks; it has nir"),
        (None, LoadError, "no colour composite is made of nir"),
    ],
)
def test_what_is_no_colour_composite(composite: str | None, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        to_rgb(cube_of(nir=[[1, 2]]), composite)


def test_the_accessor(catalog: Catalog, tmp_path: Path) -> None:
    cube = catalog.load(bands=["nir", "red", "green"], native=True, datetime="2003", units="reflectance")
    assert cube.stacaster.index("ndvi").equals(compute_index(cube, "ndvi"))
    assert cube.stacaster.composite("mean").equals(stacaster.composite(cube, "mean"))
    assert cube.stacaster.time_series().equals(stacaster.time_series(cube))
    assert cube.stacaster.to_rgb().attrs["channels"] == ["nir", "red", "green"]
    figure = cube.stacaster.plot_rgb()
    assert len([axis for axis in figure.axes if axis.images]) == cube.sizes["time"]
    assert figure._repr_png_().startswith(b"\x89PNG")
    figure = cube[["red"]].stacaster.plot()
    assert len([axis for axis in figure.axes if axis.images]) == cube.sizes["time"]


def test_explore_is_a_map(catalog: Catalog) -> None:
    folium = pytest.importorskip("folium")
    cube = catalog.load(bands=["nir", "red", "green"], native=True, datetime="2003", units="reflectance")
    for shown in (cube.stacaster.explore(), cube.stacaster.explore("red"), cube[["nir"]].stacaster.explore()):
        assert isinstance(shown, folium.Map)
        assert "data:image/png;base64" in shown.get_root().render()


def test_minerals_of_the_sample_data_lie_in_the_published_range(catalog: Catalog) -> None:
    cube = catalog.load(
        bands=["B01", "B02", "B03N", "B04", "B05", "B06", "B07", "B08", "B09"], crs="EPSG:32754", resolution=30,
        datetime="2003-12", units="reflectance", mask=["water"],
    )  # fmt: skip
    for name in ("ga_kaolin", "ga_aloh_content", "ga_mgoh_content", "ga_ferric_oxide_content"):
        index = compute_index(cube, name)
        low, high = index.attrs["display_range"]
        values = index.values[np.isfinite(index.values)]
        inside = (values > low + 0.2 * (high - low)) & (values < high)
        assert 0.03 < inside.mean() < 0.9, name
    assert cube["B01"].attrs["collections"] == index.attrs["collections"] == "aster-l1t-003"


def test_pictures_of_a_catalog(catalog: Catalog, tmp_path: Path) -> None:
    place: dict[str, Any] = {"catalog": catalog.root, "datetime": "2003"}
    stacaster.export_index("ndvi", tmp_path / "ndvi.png", **place)
    stacaster.export(tmp_path / "colour.png", bands=["nir", "red", "green"], units="reflectance", **place)
    stacaster.export_composite("median", tmp_path / "median.png", bands=["nir"], units="reflectance", **place)
    for name in ("ndvi", "colour", "median"):
        with rasterio.open(tmp_path / f"{name}.png") as picture:
            colours = {tuple(colour) for colour in picture.read().reshape(picture.count, -1).T[::7].tolist()}
            assert len(colours) > 100
    with pytest.raises(UsageError, match=r"ending in \.png"):
        write_picture(catalog.load(bands=["nir"], native=True, datetime="2003"), tmp_path / "x.jpg")
