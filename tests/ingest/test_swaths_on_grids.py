"""Swaths on grids: every pixel against the distances to all cells, worked out one by one, and against plain means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio
from pyproj import Geod, Transformer

import stacaster
from stacaster.errors import UsageError
from stacaster.geo.swath_cells import cell_reach, expanded_positions
from stacaster.products.inspection import inspect_file

LINES, COLUMNS = 36, 24
Array = np.ndarray[Any, Any]


def positions(name: str) -> tuple[Array, Array]:
    """Latitudes and longitudes of swaths that have given others trouble."""
    line, column = np.mgrid[0:LINES, 0:COLUMNS].astype("float64")
    if name == "bow-tie":
        # Scans of six lines, whose last lines lie behind the first ones of the next scan.
        line = line // 6 * 4 + line % 6 * 1.1
    x, y = 0.11 * column + 0.02 * line, -0.1 * line + 0.013 * column
    if name == "pole":
        x, y = (column - 11.3) / 3, (line - 17.4) / 3
        return 90 - np.hypot(x, y), np.degrees(np.arctan2(y, x))
    latitude, longitude = -20.0037 + y, 150.0021 + x + (29.0 if name == "antimeridian" else 0.0)
    return latitude, (longitude + 180) % 360 - 180


def write_swath(path: Path, name: str = "plain") -> tuple[Array, Array, Array, Array]:
    latitude, longitude = positions(name)
    rng = np.random.default_rng(7)
    packed = rng.integers(0, 900, latitude.shape).astype("int16")
    packed[rng.random(packed.shape) < 0.1] = -999
    flags = rng.integers(0, 256, latitude.shape).astype("uint8")
    with h5py.File(path, "w") as file:
        file.attrs["time_coverage_start"] = "2021-03-04T05:06:07Z"
        file.attrs["short_name"], file.attrs["version"] = "MYSWATH", "1"
        stored = latitude.astype("float64"), longitude.astype("float64")
        # One cell without a position.
        stored[0][3, 4] = stored[1][3, 4] = -999.0
        for key, values in zip(("latitude", "longitude"), stored, strict=True):
            file[f"geolocation_data/{key}"] = values
            file[f"geolocation_data/{key}"].attrs["_FillValue"] = -999.0
        file["observations/value"] = packed
        file["observations/value"].attrs.update({"_FillValue": np.int16(-999), "scale_factor": 0.01, "add_offset": 2.0})
        file["observations/flags"] = flags
        file["observations/flags"].attrs["flag_masks"] = np.array([1, 2], "u1")
        file["observations/flags"].attrs["flag_meanings"] = "cloud snow"
        file["observations/planes"] = np.stack([packed, packed + 1], axis=0).astype("float32")
    latitude[3, 4] = longitude[3, 4] = np.nan
    return latitude, longitude, packed, flags


def ingest(folder: Path, path: Path, **options: Any) -> dict[str, Any]:
    report = stacaster.ingest([path], catalog=folder / "catalog", **options)
    assert not report.failed, report.outcomes
    found = next((folder / "catalog").glob("*/*/*/*.json"))
    return {**json.loads(found.read_text()), "folder": found.parent}


def read(item: dict[str, Any], key: str) -> tuple[Array, Any]:
    with rasterio.open(item["folder"] / f"{key}.tif") as file:
        return file.read(1), file.profile


def distances(latitude: Array, longitude: Array, profile: Any) -> Array:
    """Straight distances from the centre of each pixel to each cell, metres; by pyproj's geocentric coordinates."""
    rows, columns = profile["height"], profile["width"]
    x, y = profile["transform"] * (np.arange(columns) + 0.5, np.zeros(columns))
    y = (profile["transform"] * (np.zeros(rows), np.arange(rows) + 0.5))[1]
    grid_x, grid_y = np.meshgrid(x, y)
    lon, lat = Transformer.from_crs(profile["crs"], 4326, always_xy=True).transform(grid_x, grid_y)
    geocentric = Transformer.from_crs(4979, 4978, always_xy=True)
    pixel = np.stack(geocentric.transform(lon, lat, np.zeros_like(lon)), axis=-1).reshape(-1, 3)
    known = np.isfinite(latitude)
    cell = np.full((latitude.size, 3), np.inf)
    cell[known.ravel()] = np.stack(
        geocentric.transform(longitude[known], latitude[known], np.zeros(known.sum())), axis=-1
    )
    return np.stack([np.sqrt(((cell - one) ** 2).sum(axis=1)) for one in pixel])


