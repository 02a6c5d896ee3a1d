"""Write a cube of 20 GiB in physical units under a limit of 2 GiB; print peak memory, size and time."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from stacaster.files.system.process import peak_memory

GIB = 2**30


def main(catalog: Path, output: Path) -> None:
    import dask
    from odc.geo.geobox import GeoBox

    import stacaster

    opened = stacaster.open_catalog(catalog)
    search = opened.search()
    native = opened.geobox(bands="B01")
    # The scene lies in the middle of a grid that holds 20 GiB of float32 in all.
    side = int((20 * GIB / 4) ** 0.5)
    box = GeoBox((side, side), native.translate_pix(-side // 2, -side // 2).transform, native.crs)
    started = time.perf_counter()
    with dask.config.set(scheduler="threads", num_workers=2):
        cube = search.load(bands=["B01"], geobox=box, units="reflectance", chunks={"x": 2048, "y": 2048})
        stacaster.write_cube(cube, output)
    peak = peak_memory() / 2**30
    found = {"peak": peak, "cube": cube.nbytes / GIB, "seconds": time.perf_counter() - started}
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
