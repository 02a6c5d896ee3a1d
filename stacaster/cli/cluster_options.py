"""Options that reach a cluster: Dask, and what sbatch of Slurm is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from stacaster.cli.options import Decorator, pairs, with_all

_SBATCH = "stacaster.sbatch"


def _remembered(context: click.Context, param: click.Parameter, value: str | None) -> None:
    """Keep an option of sbatch that has a name of its own, until ``--option`` is looked at."""
    if value is not None:
        name = max(param.opts, key=len).removeprefix("--")
        context.meta.setdefault(_SBATCH, {})["mem" if name == "memory" else name] = str(value)


def _with_remembered(context: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | None:
    """Return all options of sbatch; those of ``--option`` go before."""
    return {**context.meta.get(_SBATCH, {}), **(pairs(context, param, values) or {})} or None


def _of_sbatch(flag: str, name: str, metavar: str, words: str) -> Decorator:
    return click.option(
        flag, name, metavar=metavar, callback=_remembered, expose_value=False, is_eager=True, help=words
    )


_ARRAY: tuple[Decorator, ...] = (
    _of_sbatch("--partition", "partition", "NAME", "slurm: partition."),
    _of_sbatch("--account", "account", "NAME", "slurm: account that pays."),
    _of_sbatch("--time", "time_limit", "H:MM:SS", "slurm: longest time of an element."),
    _of_sbatch("--memory", "memory", "SIZE", "slurm: memory of an element, such as 8G."),
    _of_sbatch("--cpus-per-task", "cpus_per_task", "N", "slurm: processors of an element."),
    click.option("--option", "options", multiple=True, metavar="NAME=VALUE", callback=_with_remembered,
                 help="slurm: any other option of sbatch, such as qos=low; may be repeated."),
    click.option("--window", type=click.IntRange(min=1), metavar="N", help="slurm: elements that may run at once."),
    click.option("--max-array", type=click.IntRange(min=1), default=1000, show_default=True, metavar="N",
                 help="slurm: largest number of elements; with more work each takes several."),
)  # fmt: skip


_CLUSTER: tuple[Decorator, ...] = (
    click.option("--address", metavar="URL",
                 help="dask: scheduler that runs, or jobqueue:slurm. [default: a cluster on this machine]"),
    *_ARRAY,
)  # fmt: skip


def array_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what an array job of Slurm is asked for to a command."""
    return with_all(_ARRAY, function)


def cluster_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what reaches a cluster to a command."""
    return with_all(_CLUSTER, function)


_SCRIPTS: tuple[Decorator, ...] = (
    click.option("--script-only", is_flag=True, help="slurm: write the scripts and submit nothing; needs no Slurm."),
    click.option("--scripts", type=click.Choice(["array", "tile"]), default="array", show_default=True,
                 help="slurm: one script over all tiles, or one a tile."),
    click.option("--script-dir", metavar="DIR", help="slurm: folder of the scripts. [default: slurm in the run]"),
)  # fmt: skip


def script_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add which scripts of Slurm are written, and where."""
    return with_all(_SCRIPTS, function)
