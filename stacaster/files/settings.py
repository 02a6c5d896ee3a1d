"""Small files of settings: TOML and JSON."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

from stacaster.errors import UsageError


def read_settings(path: str | os.PathLike[str], *, what: str) -> dict[str, Any]:
    """Return the table of a file that ends in ``.json``, or else in TOML.

    Args:
        path: The file.
        what: What it is, for messages, such as ``recipe``.

    Raises:
        UsageError: There is no such file, or it is no table.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
        table = json.loads(text) if file.suffix.lower() == ".json" else tomllib.loads(text)
    except RecursionError as error:
        raise UsageError(f"the {what} {file} is nested too deeply; a table of names and values is needed") from error
    except OSError as error:
        raise UsageError(f"the {what} {file} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"the {what} {file} cannot be read: {error}") from error
    if not isinstance(table, dict):
        raise UsageError(f"the {what} {file} is no table of names and values")
    return table
