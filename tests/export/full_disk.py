"""Program of a test: write one format again and again while the largest size of a file grows; print what became of it.

Arguments: name of the format, folder. The process would die of what a library does wrong, and the test would see it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import odc.geo.xr
import pandas as pd
import xarray as xr
from odc.geo.geobox import GeoBox

import stacaster
from stacaster.errors import SpaceError

STEPS = 20


def cube(*, lazy: bool = False) -> xr.Dataset:
    grid = GeoBox.from_bbox((600_000, 6_490_000, 606_000, 6_499_000), "EPSG:32754", resolution=60)
    chance = np.random.default_rng(4)
    times = np.array(["2003-01-01", "2004-01-01"], dtype="datetime64[ns]")
    bands = {name: chance.normal(size=(2, *grid.shape)).astype("float32") for name in ("red", "nir")}
    found = xr.Dataset(
        {name: (("time", "y", "x"), values, {"units": "reflectance"}) for name, values in bands.items()},
        coords={"time": times, **odc.geo.xr.xr_coords(grid)},
    )
    return found.chunk({"time": 1, "y": 64, "x": 64}) if lazy else found


def points() -> Any:
    import geopandas

    chance = np.random.default_rng(5)
    places = geopandas.points_from_xy(chance.uniform(130, 140, 20_000), chance.uniform(-30, -20, 20_000))
    return geopandas.GeoDataFrame({"height": chance.normal(size=20_000)}, geometry=places, crs=4326)


def table() -> pd.DataFrame:
    return pd.DataFrame({"area": ["a"] * 20_000, "mean": np.random.default_rng(6).normal(size=20_000)})


def granules(path: Path) -> None:
    from stacaster.access.search.granule_files import write_granules
    from stacaster.model import Granule

    day = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    shape = {"type": "Polygon", "coordinates": [[[138, -32], [139, -32], [139, -31], [138, -31], [138, -32]]]}
    every = [
        Granule(id=f"scene-{number}", source="cmr", product="P", version="1", collection="C", geometry=shape,
                start=day, end=day, files=())
        for number in range(200)
    ]  # fmt: skip
    write_granules(every, path)


def pairs(path: Path) -> None:
    from stacaster.access.search.baselines import write_pairs
    from stacaster.analysis.stacks import Pair

    day = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    write_pairs(
        [
            Pair(reference=f"{n}-a", secondary=f"{n}-b", first=day, second=day, days=12, perpendicular=None)
            for n in range(2000)
        ],
        path,
    )


def writer(name: str, folder: Path) -> tuple[str, Callable[[Path], Any]]:
    """Return the end of the file's name, and what writes it."""
    from stacaster.analysis.timeseries import write_series
    from stacaster.catalog import write_report
    from stacaster.cube.point_files import write_points

    kind, _, end = name.partition(" ")
    catalog = folder / "catalog"
    if end == ".png":
        # Each picture takes matplotlib a second.
        return end, partial(stacaster.write_cube, cube()[["red"]].isel(time=[0]), overwrite=True)
    if kind in ("cube", "lazy"):
        return end, partial(stacaster.write_cube, cube(lazy=kind == "lazy"), overwrite=True)
    if kind in ("items", "sql"):
        found = stacaster.open_catalog(catalog)
        return end, found.search().write if kind == "items" else found.sql(
            "select * from items, range(3000)"
        ).to_parquet
    writers: dict[str, Callable[[Path], Any]] = {
        "points": partial(write_points, points()), "series": partial(write_series, table()), "pairs": pairs,
        "granules": granules,
        "report": partial(write_report, catalog=catalog, overwrite=True),
    }  # fmt: skip
    return end, writers[kind]


def state(path: Path) -> str:
    """Return a hash of a file, or of all files of a folder."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(path.parent)).encode() + file.read_bytes())
    return digest.hexdigest()


def main(name: str, folder: Path) -> None:
    end, write = writer(name, folder)
    output = folder / "out"
    output.mkdir()
    path = output / f"x{end}"
    write(path)
    largest = max((p.stat().st_size for p in path.rglob("*") if p.is_file()), default=0) or path.stat().st_size
    before, results = state(path), []
    for step in range(STEPS):
        limit = largest * step // STEPS
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            write(path)
            result = "written"
        except SpaceError as error:
            result = "SpaceError" if str(path) in str(error) or path.name in str(error) else f"nameless: {error}"
        except BaseException as error:  # noqa: BLE001 - what came is what the test looks at
            result = f"{type(error).__name__}: {error}"
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        rest = sorted(p.name for p in output.iterdir() if p != path)
        results.append({"limit": limit, "result": result, "same": state(path) == before, "rest": rest})
    write(path)
    print(json.dumps({"size": largest, "results": results}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
