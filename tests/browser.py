"""A headless Chromium, driven over its DevTools protocol; skips the test where there is none."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest


class Browser:
    """One page; remembers requests and errors.

    Args:
        folder: Folder for the profile.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "profile"
        self._events: list[dict[str, Any]] = []
        self._next = 0

    def __enter__(self) -> Browser:
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if program is None:
            pytest.skip("no Chromium on this machine")
        websocket = pytest.importorskip("websocket")
        self._process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
             "--disable-background-networking", "--disable-component-update", "--no-first-run",
             "--remote-allow-origins=*", "--window-size=1300,1000", f"--user-data-dir={self._folder}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        port = self._wait(lambda: (self._folder / "DevToolsActivePort").read_text().split()[0])
        import requests

        pages = self._wait(lambda: requests.get(f"http://127.0.0.1:{port}/json", timeout=5).json())
        page = next(entry for entry in pages if entry["type"] == "page")
        self._socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=20)
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._ask(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait()

    def _wait(self, get: Any, *, seconds: float = 30) -> Any:
        end = time.monotonic() + seconds
        while True:
            try:
                return get()
            except (OSError, IndexError, ValueError, StopIteration):
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._next += 1
        self._socket.send(json.dumps({"id": self._next, "method": method, "params": parameters}))
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv())
            if message.get("id") == self._next:
                assert "error" not in message, message
                found: dict[str, Any] = message["result"]
                return found
            self._events.append(message)

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression on the page."""
        return self._ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def open(self, address: str, *, until: str, seconds: float = 40) -> str:
        """Open a page, wait until it shows a text, and return all its text."""
        self._ask("Page.navigate", url=address)
        end = time.monotonic() + seconds
        while True:
            text = str(self.run("document.body ? document.body.innerText : ''"))
            if until in text:
                time.sleep(1.0)  # what it still asks for belongs to it
                self.run("1")
                return text
            assert time.monotonic() < end, f"{until!r} is not shown: {text[:500]}; {self.errors()[:3]}"
            time.sleep(0.2)

    def picture(self, path: Path) -> None:
        """Write what the page shows to a PNG file."""
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot")["data"]))

    def count(self, selector: str) -> int:
        """Return the number of elements that a CSS selector finds."""
        return int(self.run(f"document.querySelectorAll({json.dumps(selector)}).length"))

    def requests(self) -> list[str]:
        """Return the addresses that were asked for."""
        sent = [event["params"] for event in self._events if event.get("method") == "Network.requestWillBeSent"]
        return [str(entry["request"]["url"]) for entry in sent]

    def errors(self) -> list[str]:
        """Return exceptions, and what was written to the console as an error."""
        found = []
        for event in self._events:
            method, said = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(said["exceptionDetails"])[:400])
            if method == "Runtime.consoleAPICalled" and said["type"] == "error":
                found.append(json.dumps(said["args"])[:400])
            if method == "Log.entryAdded" and said["entry"]["level"] == "error":
                found.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")
        return found
