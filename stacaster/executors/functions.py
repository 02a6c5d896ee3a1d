"""Functions that run elsewhere: passed as functions, sent by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stacaster.errors import UsageError

TaskFunction = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Takes the payload of a task, and returns plain data."""


def name_of(function: TaskFunction) -> str:
    """Return ``package.module:name`` of a function, by which another process imports it.

    Raises:
        UsageError: No other process can import it: it is a lambda, stands in another function, or in a script.
    """
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not module or not name or module == "__main__" or not name.isidentifier():
        raise UsageError(f"{function!r} cannot be sent to another process; give a function of a module")
    return f"{module}:{name}"
