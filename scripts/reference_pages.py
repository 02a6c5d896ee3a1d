"""Pages of the reference, made from the code when the site is built; nothing of them is typed."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from html import escape
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import stacaster

ROOMS = {
    "tiles": "stacaster.tiles",
    "sar": "stacaster.sar",
    "icesat2": "stacaster.analysis.lidar",
    "backscatter": "stacaster.analysis.backscatter",
    "emissivity": "stacaster.analysis.emissivity",
    "timeseries": "stacaster.analysis.timeseries",
    "cube": "stacaster.cube",
    "catalog": "stacaster.catalog",
    "server": "stacaster.server",
    "access": "stacaster.access",
    "network": "stacaster.network",
    "executors": "stacaster.executors",
    "formats": "stacaster.formats",
}
"""Rooms of the public names that are not at the top, and their modules."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages; called by MkDocs."""
    for name, content in pages().items():
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    return files


def pages() -> dict[str, str]:
    """Return the text of every generated page by name."""
    return {
        "commands": commands(),
        "functions": functions(),
        "products": products(),
        "indices": indices(),
        "masks-and-units": masks_and_units(),
        "regions": regions(),
        "settings": settings(),
        "exit-codes": exit_codes(),
    }


def commands() -> str:
    """Every command with its options, from click."""
    from stacaster.cli import cli

    parts = ["# Commands\n\nEvery command is the twin of a public function. `-h` shows the same on the command line.\n"]
    parts += [_command(["stacaster", *path], command) for path, command in _walk(cli, [])]
    return "\n".join(parts)


