"""The Planetary Computer's token service and Azure storage that wants its signatures."""

from __future__ import annotations

import datetime as dt
import json

from tests.earthdata_twin.ranges import ranged
from tests.earthdata_twin.server import Answer, Request, Route, Twin

API_HOST = "planetarycomputer.microsoft.com"
STORAGE_HOST = "astersa.blob.core.windows.net"


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
