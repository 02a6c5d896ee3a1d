"""Earthdata Login, a data host of the Thin Egress App, and the content network behind it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

from tests.earthdata_twin.ranges import ranged
from tests.earthdata_twin.records import DATA_HOST
from tests.earthdata_twin.server import Answer, Request, Twin

CDN_HOST = "d1nklfio7vscoe.cloudfront.net"
LOGIN_HOST = "urs.earthdata.nasa.gov"
USER, PASSWORD = "canary-user", "canary-password"
Fault = Answer | Callable[[Request, Answer], Answer]


class Earthdata:
    """Answers for the three hosts; ``faults`` of a host are used up one a request."""

    def __init__(self, twin: Twin) -> None:
        self.files: dict[str, bytes] = {}
        self.tokens = {"canary-token-1"}
        self.made = 1
        self.faults: dict[str, list[Fault]] = {}
        self.cdn_requests: list[Request] = []
        twin.routes[LOGIN_HOST] = lambda request: self._with_faults(LOGIN_HOST, request, self._login)
        twin.routes[DATA_HOST] = lambda request: self._with_faults(DATA_HOST, request, self._data)
        twin.routes[CDN_HOST] = lambda request: self._with_faults(CDN_HOST, request, self._cdn)

    def _with_faults(self, host: str, request: Request, usual: Callable[[Request], Answer]) -> Answer:
        script = self.faults.get(host)
        answer = usual(request)
        if not script:
            return answer
        fault = script.pop(0)
        return fault if isinstance(fault, Answer) else fault(request, answer)

    def _login(self, request: Request) -> Answer:
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != wanted:
            body = {"error": "invalid_credentials", "error_description": "Invalid user credentials"}
            return Answer(401, body=json.dumps(body).encode())
        self.made += 1
        token = f"canary-token-{self.made}"
        self.tokens.add(token)
        body = {"access_token": token, "token_type": "Bearer", "expiration_date": "01/01/2030"}
        return Answer(body=json.dumps(body).encode())

    def _data(self, request: Request) -> Answer:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return Answer(401, {"WWW-Authenticate": "Bearer"}, b'{"error": "invalid_token"}')
        if request.path not in self.files:
            return Answer(404, {"Content-Type": "text/html"}, b"<html>not found</html>")
        return Answer(303, {"Location": f"https://{CDN_HOST}{request.path}?A-userid=x&Signature=canary-signature"})

    def _cdn(self, request: Request) -> Answer:
        self.cdn_requests.append(request)
        if "authorization" in request.headers:
            return Answer(400, body=b"<Error>Only one auth mechanism allowed</Error>")
        return ranged(request, self.files[request.path])
