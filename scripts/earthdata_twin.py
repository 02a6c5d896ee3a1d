"""The twin of Earthdata by hand: simulated granules that can be searched, downloaded and ingested offline."""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from moto.server import ThreadedMotoServer

import stacaster
from stacaster.samples import DEFAULT_SCENES, sentinel1
from stacaster.samples.aster_l1t_003 import write_aster_l1t_003
from stacaster.samples.nisar import DEFAULT_SCENES as NISAR_SCENES
from stacaster.samples.nisar import NisarScene, write_nisar
from stacaster.sar.elevation.tiles import Tile
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.elevation import tile_bytes
from tests.earthdata_twin.planetary import Planetary
from tests.earthdata_twin.radar import (
    ASF_HOST,
    BURST_HOST,
    DEM_BUCKET,
    ORBIT_BUCKET,
    BucketAt,
    orbit_file,
    prepare,
)
from tests.earthdata_twin.records import DATA_HOST, aster_record, nisar_record
from tests.earthdata_twin.server import Twin


def granule_files(folder: Path) -> list[Path]:
    """Write the default set, and night scenes until there are ten."""
    files = list(stacaster.sample_data(folder / "granules"))
    night = next(scene for scene in DEFAULT_SCENES if scene.sun_elevation < 0)
    for number in range(1, 11 - len(files)):
        scene = replace(night, number=90_000 + number, acquired=night.acquired + number * dt.timedelta(days=16))
        files.append(write_aster_l1t_003(scene, folder / "granules"))
    return files


def nisar_scenes() -> list[NisarScene]:
    """Return five dates a cycle apart, each as a beta and as a production release."""
    first = replace(NISAR_SCENES[0], shape=(800, 900), page_bytes=1 << 16)
    dates = [replace(first, start=first.start + 12 * number * dt.timedelta(days=1), cycle=4 + number)
             for number in range(5)]  # fmt: skip
    return [replace(scene, crid=crid) for scene in dates for crid in ("X05013", "P05023")]


def serve_radar(twin: Twin, earthdata: Earthdata, folder: Path, endpoint: str) -> list[dict[str, Any]]:
    """Serve radar scenes, their orbits, and tiles of heights; return the records of the scenes."""
    (folder / "radar").mkdir()
    records = []
    for record, contents in prepare(sentinel1.DEFAULT_SCENES, folder / "radar"):
        for row, content in zip(record["umm"]["RelatedUrls"], contents, strict=True):
            earthdata.files["/" + row["URL"].split("/", 3)[3]] = content
        records.append(record)
    twin.routes |= dict.fromkeys((ASF_HOST, BURST_HOST), twin.routes[DATA_HOST])
    orbits = BucketAt(twin, ORBIT_BUCKET, endpoint, "s1-orbits")
    for scene in sentinel1.DEFAULT_SCENES:
        name, content = orbit_file(scene)
        orbits.put(f"AUX_POEORB/{name}", content)
    tiles, land = BucketAt(twin, DEM_BUCKET, endpoint, "copernicus-dem-30m"), [Tile(-31, 138), Tile(-32, 138)]
    for tile in land:
        tiles.put(tile.key, tile_bytes(tile))
    others = [Tile(row, column) for row in range(60, 66) for column in range(-100, 100)]
    tiles.put("tileList.txt", "\n".join(tile.name for tile in (*land, *others)).encode())
    return records


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Twin(Path(name)) as twin:
        folder = Path(name)
        earthdata, records = Earthdata(twin), []
        for number, path in enumerate(granule_files(folder)):
            content = path.read_bytes()
            moment = dt.datetime.strptime(path.stem[11:25], "%m%d%Y%H%M%S")
            box = (138.45, -31.05, 138.6, -30.9)
            record = aster_record(number, moment, box, content=content, name=path.stem)
            links = [row for row in record["umm"]["RelatedUrls"] if "METADATA" not in row["Type"]]
            record["umm"]["RelatedUrls"] = links
            earthdata.files["/" + links[0]["URL"].split("/", 3)[3]] = content
            records.append(record)
        (folder / "nisar").mkdir()
        for number, scene in enumerate(nisar_scenes()):
            path = write_nisar(scene, folder / "nisar")
            record = nisar_record(number, scene.start, (138.48, -31.13, 138.68, -30.97), content=path.read_bytes(),
                                  name=scene.name, crid=scene.crid)  # fmt: skip
            for row in record["umm"]["RelatedUrls"]:
                if row["URL"].endswith(f"{scene.name}.h5"):
                    earthdata.files["/" + row["URL"].split("/", 3)[3]] = path.read_bytes()
            records.append(record)
        twin.routes["nisar.asf.earthdatacloud.nasa.gov"] = twin.routes[DATA_HOST]
        stacaster.ingest([folder / "granules"], catalog=folder / "catalog", workers=2)
        scenes = stacaster.open_catalog(folder / "catalog").search().items()
        Planetary(twin).serve([scene for scene in scenes if "B04" in scene.assets], folder)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        records += serve_radar(twin, earthdata, folder, "http://{}:{}".format(*server.get_host_and_port()))
        cmr = Cmr(records)
        cmr.tokens = earthdata.tokens
        twin.routes["cmr.earthdata.nasa.gov"] = cmr
        variables = twin.environment | {"EARTHDATA_TOKEN": "canary-token-1"}
        for key, value in variables.items():
            print(f"export {key}={value}")
        words = (
            "stacaster search AST_L1T --region south_australia",
            "stacaster footprints AST_L1T --region south_australia -o footprints.html",
            "stacaster ingest --product AST_L1T --region south_australia --limit 10 --catalog catalogs/twin",
            "stacaster ingest --product NISAR_L2_GCOV --bbox 138.53,-31.05,138.56,-31.02 --remote --latest 5"
            " --bands HHHH,HVHV --catalog catalogs/nisar",
            "stacaster stacks --catalog catalogs/nisar",
            "stacaster stack --bbox 138.5,-30.9,138.6,-30.8 --relative-orbit 100 --frame 466 --with-orbits --with-dem "
            "--heights geoid "
            "--catalog catalogs/insar",
            "stacaster search AST_L1T --region south_australia --source planetary-computer",
            "stacaster search AST_L1T --region south_australia --source catalogs/twin",
            "stacaster ingest --product AST_L1T --source planetary-computer --no-copy --catalog catalogs/in-place",
        )
        print(
            "# paste these lines into another terminal of this folder, then for example:",
            *words,
            sep="\n#   ",
            flush=True,
        )
        print("the twin answers until Ctrl-C; its granules are simulated", file=sys.stderr)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)


if __name__ == "__main__":
    main()
