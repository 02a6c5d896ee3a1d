"""Options that several commands share, and how their values are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_BBOX_NUMBERS = 4


class BboxCommand(click.Command):
    """A command whose ``--bbox`` takes ``W,S,E,N`` as well as four numbers ``W S E N``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Join four numbers after ``--bbox`` before click sees them: a negative one looks like an option."""
        joined: list[str] = []
        position = 0
        while position < len(args):
            part = args[position]
            numbers = args[position + 1 : position + 1 + _BBOX_NUMBERS]
            if part == "--bbox" and len(numbers) == _BBOX_NUMBERS and all(_is_number(text) for text in numbers):
                joined.append("--bbox=" + ",".join(numbers))
                position += _BBOX_NUMBERS
            elif part == "--bbox" and numbers:
                joined.append(f"--bbox={numbers[0]}")
                position += 1
            else:
                joined.append(part)
            position += 1
        return super().parse_args(ctx, joined)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

catalog_option: Decorator = click.option(
    "--catalog", metavar="DIR", help="Folder of the catalog. [default: STACASTER_CATALOG or catalogs/local]"
)
bbox_option: Decorator = click.option("--bbox", metavar="W,S,E,N", help="Box in degrees; 'W S E N' works too.")
datetime_option: Decorator = click.option(
    "--datetime", metavar="TIME", help="Time or range: 2001, 2001-03, 2001-01-01/2001-06-30, 2005/.."
)
collection_option: Decorator = click.option("--collection", metavar="ID", help="Collection of the catalog.")
json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
output_option: Decorator = click.option("-o", "--output", required=True, metavar="FILE", help="File to write.")
overwrite_option: Decorator = click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
