"""Which hosts may see a secret: look-alikes of every trusted host, over every way that leads to the network."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from stacaster.access.fetch import TransferRules
from stacaster.errors import StacasterError
from stacaster.model import GranuleFile
from stacaster.network import open_remote, sign
from stacaster.network.auth import Credentials, EarthdataAuth, credentials_of, may_see_token
from stacaster.network.hosts import is_bucket_name, is_trusted
from stacaster.network.http import new_session
from stacaster.network.transport import Signer, Transport
from stacaster.network.transport.planetary_computer import needs_signature
from stacaster.network.transport.s3 import Buckets
from stacaster.sar.orbits.copernicus import CopernicusAuth
from stacaster.sar.transfers import fetch_file
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.planetary import Planetary
from tests.earthdata_twin.records import DATA_HOST
from tests.earthdata_twin.server import Answer, Request, Twin

TOKEN, CDSE, SAS = "canary-token-1", "canary-cdse", "canary-sas"
EVIL = "evil.example"
TRUSTED = (
    "data.lpdaac.earthdatacloud.nasa.gov", "e4ftl01.cr.earthdata.nasa.gov", "n5eil01u.ecs.nsidc.org",
    "sentinel1.asf.alaska.edu", "ladsweb.modaps.eosdis.nasa.gov", "download.dataspace.copernicus.eu",
    "astersa.blob.core.windows.net",
)  # fmt: skip


def look_alikes(host: str) -> list[str]:
    """Return addresses that a careless reader takes for one of ``host``: all characters that split or join names."""
    tail = host.partition(".")[2]
    joints = ["\\", "#", "?", "/", "@", ":", ";", ",", "&", "%2f", "%5c", "%23", "%40", "%00", " ", "\t", "\r\n", "\0",
              "\u2024", "\u3002", "\uff0f", "\u2215", "\uff20", "\u00ad", "\u212a", "..", "-", "_", "|", "{", "^", "`",
              '"', "'", "<", "[", "]", "*", "=", "+", "~", "!", "$", "("]  # fmt: skip
    made = [f"https://{EVIL}{joint}.{tail}/aster/x" for joint in joints]
    made += [f"https://{EVIL}{joint}{host}/aster/x" for joint in joints]
    made += [f"https://{host}{joint}{EVIL}/aster/x" for joint in joints if joint not in ("/", "?", "#")]
    made += [
        f"https://x{tail}/aster/x", f"https://{tail}.{EVIL}/aster/x", f"https://evil-{tail}.example/aster/x",
        f"https://{host}:x@{EVIL}/aster/x", f"https://{EVIL}:443@{EVIL}\\@{host}/aster/x", f"//{host}/aster/x",
        f"https:\\\\{EVIL}\\.{tail}/aster/x", f"https:/{EVIL}/.{tail}/aster/x", f"https:///{EVIL}/.{tail}/aster/x",
        f"https://[{EVIL}].{tail}/aster/x", f"https://[::1].{tail}/aster/x", f"https://{EVIL}/@{host}/aster/x",
        f"https://{EVIL}/https://{host}/aster/x", f"\thttps://{EVIL}\\.{tail}/aster/x", f"https://.{tail}/aster/x",
        f"https://xn--evil-.{tail}/aster/x", f"https://{host}:8443/aster/x", f"https://{host}:0443/aster/x",
        f"https://{host}:/aster/x", f"https://user@{host}/aster/x", f"https://user:word@{host}/aster/x",
        f"http://{host}/aster/x", f"ftp://{host}/aster/x", f"https://{host}./aster/x",
        f"https://{host.replace('a', chr(0x430))}/aster/x", f"https://{host.replace('s', chr(0x17F))}/aster/x",
    ]  # fmt: skip
    return made


def random_addresses(count: int) -> Iterator[str]:
    """Yield texts made of the pieces of addresses, in any order."""
    chance = random.Random(24)
    pieces = [*TRUSTED, EVIL, "127.0.0.1", ".earthdata.nasa.gov", "https://", "http://", "/", "\\", "@", ":", "443",
              "#", "?", "%2e", ".", "[", "]", "\t", "\u3002", "xn--a", "user"]  # fmt: skip
    for _ in range(count):
        yield "https://" + "".join(chance.choices(pieces, k=chance.randint(1, 6)))


def asked_host(address: str) -> str | None:
    """Return the host that requests connects to: an oracle that shares nothing with the rule."""
    try:
        prepared = requests.Request("GET", address).prepare()
        return requests.adapters.HTTPAdapter().get_connection_with_tls_context(prepared, verify=False).host
    except (requests.RequestException, ValueError):
        return None


def test_no_look_alike_is_trusted() -> None:
    for host in TRUSTED:
        domains = ("." + host.partition(".")[2],)
        assert is_trusted(f"https://{host}/x", domains) and is_trusted(f"HTTPS://{host.upper()}:443/x?y#z", domains)
        wrong = [url for url in look_alikes(host) if is_trusted(url, domains)]
        # A hyphen or several names before a trusted domain belong to its owner.
        assert [url for url in wrong if not (asked_host(url) or "").endswith(domains)] == []
        assert all(set(url) <= set("https://.-abcdefghijklmnopqrstuvwxyz0123456789:") for url in wrong), wrong


def test_what_is_trusted_is_what_is_asked() -> None:
    domains = tuple("." + host.partition(".")[2] for host in TRUSTED)
    trusted = [url for url in random_addresses(4000) if is_trusted(url, domains)]
    assert len(trusted) > 50
    assert all((asked_host(url) or "").endswith(domains) for url in trusted)


@pytest.mark.parametrize(
    "name", ["", "a", "x@evil.example", "evil.example\\x", "A", "a..b", "-a-", "b#c", "b?c", "b c"]
)
def test_names_of_buckets(name: str) -> None:
    assert is_bucket_name("lp-prod-protected") and is_bucket_name("my.bucket-1")
    assert not is_bucket_name(name)


@pytest.fixture
def twin(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> Twin:
    monkeypatch.setenv("EARTHDATA_TOKEN", TOKEN)
    monkeypatch.setenv("CDSE_TOKEN", CDSE)
    monkeypatch.setattr("stacaster.network.http.random.uniform", lambda low, high: 0.0)
    return twin


def leaks(twin: Twin) -> list[tuple[str, str]]:
    """Return host and path of requests that showed a secret to a host that is not its own."""
    own = {
        TOKEN: (".earthdata.nasa.gov", ".earthdatacloud.nasa.gov", ".asf.alaska.edu", ".nsidc.org",
                ".modaps.eosdis.nasa.gov"),
        CDSE: (".dataspace.copernicus.eu",),
        SAS: (".blob.core.windows.net",),
    }  # fmt: skip
    return [
        (request.host, request.path)
        for request in twin.log
        for secret, domains in own.items()
        if secret in f"{request.headers} {request.query} {request.body!r}" and not request.host.endswith(domains)
    ]


def quietly(act: Callable[..., object], *arguments: Any, **options: Any) -> None:
    """Act; that a hostile address gives nothing is no matter here."""
    try:
        act(*arguments, **options)
    except (StacasterError, OSError, ValueError, RuntimeError):
        pass
    except Exception as error:  # PassingTrouble is no error of the run
        if type(error).__name__ != "PassingTrouble":
            raise


def get(transport: Transport, href: str) -> None:
    transport.get(href, {}, name="x").close()


def redirect_to(href: str) -> Callable[[Request], Answer]:
    return lambda _: Answer(302, {"Location": href})


def open_signed(href: str) -> None:
    """Ask for what ``sign`` gives, as GDAL does."""
    with new_session() as session:
        session.get(sign(href), timeout=10, allow_redirects=False)


def hostile() -> list[str]:
    """Return look-alikes of all hosts: each joint once, with the hosts in turn."""
    every = [look_alikes(host) for host in TRUSTED]
    return [row[number % len(TRUSTED)] for number, row in enumerate(zip(*every, strict=True))]


def test_no_foreign_host_sees_a_secret(twin: Twin, tmp_path: Path) -> None:
    earthdata, planetary = Earthdata(twin), Planetary(twin)
    earthdata.files["/x.hdf"] = b"x"
    planetary.files["/aster/x.tif"] = b"x"
    credentials = Credentials(origin="argument", token=TOKEN)
    for href in hostile():
        for auth in (EarthdataAuth(credentials), CopernicusAuth(credentials_of("CDSE"))):
            transport = Transport(auth, Signer())
            quietly(get, transport, href)
        quietly(open_signed, href)
        vrt = tmp_path / "x.vrt"
        vrt.write_text(f"<VRTDataset><SourceFilename>/vsicurl/{href}</SourceFilename></VRTDataset>", "utf-8")
        quietly(sign, str(vrt))
    assert len(twin.log) > 50 and EVIL in {request.host for request in twin.log}, "nothing was asked"
    assert leaks(twin) == []
    # The same ways show the secrets to those that they are for.
    Transport(EarthdataAuth(credentials), Signer()).get(f"https://{DATA_HOST}/x.hdf", {}, name="x").close()
    open_signed("https://astersa.blob.core.windows.net/aster/x.tif")
    copernicus = Transport(CopernicusAuth(credentials_of("CDSE")), Signer())
    quietly(get, copernicus, "https://download.dataspace.copernicus.eu/x")
    shown = [f"{request.headers} {request.query}" for request in twin.log]
    assert all(any(secret in text for text in shown) for secret in (TOKEN, CDSE, SAS))


@pytest.mark.parametrize("start", [DATA_HOST, "n5eil01u.ecs.nsidc.org"])
def test_no_redirect_takes_a_secret_along(twin: Twin, start: str) -> None:
    credentials = Credentials(origin="argument", token=TOKEN)
    for href in hostile():
        if not href.isascii() or set("\r\n\0") & set(href):
            continue  # no header can say it
        twin.routes[start] = redirect_to(href)
        transport = Transport(EarthdataAuth(credentials), Signer())
        quietly(get, transport, f"https://{start}/x.hdf")
    assert EVIL in {request.host for request in twin.log}
    assert leaks(twin) == []


def test_a_hostile_record_gets_no_secret(twin: Twin, tmp_path: Path) -> None:
    """Downloads, remote files and keys of buckets whose addresses come from a record."""
    quick = TransferRules(attempts=1, budget_s=5)
    auth = EarthdataAuth(Credentials(origin="argument", token=TOKEN))
    for number, href in enumerate(itertools.islice(hostile(), 0, None, 3)):
        file = GranuleFile(name="x.hdf", href=href)
        quietly(fetch_file, file, tmp_path / f"{number}.hdf", auth=auth, rules=quick)
        quietly(open_remote, href)
        buckets = Buckets(lambda: Transport(auth, Signer()))
        quietly(buckets.keys, href)
    assert EVIL in {request.host for request in twin.log}
    assert leaks(twin) == []


def test_signatures_are_for_plain_names_alone() -> None:
    assert needs_signature("https://astersa.blob.core.windows.net/aster/x.tif")
    for url in ("https://astersa.blob.core.windows.net/a%2e%2e/x", "https://astersa.blob.core.windows.net/../x",
                "https://a.b.blob.core.windows.net/aster/x", "https://astersa.blob.core.windows.net/?/x"):  # fmt: skip
        assert not needs_signature(url)


def test_passwords_go_to_the_login_page_of_the_login_host_alone() -> None:
    auth = EarthdataAuth(Credentials(origin="argument", username="canary-user", password="canary-password"))
    assert auth.headers("https://urs.earthdata.nasa.gov/oauth/authorize")["Authorization"].startswith("Basic ")
    for url in look_alikes("urs.earthdata.nasa.gov"):
        address = url.replace("/aster/x", "/oauth/authorize")
        if not may_see_token(address):
            assert auth.headers(address) == {}
