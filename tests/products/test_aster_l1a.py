"""Level 1A: counts as they are stored, control points by lines of sight, radiance by the table of each column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyhdf.SD import SD, SDC
from pyproj import Transformer

import stacaster
from stacaster.analysis.aster_l1a import ancillary, radiance
from stacaster.errors import UsageError
from stacaster.samples.aster_l1t_003 import write_vgroups

NAME = "AST_L1A_00403202004004537_20250101120000.hdf"
LINES, COLUMNS = 48, 40
Array = np.ndarray[Any, Any]
KINDS = {"uint8": SDC.UINT8, "uint16": SDC.UINT16, "float32": SDC.FLOAT32, "float64": SDC.FLOAT64}
CORE = """
GROUP = INVENTORYMETADATA
OBJECT = SHORTNAME
NUM_VAL = 1
VALUE = "ASTL1A"
END_OBJECT = SHORTNAME
OBJECT = VERSIONID
NUM_VAL = 1
VALUE = 4
END_OBJECT = VERSIONID
OBJECT = CALENDARDATE
NUM_VAL = 1
VALUE = "2004-03-20"
END_OBJECT = CALENDARDATE
OBJECT = TIMEOFDAY
NUM_VAL = 1
VALUE = "00:45:37.000000Z"
END_OBJECT = TIMEOFDAY
END_GROUP = INVENTORYMETADATA
END
"""
GEOCENTRIC = Transformer.from_crs(4979, 4978, always_xy=True)


def ground(shift: float, east: float) -> tuple[Array, Array]:
    """Longitudes and latitudes of a lattice of 4 x 5 points."""
    line, column = np.mgrid[0:4, 0:5].astype("float64")
    lon = east + 0.1 * column - 0.02 * line
    return (lon + 180) % 360 - 180, -30.0 - 0.1 * line - 0.015 * column + shift


def lines_of_sight(lon: Array, lat: Array) -> dict[str, Array]:
    """Where the satellite is, and how it looks at points on the ground, in the frame of its orbit."""
    points = np.stack(GEOCENTRIC.transform(lon, lat, np.zeros_like(lon)), axis=-1)
    position = np.stack(GEOCENTRIC.transform(lon[:, 2] + 0.3, lat[:, 2] + 0.5, np.full(4, 705_000.0)), axis=-1)
    velocity = np.gradient(position, axis=0) * 100 + np.array([30.0, -20.0, 10.0])
    sight = np.empty((*lon.shape, 3))
    for time in range(4):
        down = -position[time] / np.linalg.norm(position[time])
        normal = np.cross(position[time], velocity[time])
        across = -normal / np.linalg.norm(normal)
        for column in range(5):
            look = points[time, column] - position[time]
            sight[time, column] = [look @ np.cross(across, down), look @ across, look @ down]
            sight[time, column] /= np.linalg.norm(look)
    return {"SatellitePosition": position, "SatelliteVelocity": velocity, "SightVector": sight}


def write_l1a(path: Path, *, east: float = 140.0, has_positions: bool = False) -> dict[str, Any]:
    rng = np.random.default_rng(11)
    file = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    file.attr("coremetadata.0").set(SDC.CHAR, CORE)
    members: dict[str, dict[str, list[int]]] = {}
    written: dict[str, Any] = {}
    for swath, kind, shift in (
        ("VNIR_Band3N", "uint8", 0.0),
        ("VNIR_Band3B", "uint8", 0.07),
        ("TIR_Band10", "uint16", 0),
    ):
        lon, lat = ground(shift, east)
        pixel, line = np.meshgrid(np.linspace(0, COLUMNS - 1, 5), np.linspace(0, LINES - 1, 4))
        fields = {"ImageData": rng.integers(0, 255, (LINES, COLUMNS)).astype(kind),
                  "LatticePoint": np.stack([pixel, line], axis=-1).astype("float32"), **lines_of_sight(lon, lat),
                  "RadiometricCorrTable": rng.uniform(0.5, 2, (COLUMNS, 3)).astype("float32")}  # fmt: skip
        if has_positions:
            del fields["SightVector"]
            fields["Latitude"] = np.degrees(np.arctan(np.tan(np.radians(lat)) * 0.99330562))
            fields["Longitude"] = lon
        members[swath] = {"Data Fields": []}
        for name, values in fields.items():
            data = file.create(name, KINDS[values.dtype.name], values.shape)
            data[:] = values
            members[swath]["Data Fields"].append(int(data.ref()))
            data.endaccess()
        written[swath] = {**fields, "lon": lon, "lat": lat}
    file.end()
    write_vgroups(path, members)
    return written


def ingest(folder: Path) -> dict[str, Any]:
    report = stacaster.ingest([folder / NAME], catalog=folder / "catalog")
    assert not report.failed, report.failed
    found = next((folder / "catalog").glob("*/*/*/*.json"))
    return {**json.loads(found.read_text()), "folder": found.parent}


@pytest.mark.parametrize("has_positions", [False, True])
@pytest.mark.parametrize("east", [140.0, 179.9])
def test_counts_and_control_points(tmp_path: Path, east: float, has_positions: bool) -> None:
    written = write_l1a(tmp_path / NAME, east=east, has_positions=has_positions)
    item = ingest(tmp_path)
    assert item["collection"] == "ast-l1a-004" and item["id"] == NAME.removesuffix(".hdf")
    assert [key for key, asset in item["assets"].items() if asset["roles"] == ["data"]][:3] == ["B03N", "B03B", "B10"]
    for key, swath in (("B03N", "VNIR_Band3N"), ("B03B", "VNIR_Band3B"), ("B10", "TIR_Band10")):
        fields = written[swath]
        with rasterio.open(item["folder"] / f"{key}.tif") as file:
            assert np.array_equal(file.read(1), fields["ImageData"]) and file.nodata == 0
            points, crs = file.gcps
        assert crs.to_epsg() == 4326 and len(points) == 20
        for point, lon, lat, place in zip(
            points, fields["lon"].ravel(), fields["lat"].ravel(), fields["LatticePoint"].reshape(-1, 2), strict=True
        ):
            assert (point.x - lon + 180) % 360 - 180 == pytest.approx(0, abs=1e-7)
            assert point.y == pytest.approx(lat, abs=1e-7)
            # Pixels are counted at their centres, GDAL counts at their edges.
            assert (point.col - 0.5, point.row - 0.5) == pytest.approx(tuple(place), abs=1e-5)
    # No scale: a count becomes a radiance by the table of its column alone.
    assert "raster:scale" not in item["assets"]["B03N"]
    assert (item["folder"] / item["assets"]["data"]["href"]).read_bytes() == (tmp_path / NAME).read_bytes()
    south, north = min(w["lat"].min() for w in written.values()), max(w["lat"].max() for w in written.values())
    assert item["bbox"][1::2] == pytest.approx([south, north], abs=1e-6)
    assert (item["bbox"][0] > item["bbox"][2]) == (east > 179)


def test_radiance_by_the_table_of_each_column(tmp_path: Path) -> None:
    fields = write_l1a(tmp_path / NAME)["VNIR_Band3B"]
    found = radiance(tmp_path / NAME, "B03B")
    for line, column in ((0, 0), (5, 7), (47, 39)):
        count = int(fields["ImageData"][line, column])
        offset, factor, gain = (float(value) for value in fields["RadiometricCorrTable"][column])
        expected = factor * count / gain + offset if count else np.nan
        assert found[line, column] == pytest.approx(expected, rel=1e-6, nan_ok=True)
    assert np.array_equal(np.isnan(found), fields["ImageData"] == 0)
    read = ancillary(tmp_path / NAME, "B03B")
    assert np.array_equal(read["SightVector"], fields["SightVector"]) and "SatellitePosition" in read
    with pytest.raises(UsageError, match="tables of VNIR and SWIR alone"):
        radiance(tmp_path / NAME, "B10")
    with pytest.raises(UsageError, match="band is 'B3'"):
        ancillary(tmp_path / NAME, "B3")