CASES = [
    ("plain", "EPSG:4326", 0.07), ("plain", "EPSG:32755", 9000.0), ("bow-tie", "EPSG:32755", 7000.0),
    ("antimeridian", "EPSG:4326", 0.1), ("antimeridian", "EPSG:3832", 9000.0), ("pole", "EPSG:3413", 30000.0),
    ("pole", "EPSG:4326", 2.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "crs", "resolution"), CASES)
def test_every_pixel_is_the_nearest_cell(tmp_path: Path, name: str, crs: str, resolution: float) -> None:
    latitude, longitude, packed, flags = write_swath(tmp_path / "swath.h5", name)
    item = ingest(tmp_path, tmp_path / "swath.h5", grid=crs, resolution=resolution)
    line, profile = read(item, "source_line")
    column, _ = read(item, "source_column")
    apart = distances(latitude, longitude, profile)
    nearest, reach = apart.min(axis=1).reshape(line.shape), item["properties"]["stacaster:swath_max_distance"]
    assert profile["crs"].to_string() == crs and (line >= 0).sum() > LINES
    assert np.array_equal(line >= 0, nearest <= reach) and np.array_equal(line >= 0, column >= 0)
    seen = line >= 0
    cell = line[seen] * COLUMNS + column[seen]
    assert np.allclose(apart[seen.ravel(), cell], nearest[seen], atol=1e-6)
    value, kept = read(item, "value")
    assert kept["nodata"] == -999 and np.array_equal(value[seen], packed.ravel()[cell]) and (value[~seen] == -999).all()
    state, kept = read(item, "flags")
    # Every number is one of the bits; pixels without a cell need one more.
    assert kept["dtype"] == "int16" and (state[~seen] == -1).all() and np.array_equal(state[seen], flags.ravel()[cell])
    plane, _ = read(item, "planes_plane2")
    assert np.array_equal(plane[seen], packed.ravel()[cell] + 1.0) and (plane[~seen] > 9e36).all()
    fields = item["assets"]["flags"]["classification:bitfields"]
    assert [field["name"] for field in fields] == ["cloud", "snow"]
    assert item["assets"]["value"]["raster:scale"] == 0.01


@pytest.mark.parametrize(("name", "crs", "resolution"), [CASES[0], CASES[2], CASES[3], CASES[5]])
def test_averages_are_means_of_the_cells_in_a_pixel(tmp_path: Path, name: str, crs: str, resolution: float) -> None:
    latitude, longitude, packed, flags = write_swath(tmp_path / "swath.h5", name)
    item = ingest(tmp_path, tmp_path / "swath.h5", grid=crs, resolution=3 * resolution, average=True)
    value, profile = read(item, "value")
    totals: dict[tuple[int, int], list[float]] = {}
    to_grid = Transformer.from_crs(4326, crs, always_xy=True)
    for lat, lon, number in zip(latitude.ravel(), longitude.ravel(), packed.ravel(), strict=True):
        if np.isfinite(lat) and number != -999:
            x, y = to_grid.transform(lon, lat)
            if crs == "EPSG:4326" and x < profile["transform"].c:
                x += 360
            column, row = ~profile["transform"] * (x, y)
            totals.setdefault((int(np.floor(row)), int(np.floor(column))), []).append(float(number))
    expected = np.full(value.shape, np.nan)
    for position, numbers in totals.items():
        expected[position] = np.mean(numbers)
    assert max(map(len, totals.values())) > 3
    assert profile["dtype"] == "float32" and np.allclose(value, expected, equal_nan=True, rtol=1e-6)
    # What is no measurement is never averaged.
    state, _ = read(item, "flags")
    line, column = read(item, "source_line")[0], read(item, "source_column")[0]
    seen = line >= 0
    assert np.array_equal(state[seen], flags[line[seen], column[seen]])


