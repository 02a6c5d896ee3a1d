"""The commands in groups by what people do, as ``stacaster --help`` shows them."""

from __future__ import annotations

import click

GROUPS: dict[str, tuple[str, ...]] = {
    "Find and download": ("search", "collections", "footprints", "fetch", "products", "regions", "variables"),
    "Build a catalog": ("sample-data", "ingest", "import", "update"),
    "Look at it": ("info", "items", "stacks", "sql", "report", "load", "check"),
    "Analyse": ("index", "composite", "timeseries", "sample", "points", "grid"),
    "Write results": ("export",),
    "Many scenes, tiles, radar": ("run", "global-run", "tiles", "stack"),
    "Care and share": ("doctor", "dedupe", "remove", "archive", "diff", "publish", "serve", "cache", "completion"),
}
"""Commands by group, in the order of the work."""


class GroupedCommands(click.Group):
    """A group whose help lists its commands by ``GROUPS``."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of each group; what is in none comes last."""
        left = [name for name in self.list_commands(ctx) if not any(name in names for names in GROUPS.values())]
        width = max(len(name) for name in self.commands)
        for title, names in {**GROUPS, "Others": tuple(left)}.items():
            rows = [(name, command) for name in names if (command := self.get_command(ctx, name)) is not None]
            if rows:
                lines = [(name.ljust(width), _summary(command)) for name, command in rows]
                with formatter.section(title):
                    formatter.write_dl(lines)


def _summary(command: click.Command) -> str:
    """Return what a command does: its first sentence, up to a semicolon."""
    return command.get_short_help_str(limit=200).partition(";")[0].rstrip(".")
