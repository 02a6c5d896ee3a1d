"""Sample granules, catalog, SQL, cube, NDVI, bare earth, time series, files, pictures and a page."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

import stacaster

_MARK = ".stacaster-demo"
SWIR_AND_VNIR = ["B01", "B02", "B03N", "B04", "B05", "B06", "B07", "B08", "B09"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="demo", type=Path, help="folder for everything the demo makes")
    folder = parser.parse_args().folder
    started = time.monotonic()
    if folder.exists() and not folder.is_dir():
        sys.exit(f"{folder} is a file; name a new folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        sys.exit(f"{folder} holds files that no demo made; name a new folder")
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()

    say("1. simulated ASTER L1T granules over South Australia")
    granules = stacaster.sample_data(folder / "granules")
    say(f"   {len(granules)} HDF4 files in {folder / 'granules'}")

    say("2. ingest: one verified COG per band, STAC items, parquet mirror, database")
    report = stacaster.ingest([folder / "granules"], catalog=folder / "catalog", workers=2)
    say(f"   {report!r}")
    if report.failed:
        sys.exit(f"failed: {report.failed}")

    say("3. SQL over the scenes")
    catalog = stacaster.open_catalog(folder / "catalog")
    text = "select id, datetime, cloud_cover, list_contains(assets, 'B06') as swir from items order by datetime"
    print(catalog.sql(text).to_dataframe().to_string(index=False), file=sys.stderr)

    say("4. a cube on the scenes' own grid, and NDVI from reflectance")
    day = "select id from items where list_contains(assets, 'B03N') and xmin > 138 and year < 2008 order by datetime"
    ids = catalog.sql(day).table["id"].to_pylist()
    cube = catalog.load(ids=ids, bands=["nir", "red"], native=True, units="reflectance", chunks={})
    ndvi = stacaster.compute_index(cube, "ndvi")
    say(f"   {dict(ndvi.sizes)}")

    netcdf = stacaster.write_cube(ndvi.to_dataset(), folder / "ndvi.nc")
    picture = stacaster.write_picture(ndvi.to_dataset(), folder / "ndvi.png")

    clear = catalog.search(datetime="2003-12", bbox=[138.4, -31.1, 138.7, -30.9])
    rocks = clear.load(bands=SWIR_AND_VNIR, units="reflectance", mask=["water"], crs="EPSG:32754", resolution=30)
    minerals = stacaster.compute_indices(rocks, ["ga_kaolin", "ga_aloh_content", "ga_mgoh_content"])
    shown = stacaster.write_picture(minerals, folder / "minerals.png")

    say("5. the ground at its barest, and what NDVI did in the meantime")
    place = {"catalog": folder / "catalog", "datetime": "2001/2007", "filter": "id in ('" + "','".join(ids) + "')"}
    bare = stacaster.export_composite("bare_earth", folder / "bare", bands=["nir", "red", "green"],
                                      units="reflectance", **place)  # fmt: skip
    stacaster.export_timeseries(folder / "ndvi.csv", index=["ndvi"], plot=folder / "series.png", **place)
    page = stacaster.catalog.write_report(
        folder / "catalog.html", catalog=folder / "catalog", title="Simulated ASTER scenes"
    )
    say(f"\ndone in {time.monotonic() - started:.0f} s. All data are simulated. What to open next:")
    say(f"   {picture}                      green over four dates")
    say(f"   {shown}                 minerals in the ranges of Geoscience Australia")
    say(f"   {netcdf}                       in QGIS, Panoply or xarray")
    say(f"   {page}                  in a browser: footprints, pictures, filters")
    say(f"   {folder / 'series.png'}, {folder / 'ndvi.csv'}      NDVI over the years")
    say(f"   {bare}                           a catalog of its own: bare earth as COGs")
    say(f"   {folder / 'catalog' / 'catalog.json'}          in QGIS (STAC) or STAC Browser")
    say(f'   duckdb -readonly {folder / "catalog" / "index.duckdb"} "select * from items"')


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
