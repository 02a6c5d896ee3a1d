"""The twin of Earthdata by hand: simulated granules that can be searched, downloaded and ingested offline."""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time
from pathlib import Path

import stacaster
from stacaster.readers import open_granule
from stacaster.samples import DEFAULT_SCENES
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.records import aster_record
from tests.earthdata_twin.server import Twin


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Twin(Path(name)) as twin:
        earthdata, records = Earthdata(twin), []
        moments = {scene.name: scene.acquired for scene in DEFAULT_SCENES}
        for number, path in enumerate(stacaster.sample_data(Path(name) / "granules")):
            with open_granule([path]):
                content = path.read_bytes()
            moment = moments[path.stem].astimezone(dt.UTC).replace(tzinfo=None)
            box = (138.45, -31.05, 138.6, -30.9)
            record = aster_record(number, moment, box, content=content, name=path.stem)
            links = [row for row in record["umm"]["RelatedUrls"] if "METADATA" not in row["Type"]]
            record["umm"]["RelatedUrls"] = links
            earthdata.files["/" + links[0]["URL"].split("/", 3)[3]] = content
            records.append(record)
        twin.routes["cmr.earthdata.nasa.gov"] = Cmr(records)
        variables = twin.environment | {"EARTHDATA_TOKEN": "canary-token-1"}
        for key, value in variables.items():
            print(f"export {key}={value}")
        words = "stacaster ingest --product AST_L1T --region south_australia --catalog catalogs/twin"
        print(f"# paste these lines into another terminal of this folder, then for example:\n#   {words}", flush=True)
        print("the twin answers until Ctrl-C; its granules are simulated", file=sys.stderr)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)


if __name__ == "__main__":
    main()
