"""The server side of the download benchmark: a twin with 30 ms latency, in a process of its own."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.earthdata_twin.earthdata import CDN_HOST, LOGIN_HOST, Earthdata
from tests.earthdata_twin.server import Answer, Request, Twin

HOST = "sentinel1.asf.alaska.edu"
COUNT, SIZE = 40, 5_000_000


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Twin(Path(name), latency_s=0.03) as twin:
        earthdata = Earthdata(twin)
        content = b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * (SIZE // 256 + 1)
        for number in range(COUNT):
            earthdata.files[f"/data/{number}.h5"] = content

        def data(request: Request) -> Answer:
            # asf_search sends its token in a cookie as well as in the header; both are good.
            if "canary-token-1" not in request.headers.get("authorization", ""):
                return Answer(401, body=b"{}")
            return Answer(303, {"Location": f"https://{CDN_HOST}{request.path}?Signature=x"})

        twin.routes[HOST] = data
        # earthaccess asks for its user's profile before it downloads.
        twin.routes[LOGIN_HOST] = lambda _: Answer(body=b"{}")
        twin.routes["cmr.earthdata.nasa.gov"] = lambda _: Answer(body=b"{}")
        print(json.dumps(twin.environment), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
