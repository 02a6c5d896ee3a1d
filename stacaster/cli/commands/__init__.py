"""The commands; each translates options into one call and prints what comes back."""

from stacaster.cli.commands.build import ingest, products, sample_data
from stacaster.cli.commands.find import fetch, footprints, search
from stacaster.cli.commands.keep import cache, doctor
from stacaster.cli.commands.use import export, index, info, items, remove, sql

COMMANDS = (
    search, footprints, fetch, ingest, products, info, items, remove, sql, export, index, sample_data, cache, doctor,
)  # fmt: skip
"""All commands in the order of the work."""
