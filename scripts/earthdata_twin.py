"""The twin of Earthdata by hand: simulated granules that can be searched, downloaded and ingested offline."""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from moto.server import ThreadedMotoServer

import stacaster
from stacaster.samples import DEFAULT_SCENES
from stacaster.samples.aster_l1t_003 import write_aster_l1t_003
from stacaster.samples.nisar import DEFAULT_SCENES as NISAR_SCENES
from stacaster.samples.nisar import NisarScene
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.missions import nsidc_collections, serve_nisar, serve_radar, serve_tracks
from tests.earthdata_twin.planetary import Planetary
from tests.earthdata_twin.records import aster_record
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
        records += serve_nisar(twin, earthdata, folder / "nisar", nisar_scenes())
        records += serve_tracks(twin, earthdata, folder / "tracks")
        stacaster.ingest([folder / "granules"], catalog=folder / "catalog", workers=2)
        scenes = stacaster.open_catalog(folder / "catalog").search().items()
        Planetary(twin).serve([scene for scene in scenes if "B04" in scene.assets], folder)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        records += serve_radar(twin, earthdata, folder / "radar", "http://{}:{}".format(*server.get_host_and_port()))
        cmr = Cmr(records)
        cmr.tokens, cmr.collections = earthdata.tokens, nsidc_collections()
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
            "stacaster collections photons --provider NSIDC_CPRD",
            "stacaster ingest --product ATL03 --bbox 138.4,-31.3,138.7,-31.1 --remote --with-classes "
            "--catalog catalogs/photons",
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