def test_the_outline_is_the_edge_of_the_positions(tmp_path: Path) -> None:
    write_swath(tmp_path / "swath.h5", "antimeridian")
    item = ingest(tmp_path, tmp_path / "swath.h5", grid="EPSG:3832", resolution=9000)
    assert item["geometry"]["type"] == "MultiPolygon" and 178.9 < item["bbox"][0] <= 179.01 and item["bbox"][2] < -177
    said = item["properties"]["stacaster:notes"]
    assert any("a pixel is the nearest cell, within" in note for note in said)


def test_a_distance_can_be_given_and_a_part_cut_out(tmp_path: Path) -> None:
    latitude, longitude, *_ = write_swath(tmp_path / "swath.h5")
    box = (151.0, -21.5, 151.8, -21.0)
    item = ingest(tmp_path, tmp_path / "swath.h5", grid="EPSG:4326", resolution=0.02, max_distance=3000, bbox=box)
    line, profile = read(item, "source_line")
    nearest = distances(latitude, longitude, profile).min(axis=1).reshape(line.shape)
    assert np.array_equal(line >= 0, nearest <= 3000) and 0 < (line >= 0).mean() < 1
    bounds = rasterio.transform.array_bounds(profile["height"], profile["width"], profile["transform"])
    assert np.allclose(bounds, box, atol=0.021)


