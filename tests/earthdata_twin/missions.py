"""ICESat-2 at NSIDC, NISAR and Sentinel-1 at ASF, with their collections and temporary S3 credentials."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stacaster.samples import sentinel1
from stacaster.samples.icesat2 import DEFAULT_SCENES as PASSES
from stacaster.samples.icesat2 import TrackScene, write_icesat2
from stacaster.samples.nisar import DEFAULT_SCENES as FRAMES
from stacaster.samples.nisar import write_nisar
from stacaster.samples.nisar_scene import NisarScene
from stacaster.sar.elevation.tiles import Tile
from tests.earthdata_twin.cmr import Cmr, collection_record
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.elevation import tile_bytes
from tests.earthdata_twin.radar import ASF_HOST, BURST_HOST, DEM_BUCKET, ORBIT_BUCKET, BucketAt, orbit_file, prepare
from tests.earthdata_twin.records import DATA_HOST, icesat2_record, nisar_record
from tests.earthdata_twin.server import Answer, Request, Twin

NSIDC_HOST = "data.nsidc.earthdatacloud.nasa.gov"
NISAR_HOST = "nisar.asf.earthdatacloud.nasa.gov"
TRACKS = (138.4, -31.3, 138.7, -31.1)
"""Box around the simulated passes of ICESat-2."""
FRAME = (138.48, -31.13, 138.68, -30.97)
"""Box of the simulated frame of NISAR."""

Records = list[dict[str, Any]]


def credentials_host(twin: Twin, earthdata: Earthdata, host: str) -> None:
    """Let a data host give out temporary S3 credentials to whoever has a token."""
    usual = twin.routes[DATA_HOST]

    def answer(request: Request) -> Answer:
        if request.path != "/s3credentials":
            return usual(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in earthdata.tokens:
            return Answer(401, {"WWW-Authenticate": "Bearer"}, b'{"error": "invalid_token"}')
        body = {"accessKeyId": "canary-key", "secretAccessKey": "canary-secret", "sessionToken": "canary-session",
                "expiration": "2030-01-01 00:00:00+00:00"}  # fmt: skip
        return Answer(headers={"Content-Type": "application/json"}, body=json.dumps(body).encode())

    twin.routes[host] = answer


def serve_tracks(twin: Twin, earthdata: Earthdata, folder: Path, scenes: Sequence[TrackScene] | None = None) -> Records:
    """Serve ATL03, ATL06 and ATL08 of passes from NSIDC; return their records."""
    folder.mkdir(parents=True)
    credentials_host(twin, earthdata, NSIDC_HOST)
    records: Records = []
    for scene in scenes or [replace(scene, segments=30, photons=30) for scene in PASSES]:
        for path in write_icesat2(scene, folder):
            content = path.read_bytes()
            record = icesat2_record(1000 + len(records), path.stem, TRACKS, content=content)
            for row in record["umm"]["RelatedUrls"]:
                row["URL"] = row["URL"].replace(DATA_HOST, NSIDC_HOST)
            record["umm"]["RelatedUrls"].append(
                {"URL": f"https://{NSIDC_HOST}/s3credentials", "Type": "VIEW RELATED INFORMATION"}
            )
            earthdata.files[f"/nsidc-cumulus-prod-protected/{path.name}"] = content
            records.append(record)
    return records


def nsidc_collections() -> Records:
    """Return collections of NSIDC without granules here: the copy on its own disks, and a newer release."""
    started = "2018-10-13T00:00:00Z"
    credentials = f"https://{NSIDC_HOST}/s3credentials"
    return [
        collection_record("ATL03", "006", "NSIDC_ECS", start=started, title="ATLAS/ICESat-2 L2A Photon Data V006"),
        collection_record("ATL03", "007", "NSIDC_CPRD", start=started, title="ATLAS/ICESat-2 L2A Photon Data V007",
                          credentials=credentials),
        collection_record("ATL24", "001", "NSIDC_CPRD", start=started, title="ATLAS/ICESat-2 L3A Coastal Bathymetry",
                          credentials=credentials),
    ]  # fmt: skip


def serve_nisar(twin: Twin, earthdata: Earthdata, folder: Path, scenes: Sequence[NisarScene]) -> Records:
    """Serve GCOV granules from ASF; return their records."""
    folder.mkdir()
    credentials_host(twin, earthdata, NISAR_HOST)
    records: Records = []
    for number, scene in enumerate(scenes):
        path = write_nisar(scene, folder)
        record = nisar_record(2000 + number, scene.start, FRAME, content=path.read_bytes(), name=scene.name,
                              crid=scene.crid)  # fmt: skip
        for row in record["umm"]["RelatedUrls"]:
            if row["URL"].endswith(f"{scene.name}.h5"):
                earthdata.files["/" + row["URL"].split("/", 3)[3]] = path.read_bytes()
        records.append(record)
    return records


def serve_radar(twin: Twin, earthdata: Earthdata, folder: Path, endpoint: str) -> Records:
    """Serve radar scenes, their orbits, and tiles of heights; return the records of the scenes."""
    folder.mkdir()
    records: Records = []
    for record, contents in prepare(sentinel1.DEFAULT_SCENES, folder):
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


def serve_missions(twin: Twin, folder: Path, endpoint: str) -> Cmr:
    """Serve small granules of all missions of this module, as the pages for users of other tools need them."""
    earthdata = Earthdata(twin)
    first = replace(FRAMES[0], shape=(120, 160), page_bytes=1 << 16)
    frames = [replace(first, crid=crid) for crid in ("X05009", "P05023")]
    records = serve_tracks(twin, earthdata, folder / "tracks")
    records += serve_nisar(twin, earthdata, folder / "nisar", frames)
    records += serve_radar(twin, earthdata, folder / "radar", endpoint)
    cmr = Cmr(records)
    cmr.tokens, cmr.collections = earthdata.tokens, list(nsidc_collections())
    twin.routes["cmr.earthdata.nasa.gov"] = cmr
    return cmr
