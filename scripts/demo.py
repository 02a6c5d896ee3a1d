"""Sample granules, catalog, SQL, cube, NDVI, NetCDF and a picture."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

import stacaster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="demo", type=Path, help="folder for everything the demo makes")
    folder = parser.parse_args().folder
    started = time.monotonic()
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)

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
    text = "select id, datetime, cloud_cover, len(assets) as bands from items order by datetime"
    print(catalog.sql(text).to_dataframe().to_string(index=False), file=sys.stderr)

    say("4. a cube on the scenes' own grid, and NDVI from reflectance")
    day = "select id from items where list_contains(assets, 'B03N') and xmin > 138 and year < 2008 order by datetime"
    ids = catalog.sql(day).table["id"].to_pylist()
    cube = catalog.load(ids=ids, bands=["nir", "red"], native=True, units="reflectance", chunks={})
    ndvi = stacaster.compute_index(cube, "ndvi")
    say(f"   {dict(ndvi.sizes)}")

    from stacaster.export import write_netcdf

    netcdf = write_netcdf(ndvi.to_dataset(), folder / "ndvi.nc")
    picture = draw(ndvi, folder / "ndvi.png")
    say(f"\ndone in {time.monotonic() - started:.0f} s. All data are simulated. What to open next:")
    say(f"   {picture}                      the picture")
    say(f"   {netcdf}                       in QGIS, Panoply or xarray")
    say(f"   {folder / 'catalog' / 'catalog.json'}          in QGIS (STAC) or STAC Browser")
    say(f'   duckdb {folder / "catalog" / "index.duckdb"} "select * from items"')


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def draw(ndvi: object, path: Path) -> Path:
    import matplotlib

    matplotlib.use("Agg")
    grid = ndvi.plot.imshow(col="time", col_wrap=3, cmap="RdYlGn", vmin=-0.2, vmax=0.8)  # type: ignore[attr-defined]
    for axes, moment in zip(grid.axs.flat, ndvi["time"].values, strict=False):  # type: ignore[index]
        axes.set_title(str(moment)[:10])
    grid.fig.suptitle("NDVI from simulated ASTER scenes", y=1.02)
    grid.fig.savefig(path, dpi=90, bbox_inches="tight", metadata={"Software": None})
    return path


if __name__ == "__main__":
    main()