def test_another_grid_makes_the_bands_again(tmp_path: Path) -> None:
    write_swath(tmp_path / "swath.h5")

    def status(**options: Any) -> str:
        return stacaster.ingest([tmp_path / "swath.h5"], catalog=tmp_path / "catalog", **options).outcomes[0].status

    assert status() == "ingested" and status() == "skipped"
    assert status(grid="EPSG:4326", resolution=0.1) == "replaced"
    assert status(grid="EPSG:4326", resolution=0.1) == "skipped"
    assert status(grid="EPSG:4326", resolution=0.2) == "replaced"
    cube = stacaster.open_catalog(tmp_path / "catalog").load(bands=["value"], units="physical", native=True)
    assert float(cube["value"].max()) <= 11.0 and float(cube["value"].min()) >= 2.0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"resolution": 5.0}, "resolution is 5.0 without a grid"),
        ({"grid": "EPSG:4326"}, "resolution is None, but a positive number"),
        ({"grid": "moon", "resolution": 5.0}, "grid is 'moon', but a CRS"),
        ({"grid": "EPSG:4326", "resolution": -1}, "resolution is -1"),
        ({"grid": "EPSG:4978", "resolution": 1}, "no CRS of a map"),
        ({"grid": "EPSG:4326", "resolution": 1, "max_distance": 0}, "max_distance is 0"),
    ],
)
def test_wrong_grids_are_refused_at_the_door(tmp_path: Path, options: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        stacaster.ingest([tmp_path], catalog=tmp_path / "catalog", **options)


def test_a_grid_that_is_too_fine_costs_its_granule_only(tmp_path: Path) -> None:
    write_swath(tmp_path / "swath.h5")
    report = stacaster.ingest([tmp_path / "swath.h5"], catalog=tmp_path / "c", grid="EPSG:32755", resolution=0.5)
    assert report.failed[0].error == "UsageError" and "take larger pixels" in str(report.failed[0].reason)


def test_positions_between_those_of_a_coarser_array_lie_on_straight_lines() -> None:
    latitude, longitude = (np.repeat(np.repeat(values[:4, :3], 1, 0), 1, 1) for values in positions("antimeridian"))
    lat, lon = expanded_positions(latitude, longitude, (20, 14), ((2, 5), (2, 5)))
    assert np.allclose(lat[2::5, 2:13:5], latitude) and np.allclose((lon[2::5, 2:13:5] - longitude + 180) % 360, 180)
    middle = Geod(ellps="sphere").npts(longitude[0, 0], latitude[0, 0], longitude[0, 1], latitude[0, 1], 4)
    assert np.allclose(lat[2, 3:7], [point[1] for point in middle], atol=1e-6)
    assert np.allclose(lon[2, 3:7] % 360, [point[0] % 360 for point in middle], atol=1e-6)
    # The cells outside the outermost positions go on as those inside.
    assert np.allclose(np.diff(lat[:, 5], 2), 0, atol=1e-4)


def test_positions_are_not_interpolated_between_scans() -> None:
    line, column = np.mgrid[0:4, 0:2].astype("float64")
    # Two lines of positions a scan of ten lines; the second scan begins before the first one ends.
    latitude = -(line // 2 * 8 + line % 2 * 5) / 100
    lat, _ = expanded_positions(latitude, column / 10, (20, 6), ((2, 5), (2, 5)), lines_a_scan=10)
    inside = np.arange(10)
    assert np.allclose(lat[:10, 2], -(inside - 2) / 100, atol=1e-6)
    assert np.allclose(lat[10:, 2], -(inside - 2 + 8) / 100, atol=1e-6)


def test_the_reach_of_cells_is_half_their_diagonal() -> None:
    latitude, longitude = np.meshgrid(np.arange(5) * 0.1, np.arange(7) * 0.2, indexing="ij")
    _, _, along = Geod(ellps="WGS84").inv(0, 0, 0, 0.1)
    _, _, across = Geod(ellps="WGS84").inv(0, 0, 0.2, 0)
    assert cell_reach(latitude, longitude) == pytest.approx(np.hypot(along, across) / 2, rel=1e-4)


def write_looked_up(path: Path) -> tuple[Array, Array, Array]:
    """A file with a lookup table that names lines and columns from 1 on, as EMIT has it."""
    rng = np.random.default_rng(3)
    values = rng.random((5, 4, 2)).astype("float32")
    values[0, 0] = -9999.0
    line, column = rng.integers(0, 6, (7, 8)).astype("int32"), rng.integers(0, 5, (7, 8)).astype("int32")
    line[1, 1], column[1, 1] = -2, -3
    with h5py.File(path, "w") as file:
        file.attrs["geotransform"] = np.array([130.0, 0.5, 0.0, -20.0, 0.0, -0.5])
        file.attrs["spatial_ref"] = "EPSG:4326"
        file.attrs["time_coverage_start"] = "2023-01-02T03:04:05+0000"
        file["reflectance"] = values
        file["reflectance"].attrs["_FillValue"] = np.float32(-9999)
        file["location/lat"] = -20.0 - 0.7 * np.arange(5)[:, None] + 0.2 * rng.random((5, 4))
        file["location/lon"] = 130.0 + 0.9 * np.arange(4)[None] + 0.2 * rng.random((5, 4))
        file["location/glt_x"], file["location/glt_y"] = column, line
    return values, line, column


def test_a_lookup_table_places_its_own_file(tmp_path: Path) -> None:
    path = tmp_path / "EMIT_L2A_RFL_001_20230102T030405_2300203_004.nc"
    values, line, column = write_looked_up(path)
    item = ingest(tmp_path, path)
    assert item["collection"] == "emitl2arfl-001"
    band, profile = read(item, "reflectance_plane2" if "reflectance_plane2" in item["assets"] else "reflectance_bands2")
    assert tuple(profile["transform"])[:6] == (0.5, 0, 130, 0, -0.5, -20) and profile["crs"].to_epsg() == 4326
    expected = np.full(line.shape, -9999.0, dtype="float32")
    for row, number in np.ndindex(line.shape):
        y, x = abs(line[row, number]), abs(column[row, number])
        if y and x:
            expected[row, number] = values[y - 1, x - 1, 1]
    assert np.array_equal(band, expected)
    assert read(item, "source_line")[0][1, 1] == 1 and read(item, "source_column")[0][1, 1] == 2
    assert [row["name"] for row in inspect_file(path).bands][-2:] == ["source_line", "source_column"]


def test_positions_of_a_real_swath_lie_where_the_library_puts_them(shared: Path) -> None:
    path = shared / "data" / "hdf4" / "MOD05_L2.A2019336.2315.061.2019337071952.hdf"
    from stacaster.formats.readers import open_granule
    from stacaster.instruments.generic.swath_grids import geometry_of

    with open_granule([path]) as granule:
        found = {layer.name: geometry_of(layer, granule.content) for layer in granule.content.layers.values()}
    one, five = found["Water_Vapor_Near_Infrared"], found["Water_Vapor_Infrared"]
    assert one is not None and five is not None
    assert (one.cells, one.steps) == ((2030, 1354), ((2, 5), (2, 5)))
    assert (five.cells, five.steps) == ((406, 270), ((0, 1), (0, 1)))