def _walk(group: click.Group, path: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    for name in sorted(group.commands):
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from _walk(command, [*path, name])
        elif not command.hidden:
            yield [*path, name], command


def _command(path: list[str], command: click.Command) -> str:
    context = click.Context(command, info_name=path[-1])
    usage = " ".join([*path, *command.collect_usage_pieces(context)])
    text, _, examples = inspect.cleandoc(command.help or "").replace("\b\n", "").partition("Examples:")
    lines = [f"## {' '.join(path[1:])}\n", f"`{usage}`\n", escape(text.strip(), quote=False) + "\n"]
    if examples.strip():
        lines += ["```console", *(line.strip() for line in examples.strip().splitlines()), "```\n"]
    lines += ["| option | meaning |", "|---|---|"]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None:
            lines.append(f"| {_cell(f'`{record[0]}`')} | {_cell(escape(record[1], quote=False))} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("[", "&#91;")


def functions() -> str:
    """Every public name, rendered from its docstring."""
    lines = [
        "# Functions\n",
        "What a newcomer needs is at the top of `stacaster`, the rest lies in rooms.\n",
        "## stacaster\n",
    ]
    lines += [
        _documented(name, getattr(stacaster, name), f"stacaster.{name}") for name in stacaster.__all__ if name[0] != "_"
    ]
    for room, module in ROOMS.items():
        lines.append(f"## stacaster.{room}\n")
        names = _public(module)
        lines += [
            _documented(name, value, f"stacaster.{room}.{name}")
            for name, value in names
            if name not in stacaster.__all__
        ]
    return "\n".join(lines)


def _public(module: str) -> list[tuple[str, Any]]:
    import importlib

    loaded = importlib.import_module(module)
    return [(name, getattr(loaded, name)) for name in sorted(getattr(loaded, "__all__", ()))]


def _documented(name: str, value: Any, title: str) -> str:
    if not (inspect.isfunction(value) or inspect.isclass(value)):
        return ""
    options = "    options:\n      show_root_heading: false\n      heading_level: 4\n"
    return f"### {title}\n\n::: {value.__module__}.{name}\n{options}"


def products() -> str:
    """Every product with its bands."""
    lines = [
        "# Products\n",
        "| product | version | collection | what it is | bands or tables |",
        "|---|---|---|---|---|",
    ]
    for product in sorted(stacaster.products.all_products().values(), key=lambda entry: entry.collection_id):
        names = [f"`{band.name}`" for band in product.bands] + [f"`{table.name}`" for table in product.tables]
        shown = ", ".join(names[:16]) + (f" and {len(names) - 16} more" if len(names) > 16 else "")
        row = (product.short_name, product.version, f"`{product.collection_id}`", escape(product.title), shown)
        lines.append("| " + " | ".join(_cell(str(cell)) for cell in row) + " |")
    return "\n".join(lines) + "\n"


def indices() -> str:
    """Every index with its formula, range and citation."""
    from stacaster.analysis.indices.table import INDICES

    lines = ["# Indices\n"]
    for name in sorted(INDICES):
        index = INDICES[name]
        limits = (
            ""
            if index.display_range is None
            else f" Published range: {index.display_range[0]:g} to {index.display_range[1]:g}."
        )
        lines += [
            f"## {name}\n",
            f"{escape(index.title)}. Units of the bands: `{index.units}`.{limits}\n",
            f'<math display="block"><mrow>{_mathml(ast.parse(index.expression, mode="eval").body)}</mrow></math>\n',
            f"`{index.expression}`; {escape(index.citation)}\n",
        ]
    return "\n".join(lines)


_SIGNS = {ast.Add: "+", ast.Sub: "−", ast.Mult: "·", ast.Lt: "<", ast.Gt: ">", ast.LtE: "≤", ast.GtE: "≥"}


def _mathml(node: ast.expr) -> str:  # noqa: PLR0911 - one form a line
    """Return a formula as MathML, which browsers draw by themselves."""
    if isinstance(node, ast.BinOp):
        left, right = _mathml(node.left), _mathml(node.right)
        if isinstance(node.op, ast.Div):
            return f"<mfrac><mrow>{left}</mrow><mrow>{right}</mrow></mfrac>"
        if isinstance(node.op, ast.Pow):
            return f"<msup><mrow>{_group(node.left)}</mrow><mrow>{right}</mrow></msup>"
        tight = isinstance(node.op, ast.Mult)
        parts = (
            (_group(node.left), _group(node.right)) if tight else (left, _group(node.right, only=ast.Sub, op=node.op))
        )
        return f"{parts[0]}<mo>{_SIGNS[type(node.op)]}</mo>{parts[1]}"
    if isinstance(node, ast.UnaryOp):
        return f"<mo>−</mo>{_group(node.operand)}"
    if isinstance(node, ast.Call):
        inner = "<mo>,</mo>".join(_mathml(argument) for argument in node.args)
        return f"<mi>{ast.unparse(node.func)}</mi><mo>(</mo>{inner}<mo>)</mo>"
    if isinstance(node, ast.Compare):
        pairs = zip(node.ops, node.comparators, strict=True)
        return _mathml(node.left) + "".join(f"<mo>{_SIGNS[type(op)]}</mo>{_mathml(right)}" for op, right in pairs)
    if isinstance(node, ast.Constant):
        return f"<mn>{node.value}</mn>"
    return f"<mi>{escape(ast.unparse(node))}</mi>"


def _group(node: ast.expr, *, only: type | None = None, op: ast.operator | None = None) -> str:
    is_sum = isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub))
    if is_sum and (only is None or isinstance(op, only)):
        return f"<mo>(</mo>{_mathml(node)}<mo>)</mo>"
    return _mathml(node)


def masks_and_units() -> str:
    """Masks by name, and units with their constants."""
    from stacaster.analysis.masks import MASKS
    from stacaster.cube.units import UNITS

    lines = ["# Masks and units\n", "## Masks\n", "| mask | meaning |", "|---|---|"]
    for name in sorted(MASKS):
        rule = MASKS[name]
        lines.append(f"| `{name}` | {_cell(escape(_first_line(rule)))} |")
    lines += ["\n## Units\n", "`units=` of `load`, `export`, indices, composites and series:\n"]
    lines += [f"* `{name}`" for name in UNITS]
    return "\n".join(lines) + "\n"


def _first_line(value: Any) -> str:
    text = getattr(value, "description", None) or getattr(value, "text", None) or inspect.getdoc(value) or ""
    return str(text).strip().splitlines()[0] if str(text).strip() else ""


def regions() -> str:
    """Named regions with their boxes."""
    from stacaster.geo.regions import REGIONS

    lines = ["# Regions\n", "| name | west | south | east | north |", "|---|---|---|---|---|"]
    lines += [
        f"| `{name}` | " + " | ".join(f"{value:g}" for value in box) + " |" for name, box in sorted(REGIONS.items())
    ]
    return "\n".join(lines) + "\n"


_OTHERS = {
    "STACASTER_CATALOG": ("catalogs/local", "Folder of the catalog when a command or function names none."),
    "STACASTER_CACHE_DIR": ("the user's cache folder", "Folder of downloads."),
    "STACASTER_CMR_URL": ("https://cmr.earthdata.nasa.gov", "Address of CMR, for a mirror or tests."),
    "STACASTER_CPUS": ("those of the process", "Processors that may be used."),
    "STACASTER_REQUESTS": ("by kind of work", "Most requests at once."),
    "STACASTER_PRODUCTS": ("none", "Files and folders with tables of products, separated as in `PATH`."),
    "STACASTER_SERVE_TOKEN": ("none", "Token of `stacaster serve`, as `--token`."),
    "EARTHDATA_TOKEN": ("none", "Of Earthdata Login; else `EARTHDATA_USERNAME` and `EARTHDATA_PASSWORD`, else netrc."),
    "CDSE_TOKEN": ("none", "Of the Copernicus Data Space; else `CDSE_USERNAME` and `CDSE_PASSWORD`, else netrc."),
    "NETRC": ("`~/.netrc`", "Another netrc file."),
    "PC_SDK_SUBSCRIPTION_KEY": ("none", "Key of the Planetary Computer; without it requests are limited."),
    "AWS_PROFILE": ("none", "Credentials of S3, as `AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL` and others."),
    "AWS_NO_SIGN_REQUEST": ("no", "Read buckets without credentials."),
}
"""Environment variables that are no field of the settings: default and meaning."""


def settings() -> str:
    """Settings and environment variables."""
    from stacaster.config import Settings

    lines = ["# Settings\n", "An argument goes before the environment variable, which goes before the default.\n"]
    lines += ["| variable | default | meaning |", "|---|---|---|"]
    source = inspect.getsource(Settings)
    for name in Settings.__dataclass_fields__:
        text = re.search(rf'^    {name}:[^\n]*\n    """(.*?)"""', source, re.MULTILINE | re.DOTALL)
        lines.append(
            f"| `STACASTER_{name.upper()}` | `{getattr(Settings, name, '')}` | {_cell(text[1] if text else '')} |"
        )
    lines += [f"| `{name}` | {default} | {text} |" for name, (default, text) in _OTHERS.items()]
    return "\n".join(lines) + "\n"


def exit_codes() -> str:
    """Exit codes of the command line, from the error classes."""
    from stacaster import errors

    rows: dict[int, list[str]] = {
        0: ["done"],
        4: ["some granules failed"],
        errors.INTERRUPTED_EXIT_CODE: ["interrupted"],
    }
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, errors.StacasterError):
            rows.setdefault(value.exit_code, []).append(f"`{value.__name__}`: {_first_line(value)}")
    lines = ["# Exit codes\n", "| code | meaning |", "|---|---|"]
    lines += [
        f"| {code} | {_cell('; '.join(escape(text) for text in texts))} |" for code, texts in sorted(rows.items())
    ]
    return "\n".join(lines) + "\n"


_PARTS = {"Tutorials": "tutorials", "How-to": "how-to", "Reference": "reference", "Explanation": "explanation"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Order the parts of the site; pages of a part by their titles. Called by MkDocs."""
    from pathlib import Path

    folder = Path(config.docs_dir)
    nav: list[Any] = [{"stacaster": "index.md"}]
    for title, part in _PARTS.items():
        names = sorted(
            path.relative_to(folder).as_posix() for path in (folder / part).rglob("*") if path.suffix in _PAGES
        )
        names += [f"{part}/{name}.md" for name in sorted(pages()) if part == "reference"]
        first = [name for name in names if name.endswith("/index.md")]
        nav.append({title: [*first, *(name for name in names if name not in first)]})
    config.nav = nav
    return config


_PAGES = (".md", ".ipynb")
