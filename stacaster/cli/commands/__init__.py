"""The commands; each translates options into one call and prints what comes back."""

from stacaster.cli.commands.analyse import composite, export, index, timeseries
from stacaster.cli.commands.build import ingest, regions, sample_data
from stacaster.cli.commands.change import archive, dedupe, diff, import_items, remove, update
from stacaster.cli.commands.cubes import check, load, sample
from stacaster.cli.commands.find import collections, fetch, footprints, search
from stacaster.cli.commands.granules import inspect, products
from stacaster.cli.commands.keep import cache, doctor, publish, serve
from stacaster.cli.commands.points import grid, points, variables
from stacaster.cli.commands.runs import global_run, run
from stacaster.cli.commands.stacks import stack
from stacaster.cli.commands.tiles import tiles
from stacaster.cli.commands.use import info, items, report, sql, stacks

COMMANDS = (
    search, collections, footprints, fetch, ingest, import_items, products, inspect, regions, info, items, stacks, sql,
    report, load, check, sample, variables, points, grid,
    export, index, composite, timeseries, tiles, run, global_run, stack,
    update, remove, dedupe, archive, diff, doctor, publish, serve, cache, sample_data,
)  # fmt: skip
"""All commands in the order of the work."""
