"""Radar at the Alaska Satellite Facility, orbit files at three places, and the bucket of Copernicus GLO-30."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import requests
import shapely

from stacaster.formats.metadata.eof import parse_name
from stacaster.samples.sentinel1 import write_burst, write_safe
from stacaster.samples.sentinel1_scene import Sentinel1Scene
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.ranges import ranged
from tests.earthdata_twin.records import DATA_HOST, aster_record
from tests.earthdata_twin.server import Answer, Request, Twin

ASF_HOST = "sentinel1.asf.alaska.edu"
BURST_HOST = "sentinel1-burst.asf.alaska.edu"
QC_HOST = "s1qc.asf.alaska.edu"
ORBIT_BUCKET = "s1-orbits.s3.amazonaws.com"
DEM_BUCKET = "copernicus-dem-30m.s3.eu-central-1.amazonaws.com"
CATALOGUE, DOWNLOAD, IDENTITY = (f"{name}.dataspace.copernicus.eu" for name in ("catalogue", "download", "identity"))
CDSE_USER, CDSE_PASSWORD = "canary-cdse-user", "canary-cdse-password"


def outline(scene: Sentinel1Scene) -> list[tuple[float, float]]:
    """Return the four corners of a scene."""
    orbit, first = scene.orbit()
    seconds = first + np.array([0.0, 1.0, 1.0, 0.0]) * scene.seconds
    places = orbit.ground(seconds, np.array([850e3, 850e3, 886e3, 886e3]))
    return [(float(x), float(y)) for x, y in places]


def radar_record(
    number: int, scene: Sentinel1Scene, files: dict[str, bytes], *, name: str, frame: int = 466, **more: str
) -> dict[str, Any]:
    """Return one granule with the attributes and links of ASF; state vectors are those of the orbit of the scene."""
    file, content = next(iter(files.items()))
    made = aster_record(number, scene.start.replace(tzinfo=None), (0, 0, 1, 1), content=content, name=name)
    umm = made["umm"]
    orbit, first = scene.orbit()
    steps = np.array([np.floor(first / 10) * 10, np.floor(first / 10) * 10 + 10])
    attributes = {
        "ASCENDING_DESCENDING": "ASCENDING", "PATH_NUMBER": str(scene.relative_orbit), "FRAME_NUMBER": str(frame),
        "POLARIZATION": "VV+VH", "PROCESSING_TYPE": "SLC", "BEAM_MODE": "IW", "BEAM_MODE_TYPE": "IW",
        "LOOK_DIRECTION": "RIGHT", "ASF_PLATFORM": f"Sentinel-1{scene.unit}", **more,
    }  # fmt: skip
    for word, second, place, speed in zip(("PRE", "POST"), steps, *orbit.at(steps), strict=True):
        moment = f"{orbit.node + dt.timedelta(seconds=float(second)):%Y-%m-%dT%H:%M:%S.%f}"
        for kind, values in (("POSITION", place), ("VELOCITY", speed)):
            attributes[f"SV_{kind}_{word}"] = ",".join([*(f"{value:.6f}" for value in values), moment])
    ring = [*outline(scene), outline(scene)[0]]
    if not shapely.LinearRing(ring).is_ccw:
        ring.reverse()
    host = BURST_HOST if name.endswith("-BURST") else ASF_HOST
    short = "SENTINEL-1_BURSTS" if host == BURST_HOST else f"SENTINEL-1{scene.unit}_SLC"
    umm |= {
        "GranuleUR": name if host == BURST_HOST else f"{name}-SLC",
        "CollectionReference": {"ShortName": short, "Version": "1"},
        "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": f"{scene.start:%Y-%m-%dT%H:%M:%S.000Z}",
                                             "EndingDateTime": f"{scene.end:%Y-%m-%dT%H:%M:%S.000Z}"}},
        "AdditionalAttributes": [{"Name": key, "Values": [value]} for key, value in attributes.items()],
        "Platforms": [{"ShortName": f"SENTINEL-1{scene.unit}", "Instruments": [{"ShortName": "C-SAR"}]}],
        "OrbitCalculatedSpatialDomains": [{"OrbitNumber": scene.absolute_orbit}],
        "RelatedUrls": [
            {"URL": f"https://{host}/{short}/{name}/{part}",
             "Type": "GET DATA" if part == file else "EXTENDED METADATA"} for part in files
        ],
    }  # fmt: skip
    umm["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["GPolygons"] = [
        {"Boundary": {"Points": [{"Longitude": x, "Latitude": y} for x, y in ring]}}
    ]
    data = umm["DataGranule"]
    data["Identifiers"] = [{"Identifier": name, "IdentifierType": "ProducerGranuleId"}]
    data["ArchiveAndDistributionInformation"] = [
        {"Name": file, "SizeInBytes": len(content),
         "Checksum": {"Value": hashlib.md5(content).hexdigest(), "Algorithm": "MD5"}}
    ]  # fmt: skip
    made["meta"] |= {"provider-id": "ASF", "collection-concept-id": f"C3-{short}", "concept-id": f"G{number}-ASF"}
    return made


Served = list[tuple[dict[str, Any], list[bytes]]]
"""Records, and the content of the files of each."""


def prepare(scenes: Iterable[Sentinel1Scene], folder: Path) -> Served:
    """Return scenes, and of each a burst from the middle of the second sub-swath."""
    found: Served = []
    for number, scene in enumerate(scenes):
        path = write_safe(scene, folder)
        content = path.read_bytes()
        found.append((radar_record(number, scene, {path.name: content}, name=path.stem), [content]))
        image, note = write_burst(scene, folder)
        parts = {"1.tiff": image.read_bytes(), "1.xml": note.read_bytes()}
        burst = radar_record(
            100 + number, scene, parts, name=image.stem, PROCESSING_TYPE="BURST", POLARIZATION="VV",
            BURST_ID_FULL=f"100_{scene.burst_id(1):06d}_IW2", GROUP_ID=f"S1{scene.unit}_IWDV_x",
        )  # fmt: skip
        found.append((burst, list(parts.values())))
    return found


class Radar:
    """CMR, login and data hosts of ASF with granules; ``still_working`` bursts are answered with 202 first."""

    def __init__(self, twin: Twin, served: Served) -> None:
        self.earthdata = Earthdata(twin)
        self.still_working = 0
        for record, contents in served:
            for row, content in zip(record["umm"]["RelatedUrls"], contents, strict=True):
                self.earthdata.files["/" + row["URL"].split("/", 3)[3]] = content
        self.cmr = Cmr([record for record, _ in served])
        usual = twin.routes[DATA_HOST]

        def burst_host(request: Request) -> Answer:
            if self.still_working:
                self.still_working -= 1
                return Answer(202, body=b"")
            return usual(request)

        twin.routes |= {"cmr.earthdata.nasa.gov": self.cmr, ASF_HOST: usual, BURST_HOST: burst_host}


class BucketAt:
    """A bucket of a real S3 server under the address that it has at Amazon."""

    def __init__(self, twin: Twin, host: str, endpoint: str, bucket: str) -> None:
        self._base = f"{endpoint}/{bucket}"
        self._session = requests.Session()
        self._session.trust_env = False
        self.faults: list[Any] = []
        self.page: int | None = None
        """Largest number of objects in a list; None for a thousand."""
        self._session.put(self._base, timeout=30).raise_for_status()
        twin.routes[host] = self

    def put(self, key: str, content: bytes) -> None:
        """Put an object."""
        login = "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/s3/aws4_request"
        headers = {"Authorization": login, "x-amz-acl": "public-read"}
        self._session.put(f"{self._base}/{key}", data=content, headers=headers, timeout=30).raise_for_status()

    def list_text(self) -> str:
        """Return the list of tiles."""
        return self._session.get(f"{self._base}/tileList.txt", timeout=30).text

    def __call__(self, request: Request) -> Answer:
        """Pass a question on."""
        assert "authorization" not in request.headers, "a public bucket sees no token"
        kept: dict[str, str | bytes] = {
            key: request.headers[key] for key in ("range", "if-range") if key in request.headers
        }
        limit = {"max-keys": str(self.page)} if self.page and request.path == "/" else {}
        got = self._session.get(
            f"{self._base}{request.path}", params=dict(request.query) | limit, headers=kept, timeout=30,
            allow_redirects=False,
        )  # fmt: skip
        names = ("ETag", "Content-Range", "Content-Type")
        answer = Answer(got.status_code, {k: got.headers[k] for k in names if k in got.headers}, got.content)
        if not self.faults:
            return answer
        fault = self.faults.pop(0)
        return fault if isinstance(fault, Answer) else fault(request, answer)


class Copernicus:
    """The catalogue, the login and the download host of the Copernicus Data Space."""

    def __init__(self, twin: Twin) -> None:
        self.files: dict[str, bytes] = {}
        self.tokens: set[str] = set()
        self.asked: list[str] = []
        self.faults: list[Any] = []
        twin.routes |= {CATALOGUE: self._search, IDENTITY: self._login, DOWNLOAD: self._download}

    def _search(self, request: Request) -> Answer:
        text = dict(request.query)["$filter"]
        self.asked.append(text)
        if self.faults:
            fault: Answer = self.faults.pop(0)
            return fault
        stem = re.search(r"startswith\(Name,'([^']*)'\)", text)
        start, end = (re.search(rf"ContentDate/{word} \w\w (\S+)", text) for word in ("Start", "End"))
        assert stem and start and end and "Collection/Name eq 'SENTINEL-1'" in text
        rows = []
        for number, (name, content) in enumerate(self.files.items()):
            orbit = parse_name(name)
            assert orbit is not None
            first, last = (dt.datetime.fromisoformat(match[1]) for match in (start, end))
            if name.startswith(stem[1]) and orbit.covers(first, last):
                rows.append({
                    "Id": f"0000-{number}", "Name": name, "ContentLength": len(content),
                    "Checksum": [{"Value": hashlib.md5(content).hexdigest(), "Algorithm": "MD5"}],
                })  # fmt: skip
        return Answer(headers={"Content-Type": "application/json"}, body=json.dumps({"value": rows}).encode())

    def _login(self, request: Request) -> Answer:
        given = {key: values[0] for key, values in request.parameters.items()}
        if (given["username"], given["password"], given["client_id"]) != (CDSE_USER, CDSE_PASSWORD, "cdse-public"):
            return Answer(401, body=b'{"error_description": "Invalid user credentials"}')
        self.tokens.add(token := f"canary-cdse-token-{len(self.tokens) + 1}")
        return Answer(body=json.dumps({"access_token": token, "expires_in": 600}).encode())

    def _download(self, request: Request) -> Answer:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return Answer(401, body=b"unauthorized")
        number = re.search(r"\(0000-(\d+)\)", request.path)
        assert number
        return ranged(request, list(self.files.values())[int(number[1])])


class QualityControl:
    """Pages of orbit files at ASF; files behind the token of Earthdata."""

    def __init__(self, twin: Twin) -> None:
        self.files: dict[str, bytes] = {}
        twin.routes[QC_HOST] = self

    def __call__(self, request: Request) -> Answer:
        """Answer with a page, or a file."""
        kind, _, name = request.path.strip("/").partition("/")
        if not name:
            links = [f'<a href="{n}">{n}</a>' for n in self.files if n[13:19].lower() == kind[4:]]
            return Answer(headers={"Content-Type": "text/html"}, body=f"<html>{''.join(links)}</html>".encode())
        if not request.headers.get("authorization", "").startswith("Bearer canary"):
            return Answer(401, body=b"login")
        return ranged(request, self.files[name])


@lru_cache(maxsize=32)
def orbit_file(
    scene: Sentinel1Scene,
    kind: str = "POEORB",
    *,
    created: dt.datetime | None = None,
    shift: float = 0.0,
    unit: str = "A",
    step: float = 10.0,
) -> tuple[str, bytes]:
    """Return name and content of an orbit file around a scene.

    Args:
        scene: The acquisition.
        kind: ``POEORB`` (a day and two hours) or ``RESORB`` (three hours and a bit).
        created: When it was made.
        shift: Hours that its validity is moved.
        unit: Satellite.
        step: Seconds between two state vectors.
    """
    orbit, _ = scene.orbit()
    if kind == "POEORB":
        day = scene.start.replace(hour=0, minute=0, second=0, microsecond=0)
        start, stop = day - dt.timedelta(hours=1), day + dt.timedelta(hours=25)
    else:
        start, stop = scene.start - dt.timedelta(hours=1.5), scene.start + dt.timedelta(hours=1.8)
    start, stop = start + dt.timedelta(hours=shift), stop + dt.timedelta(hours=shift)
    made = created or (stop + (dt.timedelta(days=20) if kind == "POEORB" else dt.timedelta(hours=1)))
    name = f"S1{unit}_OPER_AUX_{kind}_OPOD_{made:%Y%m%dT%H%M%S}_V{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}.EOF"
    seconds = (start - orbit.node).total_seconds() + np.arange(0, (stop - start).total_seconds() + 1, step)
    rows = [
        f"<OSV><TAI>TAI=x</TAI><UTC>UTC={orbit.node + dt.timedelta(seconds=float(second)):%Y-%m-%dT%H:%M:%S.%f}</UTC>"
        + "".join(f'<{axis} unit="m">{value:.6f}</{axis}>' for axis, value in zip("XYZ", place, strict=True))
        + "".join(f'<V{axis} unit="m/s">{value:.6f}</V{axis}>' for axis, value in zip("XYZ", speed, strict=True))
        + "<Quality>NOMINAL</Quality></OSV>"
        for second, place, speed in zip(seconds, *orbit.at(seconds), strict=True)
    ]
    head = f"<Fixed_Header><File_Name>{name[:-4]}</File_Name></Fixed_Header>"
    head = f"<Earth_Explorer_Header>{head}</Earth_Explorer_Header>"
    body = f'<Data_Block type="xml"><List_of_OSVs count="{len(rows)}">{"".join(rows)}</List_of_OSVs></Data_Block>'
    return name, f'<?xml version="1.0" ?><Earth_Explorer_File>{head}{body}</Earth_Explorer_File>'.encode()
