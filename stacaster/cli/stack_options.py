"""Options of ``stacaster stack``: those of ``StackOptions``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from stacaster.model.stack_options import described

_FLAGS = {"name": "preset"}
"""Options whose word means something else in other commands."""


def stack_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a stack to a command; what was not given is None, so that the file of --config counts."""
    for name, (kind, words) in reversed(described().items()):
        flag = f"--{_FLAGS.get(name, name).replace('_', '-')}"
        if kind is bool:
            function = click.option(flag, name, is_flag=True, default=None, help=words)(function)
        else:
            metavar = {int: "N", float: "N"}.get(kind, "TEXT")
            short = ("-o",) if name == "output" else ()
            function = click.option(*short, flag, name, type=kind, metavar=metavar, help=words)(function)
    return function
