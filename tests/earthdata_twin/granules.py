"""Simulated granules that the twin finds, and gives out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stacaster.samples import AsterScene
from stacaster.samples.aster_l1t_003 import write_aster_l1t_003
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.records import aster_record
from tests.earthdata_twin.server import Twin

Box = tuple[float, float, float, float]


def serve(twin: Twin, scenes: Iterable[tuple[AsterScene, Box]], folder: Path) -> tuple[Cmr, Earthdata, list[Path]]:
    """Write scenes to a folder, and let the twin know them; each with the box that CMR states."""
    folder.mkdir(exist_ok=True)
    earthdata, records, files = Earthdata(twin), [], []
    for number, (scene, box) in enumerate(scenes):
        path = write_aster_l1t_003(scene, folder)
        content = path.read_bytes()
        record = aster_record(number, scene.acquired.replace(tzinfo=None), box, content=content, name=path.stem)
        record["umm"]["RelatedUrls"] = [row for row in record["umm"]["RelatedUrls"] if "METADATA" not in row["Type"]]
        earthdata.files["/" + record["umm"]["RelatedUrls"][0]["URL"].split("/", 3)[3]] = content
        records.append(record)
        files.append(path)
    cmr = Cmr(records)
    twin.routes["cmr.earthdata.nasa.gov"] = cmr
    return cmr, earthdata, files
