"""The Planetary Computer's token service and Azure storage that wants its signatures."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import rasterio
from affine import Affine

from tests.earthdata_twin.ranges import ranged
from tests.earthdata_twin.server import Answer, Request, Route, Twin

API_HOST = "planetarycomputer.microsoft.com"
STORAGE_HOST = "astersa.blob.core.windows.net"
API = f"https://{API_HOST}/api/stac/v1"
GROUPS = {"VNIR": ["B01", "B02", "B03N"], "SWIR": [f"B{n:02d}" for n in range(4, 10)],
          "TIR": [f"B{n}" for n in range(10, 15)]}  # fmt: skip


class Planetary:
    """Answers for token service and storage; ``stac`` answers for the rest of the API host."""

    def __init__(self, twin: Twin) -> None:
        self.files: dict[str, bytes] = {}
        self.made = 0
        self.lifetime = dt.timedelta(hours=1)
        self.valid: set[str] = set()
        self.script: list[Answer] = []
        self.stac: Route = lambda _: Answer(404)
        twin.routes[API_HOST] = self._api
        twin.routes[STORAGE_HOST] = self._storage

    def _api(self, request: Request) -> Answer:
        if not request.path.startswith("/api/sas/v1/token/"):
            return self.stac(request)
        if self.script:
            return self.script.pop(0)
        if request.path not in ("/api/sas/v1/token/astersa/aster", "/api/sas/v1/token/aster-l1t"):
            return Answer(404, body=b'{"detail": "no such container"}')
        self.made += 1
        self.valid.add(f"canary-sas-{self.made}")
        expires = dt.datetime.now(dt.UTC) + self.lifetime
        body = {"msft:expiry": f"{expires:%Y-%m-%dT%H:%M:%SZ}", "token": f"sv=2021&sig=canary-sas-{self.made}"}
        return Answer(body=json.dumps(body).encode())

    def _storage(self, request: Request) -> Answer:
        signature = dict(request.query).get("sig", "")
        if request.path.startswith("/aster/") and signature not in self.valid:
            return Answer(403, body=b"<Error><Code>AuthenticationFailed</Code></Error>")
        if request.path not in self.files:
            return Answer(404, body=b"<Error><Code>BlobNotFound</Code></Error>")
        return ranged(request, self.files[request.path])

    def serve(self, scenes: Sequence[pystac.Item], folder: Path) -> None:
        """Hold scenes of a catalog as the Planetary Computer does, and answer searches for them."""
        documents = [self._document(scene, folder) for scene in scenes]
        extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]},
                  "temporal": {"interval": [["2000-03-04T00:00:00Z", "2006-12-31T00:00:00Z"]]}}  # fmt: skip
        collection = {"type": "Collection", "id": "aster-l1t", "stac_version": "1.0.0", "description": "x", "links": [],
                      "license": "proprietary", "extent": extent}  # fmt: skip
        links = [{"rel": "search", "href": f"{API}/search", "method": "POST", "type": "application/geo+json"},
                 {"rel": "root", "href": API}, {"rel": "self", "href": API},
                 {"rel": "data", "href": f"{API}/collections"}]  # fmt: skip
        conformance = [
            f"https://api.stacspec.org/v1.0.0/{part}" for part in ("core", "item-search", "item-search#query")
        ]
        root = {"type": "Catalog", "id": "pc", "stac_version": "1.0.0", "description": "x", "links": links,
                "conformsTo": [*conformance, "https://api.stacspec.org/v1.0.0/collections"]}  # fmt: skip

        def stac(request: Request) -> Answer:
            body: Any = collection if "/collections/" in request.path else root
            if request.path.endswith("/search"):
                body = {"type": "FeatureCollection", "features": documents, "links": []}
                asked = json.loads(request.body)
                first, _, last = str(asked.get("datetime") or "../..").partition("/")
                body["features"] = [
                    d for d in documents
                    if first[:4] in ("..", "") or first[:4] <= d["properties"]["datetime"][:4] <= (last[:4] or "9999")
                ]  # fmt: skip
            return Answer(headers={"Content-Type": "application/json"}, body=json.dumps(body).encode())

        self.stac = stac

    def _document(self, scene: pystac.Item, folder: Path) -> dict[str, Any]:
        name, _, number = scene.id.rpartition("_")
        properties = {
            "datetime": scene.properties["datetime"], "aster:processing_number": number, "platform": "terra",
            "eo:cloud_cover": 5.0, "view:sun_azimuth": scene.properties["view:sun_azimuth"],
            "view:sun_elevation": scene.properties["view:sun_elevation"], "sat:orbit_state": "descending",
        }  # fmt: skip
        return {"type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "aster-l1t",
                "geometry": scene.geometry, "bbox": scene.bbox, "properties": properties, "links": [],
                "assets": self._files_of(scene, folder)}  # fmt: skip

    def _files_of(self, item: pystac.Item, folder: Path) -> dict[str, Any]:
        """Make the Planetary Computer's files of a scene: stacked bands, pixel centres as edges, the northern zone."""
        assets: dict[str, Any] = {}
        stem = item.id.removesuffix("_0")
        for group, names in GROUPS.items():
            present = [name for name in names if name in item.assets]
            if not present:
                continue
            pixels = []
            for name in present:
                with rasterio.open(item.assets[name].href) as dataset:
                    pixels.append(dataset.read(1))
                    profile = dataset.profile
            t, rows, cols = profile["transform"], profile["height"], profile["width"]
            size = t.a
            shift = 10_000_000 if profile["crs"].to_epsg() // 100 == 327 else 0
            wrong = Affine(size * (cols - 1) / cols, 0, t.c + size / 2 + 1e-5, 0, -size * (rows - 1) / rows,
                           t.f - size / 2 - shift + 9e-4)  # fmt: skip
            path = folder / f"{stem}.{group}.tif"
            epsg = 32600 + profile["crs"].to_epsg() % 100
            with rasterio.open(path, "w", driver="COG", width=cols, height=rows, count=len(present), nodata=0,
                               dtype=profile["dtype"], crs=f"EPSG:{epsg}", transform=wrong) as dataset:  # fmt: skip
                dataset.write(np.stack(pixels))
            self.files[f"/aster/{path.name}"] = path.read_bytes()
            assets[group] = {
                "href": f"https://{STORAGE_HOST}/aster/{path.name}",
                "roles": ["data"],
                "type": "image/tiff",
            }
        xml = "".join(f"<PSA><PSAName>{n}</PSAName><PSAValue>{v}</PSAValue></PSA>" for n, v in
                      (("ASTERGains", "01 HGH, 02 HGH, 3N NOR, 04 NOR, 05 NOR, 06 NOR, 07 NOR, 08 NOR, 09 NOR"),
                       ("ASTERVNIRPointingAngle", "-8.571")))  # fmt: skip
        self.files[f"/aster/{stem}.hdf.xml"] = f"<GranuleMetaDataFile>{xml}</GranuleMetaDataFile>".encode()
        assets["xml"] = {"href": f"https://{STORAGE_HOST}/aster/{stem}.hdf.xml", "roles": ["metadata"]}
        return assets
