"""What ``stacaster doctor --login`` says, and that it never says a secret."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import stacaster
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import LOGIN_HOST, PASSWORD, USER, Earthdata
from tests.earthdata_twin.server import Answer, Twin


@pytest.fixture
def earthdata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Earthdata]:
    with Twin(tmp_path) as twin:
        for name, value in twin.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr("stacaster.network.http.random.uniform", lambda low, high: 0.01)
        for name in ("NETRC", "EARTHDATA_TOKEN", "EARTHDATA_USERNAME", "EARTHDATA_PASSWORD"):
            monkeypatch.delenv(name, raising=False)
        found = Earthdata(twin)
        service = Cmr([])
        service.tokens = found.tokens
        twin.routes["cmr.earthdata.nasa.gov"] = service
        yield found


def said() -> list[tuple[str, str]]:
    return [(finding.status, finding.text) for finding in stacaster.access.check_login()]


def jwt(expires: float) -> str:
    """A token of the form that Earthdata Login gives out, with an invented signature."""
    parts = [{"typ": "JWT"}, {"uid": "canary-user", "exp": int(expires)}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + ".canary"


def test_no_credentials(earthdata: Earthdata) -> None:
    ((status, text),) = said()
    assert status == "error" and "no credentials were found; set EARTHDATA_TOKEN" in text


def test_a_good_and_a_bad_token(earthdata: Earthdata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
    assert said() == [("ok", "credentials come from EARTHDATA_TOKEN"), ("ok", "CMR accepts the token")]
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-unknown")
    monkeypatch.setenv("EARTHDATA_USERNAME", USER)
    assert [status for status, _ in said()] == ["ok", "warning", "error"]
    assert "CMR refuses the token from EARTHDATA_TOKEN" in said()[-1][1]


def test_when_a_token_expires(earthdata: Earthdata, monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, status in ((-3600, "error"), (3600, "warning"), (30 * 86400, None)):
        token = jwt(time.time() + seconds)
        earthdata.tokens.add(token)
        monkeypatch.setenv("EARTHDATA_TOKEN", token)
        found = [entry for entry in said() if "the token expire" in entry[1]]
        assert [entry[0] for entry in found] == ([] if status is None else [status])


def test_netrc(earthdata: Earthdata, tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine {LOGIN_HOST} login {USER} password {PASSWORD}\n")
    netrc.chmod(0o644)
    assert [status for status, _ in said()] == ["ok", "warning", "ok", "ok"]
    assert "'chmod 600'" in said()[1][1] and "accepts user name and password" in said()[2][1]
    netrc.chmod(0o600)
    netrc.write_text(f"machine {LOGIN_HOST} login {USER} password canary-wrong\n")
    assert said()[-1][0] == "error" and "refused the credentials from .netrc" in said()[-1][1]
    netrc.write_text("machine x login canary passwort y\n")
    assert said() == [("error", ".netrc cannot be understood (line 1)")]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(503, {"Retry-After": "0"}), "Earthdata Login answered 503"),
        (Answer(429, {"Retry-After": "0"}), "Earthdata Login answered 429"),
        (Answer(302, {"Location": "https://evil.example.com/"}), "refused the credentials"),
        (Answer(200, body=b"<html>"), "answered without a token"),
        (Answer(200, body=b"{", length=500), "cannot be reached"),
        (Answer(403, body=b'{"error_description": "too many attempts"}'), "too many attempts"),
    ],
)
def test_trouble_of_the_login(
    earthdata: Earthdata, monkeypatch: pytest.MonkeyPatch, answer: Answer, words: str
) -> None:
    monkeypatch.setenv("EARTHDATA_USERNAME", USER)
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    if answer.length is not None:
        answer.cut_at = 1
    earthdata.faults[LOGIN_HOST] = [answer] * 9
    status, text = said()[-1]
    assert status == "error" and words in text and "canary" not in text


def test_trouble_of_the_login_that_passes(earthdata: Earthdata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARTHDATA_USERNAME", USER)
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    earthdata.faults[LOGIN_HOST] = [Answer(502, body=b"<html>bad gateway"), Answer(429, {"Retry-After": "0"})]
    assert [status for status, _ in said()] == ["ok", "ok", "ok"]


def test_in_a_shell(earthdata: Earthdata, repository: Path) -> None:
    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "stacaster", "doctor", *words]
        env = {**os.environ, "PYTHONPATH": str(repository), **env}
        return subprocess.run(line, capture_output=True, text=True, check=False, env=env)

    assert run("--login").returncode == 5 and run("--login", "--deep").returncode == 2
    good = run("--login", "--json", EARTHDATA_TOKEN="canary-token-1")
    assert good.returncode == 0 and [row["status"] for row in json.loads(good.stdout)] == ["ok", "ok"]
    assert "canary" not in good.stdout + good.stderr
