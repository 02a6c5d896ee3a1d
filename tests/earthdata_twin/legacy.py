"""A data host with the older login: redirects to Earthdata Login, and a cookie afterwards."""

from __future__ import annotations

import base64
from urllib.parse import quote

from tests.earthdata_twin.earthdata import LOGIN_HOST, PASSWORD, USER
from tests.earthdata_twin.ranges import ranged
from tests.earthdata_twin.server import Answer, Request, Twin

LEGACY_HOST = "n5eil01u.ecs.nsidc.org"


class Legacy:
    """Answers for the host and for the login page."""

    def __init__(self, twin: Twin) -> None:
        self.files: dict[str, bytes] = {}
        self.logins = 0
        twin.routes[LEGACY_HOST] = self._data
        twin.routes[LOGIN_HOST] = self._login

    def _data(self, request: Request) -> Answer:
        if request.path == "/login":
            path = dict(request.query)["state"]
            cookie = "asf-urs=canary-cookie; Path=/; Secure; HttpOnly"
            return Answer(301, {"Location": path, "Set-Cookie": cookie})
        if "asf-urs=canary-cookie" not in request.headers.get("cookie", ""):
            back = quote(f"https://{LEGACY_HOST}/login")
            target = f"https://{LOGIN_HOST}/oauth/authorize?client_id=x&response_type=code&redirect_uri={back}"
            return Answer(302, {"Location": f"{target}&state={quote(request.path)}"})
        return ranged(request, self.files[request.path])

    def _login(self, request: Request) -> Answer:
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.path != "/oauth/authorize":
            return Answer(200, body=b'{"access_token": "canary-token-9"}')
        if request.headers.get("authorization") != wanted:
            return Answer(401, body=b"HTTP Basic: Access denied.")
        self.logins += 1
        state = dict(request.query)["state"]
        cookie = "_urs-gui_session=canary-session; Path=/; Secure"
        return Answer(
            302, {"Location": f"https://{LEGACY_HOST}/login?code=1&state={quote(state)}", "Set-Cookie": cookie}
        )
