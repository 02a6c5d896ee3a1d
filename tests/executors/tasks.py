"""What the tests of worker processes run in them."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stacaster.errors import ReadError


def run(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Do what the task asks for."""
    kind = payload["kind"]
    if kind == "abort":
        os.abort()
    if kind == "segfault":
        ctypes.string_at(0)
    if kind == "exit":
        os._exit(3)
    if kind == "raise":
        raise ReadError("is damaged", granule="x")
    if kind == "bug":
        raise KeyError("unexpected")
    if kind == "memory":
        return {"size": len(bytearray(int(payload["size"])))}
    if kind == "import":
        return {"name": importlib.import_module(payload["name"]).__name__}
    if kind == "sleep":
        if "file" in payload:
            Path(payload["file"]).write_text(str(os.getpid()))
        time.sleep(float(payload["seconds"]))
    if kind == "noise":
        print("words on standard output")
        os.write(1, b"and from C")
        sys.stdout.flush()
    if kind == "large":
        return {"text": "x" * int(payload["size"])}
    return {"pid": os.getpid(), "kind": kind, "group": os.getpgid(0)}
