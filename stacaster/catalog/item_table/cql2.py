"""CQL2 filters (OGC 21-065r2) as DuckDB conditions with bound values; nothing of a filter becomes SQL text.

Decision: CQL2 is compiled here from the JSON that the cql2 library parses: operators and functions are on a list,
property names are looked up among the columns, every value is bound. Spatial tests compare boxes in DuckDB and
footprints exactly with shapely, because the spatial extension would have to be downloaded.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stacaster.catalog.item_table.column_types import COMMON
from stacaster.catalog.item_table.flat import plain_name
from stacaster.catalog.item_table.unions import quoted
from stacaster.errors import UsageError

SpatialTest = Callable[[str, Mapping[str, Any]], list[str]]
"""Returns ``collection/id`` of the items whose footprint passes a spatial test against a geometry."""

_LONGEST, _DEEPEST = 20_000, 60
_COMPARED = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "eq": "=", "neq": "<>"}
_ARITHMETIC = {"+", "-", "*", "/", "%"}
_SPATIAL = {"s_intersects", "s_within", "s_contains", "s_disjoint", "s_overlaps", "s_touches", "s_crosses", "s_equals"}
_FUNCTIONS = {"casei": "lower", "accenti": "strip_accents", "lower": "lower", "upper": "upper", "abs": "abs"}
# Start and end of an item on the left, of the value on the right (CQL2 section 7.9).
_TEMPORAL = {
    "t_intersects": "{a0} <= {b1} and {a1} >= {b0}",
    "t_disjoint": "not ({a0} <= {b1} and {a1} >= {b0})",
    "t_before": "{a1} < {b0}",
    "t_after": "{a0} > {b1}",
    "t_during": "{a0} >= {b0} and {a1} <= {b1}",
    "t_contains": "{a0} < {b0} and {a1} > {b1}",
    "t_equals": "{a0} = {b0} and {a1} = {b1}",
}
_TIME_COLUMNS = {"datetime": ("start_datetime", "end_datetime")}
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)")
_FIRST, _LAST = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)


@dataclass(frozen=True)
class Condition:
    """A condition of a ``where`` clause."""

    sql: str
    """Text made of column names of the table and of operators known here."""
    values: list[Any] = field(default_factory=list)
    """Values for the question marks in it."""


def compile_filter(tree: Any, *, columns: Mapping[str, str], spatial: SpatialTest) -> Condition:
    """Return a CQL2 filter as a condition.

    Args:
        tree: From ``parse_filter``.
        columns: Types of the columns of the item table by name.
        spatial: Tests footprints.

    Raises:
        UsageError: The filter is wrong; the message says where and why.
    """
    compiler = _Compiler(columns, spatial)
    return Condition(compiler.condition(tree), compiler.values)


def column_of(name: str, columns: Collection[str]) -> str:
    """Return the column that holds a property such as ``eo:cloud_cover`` or ``properties.eo:cloud_cover``.

    Raises:
        UsageError: There is none; the message names the nearest.
    """
    bare = name.removeprefix("properties.")
    whole = plain_name(bare).lower()
    short = plain_name(bare.partition(":")[2]).lower()
    # A name that differs from another only in its capitals stands under a number, as it is written.
    for candidate in (bare, f"{plain_name(bare)}_2", whole, short):
        if candidate in columns and candidate:
            return candidate
    near = difflib.get_close_matches(short or whole, columns, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UsageError(f"no item has the property {name!r}{hint}")


def parse_filter(expression: str | Mapping[str, Any]) -> Any:
    """Return CQL2 text, CQL2 JSON as text or a mapping as CQL2 JSON.

    Raises:
        UsageError: It is none, or longer or deeper than a filter needs to be.
    """
    import cql2

    text = expression if isinstance(expression, str) else json.dumps(expression)
    if len(text) > _LONGEST or max(text.count("("), text.count("{"), text.count("[")) > _LONGEST // 50:
        raise UsageError(f"the filter is longer than {_LONGEST} characters or nested too deeply")
    if _depth(text) > _DEEPEST:
        raise UsageError(f"the filter is nested more than {_DEEPEST} levels deep")
    try:
        if not text.lstrip().startswith("{"):
            return cql2.parse_text(text).to_json()
        return cql2.parse_json(json.dumps(_without_drafts(json.loads(text)))).to_json()
    except Exception as error:
        raise UsageError(f"the filter is no CQL2: {str(error).strip()}") from error


def _without_drafts(node: Any) -> Any:
    """Return a filter whose ``between`` has three arguments: drafts of CQL2 had the two bounds in a list."""
    if isinstance(node, list):
        return [_without_drafts(part) for part in node]
    if not isinstance(node, dict):
        return node
    parts = {key: _without_drafts(part) for key, part in node.items()}
    match parts:
        case {"op": "between", "args": [value, [low, high]]}:
            parts["args"] = [value, low, high]
    return parts


def _depth(text: str) -> int:
    depth = deepest = 0
    for letter in text:
        depth += (letter in "({[") - (letter in ")}]")
        deepest = max(deepest, depth)
    return deepest


class _Compiler:
    def __init__(self, columns: Mapping[str, str], spatial: SpatialTest) -> None:
        self._columns, self._spatial = columns, spatial
        self.values: list[Any] = []

    def condition(self, node: Any) -> str:
        """Return a node that is true or false."""
        if isinstance(node, bool):
            return "true" if node else "false"
        if not isinstance(node, Mapping) or "op" not in node:
            raise UsageError(f"the filter needs a condition where it has {_shown(node)}")
        name, arguments = str(node["op"]).lower(), list(node.get("args", ()))
        if name in ("and", "or"):
            return "(" + f" {name} ".join(self.condition(part) for part in arguments) + ")"
        if name in _SPATIAL:
            return self._spatially(name, arguments)
        if name in _TEMPORAL:
            return self._temporally(name, arguments)
        return self._special(name, arguments)

    def _special(self, name: str, arguments: list[Any]) -> str:
        if name == "not":
            return f"(not {self.condition(*self._of(arguments, 1, name))})"
        if name in _COMPARED:
            left, right = self._of(arguments, 2, name)
            self._agree(left, right)
            return f"({self.value(left)} {_COMPARED[name]} {self.value(right)})"
        if name == "isnull":
            return f"({self.value(*self._of(arguments, 1, name))} is null)"
        if name == "between":
            value, low, high = self._of(arguments, 3, name)
            self._agree(value, low, high)
            return f"({self.value(value)} between {self.value(low)} and {self.value(high)})"
        if name == "like":
            value, pattern = self._of(arguments, 2, name)
            self._agree(value, pattern)
            return f"({self.value(value)} like {self.value(pattern)} escape '\\')"
        if name == "in":
            value, choices = self._of(arguments, 2, name)
            if not isinstance(choices, Sequence) or isinstance(choices, str) or not choices:
                raise UsageError("'in' needs a list with a value")
            self._agree(value, *choices)
            return f"({self.value(value)} in ({', '.join(self.value(choice) for choice in choices)}))"
        known = sorted({*_COMPARED, *_SPATIAL, *_TEMPORAL, "and", "or", "not", "between", "like", "in", "isNull"})
        raise UsageError(f"the filter uses {name!r}, which is not among {', '.join(known)}")

    def _agree(self, *nodes: Any) -> None:
        """Refuse to compare numbers with text: what DuckDB makes of that depends on the rows."""
        kinds = {kind: node for node in nodes if (kind := self._kind(node))}
        if {"number", "text"} <= set(kinds):
            number, text = _shown(kinds["number"]), _shown(kinds["text"])
            raise UsageError(f"the filter compares {number}, a number, with {text}, which is text")

    def _kind(self, node: Any) -> str | None:
        """Return whether a node is number or text; None where neither is certain."""
        if isinstance(node, Mapping) and "property" in node:
            _, kind = self._property(node)
            return "text" if kind == "VARCHAR" else "number" if _NUMBERS.fullmatch(kind) else None
        if isinstance(node, bool):
            return None
        return "text" if isinstance(node, str) else "number" if isinstance(node, (int, float)) else None

    def value(self, node: Any) -> str:
        """Return a node that is a number, text, time or property."""
        if isinstance(node, Mapping):
            if "property" in node:
                return self._property(node)[0]
            if "timestamp" in node or "date" in node:
                return self._bind(_moment(str(node.get("timestamp") or node.get("date"))))
            if "op" in node:
                return self._computed(str(node["op"]).lower(), list(node.get("args", ())))
        if isinstance(node, (bool, int, float, str)):
            return self._bind(node)
        raise UsageError(f"the filter cannot compare {_shown(node)}")

    def _computed(self, name: str, arguments: list[Any]) -> str:
        if name in _ARITHMETIC:
            left, right = self._of(arguments, 2, name)
            return f"({self.value(left)} {name} {self.value(right)})"
        if name in _FUNCTIONS:
            return f"{_FUNCTIONS[name]}({self.value(*self._of(arguments, 1, name))})"
        raise UsageError(f"the filter calls {name!r}; there are {', '.join(sorted({*_FUNCTIONS, *_ARITHMETIC}))}")

    def _spatially(self, name: str, arguments: list[Any]) -> str:
        left, right = self._of(arguments, 2, name)
        if not (isinstance(left, Mapping) and left.get("property") == "geometry"):
            raise UsageError(f"{name} needs the property geometry first, then a geometry")
        if not isinstance(right, Mapping) or not ("coordinates" in right or "geometries" in right or "bbox" in right):
            raise UsageError(f"{name} needs a geometry, not {_shown(right)}")
        self.values.append(self._spatial(name, right))
        return "list_contains(?, collection || '/' || id)"

    def _temporally(self, name: str, arguments: list[Any]) -> str:
        left, right = self._of(arguments, 2, name)
        prop = left.get("property") if isinstance(left, Mapping) else None
        if prop is None:
            raise UsageError(f"{name} needs a property such as datetime first, then a time or interval")
        if prop in _TIME_COLUMNS:
            start, end = _TIME_COLUMNS[str(prop)]
        else:
            start = end = self._property(left)[0]
        low, high = _interval(right)
        template = _TEMPORAL[name]
        # Values are bound in the order in which they stand in the text.
        order = sorted(((template.index("{b0}"), low), (template.index("{b1}"), high))) if (
            "{b0}" in template and "{b1}" in template
        ) else [(0, low if "{b0}" in template else high)]  # fmt: skip
        self.values += [moment for _, moment in order]
        return f"({template.format(a0=start, a1=end, b0='?', b1='?')})"

    def _property(self, node: Mapping[str, Any]) -> tuple[str, str]:
        """Return a property as SQL, and its type: null where it is one of STAC's and no item states it."""
        name = str(node["property"])
        try:
            column = column_of(name, self._columns)
        except UsageError:
            if (kind := COMMON.get(name.removeprefix("properties."))) is None:
                raise
            return f"cast(null as {kind})", kind
        return quoted(column), self._columns[column]

    def _bind(self, value: Any) -> str:
        self.values.append(value)
        return "?"

    def _of(self, arguments: list[Any], count: int, name: str) -> list[Any]:
        if len(arguments) != count:
            raise UsageError(f"{name!r} needs {count} arguments, but has {len(arguments)}")
        return arguments


def _interval(node: Any) -> tuple[dt.datetime, dt.datetime]:
    if isinstance(node, Mapping) and "interval" in node:
        first, last = (_text_of(part) for part in node["interval"])
        start = _FIRST if first == ".." else _moment(first)
        return start, _LAST if last == ".." else _moment(last, end=True)
    if isinstance(node, Mapping) and ("timestamp" in node or "date" in node):
        text = str(node.get("timestamp") or node.get("date"))
        return _moment(text), _moment(text, end="date" in node)
    if isinstance(node, str):
        return _moment(node), _moment(node, end=True)
    raise UsageError(f"the filter needs a time or interval, not {_shown(node)}")


def _text_of(part: Any) -> str:
    return str(part.get("timestamp") or part.get("date")) if isinstance(part, Mapping) else str(part)


def _moment(text: str, *, end: bool = False) -> dt.datetime:
    """Return a time as UTC without zone, as the table has it; a day as an end is its last moment."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"the filter has {text!r}, which is no time such as 2003-01-31T00:00:00Z") from error
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    if end and len(text) == len("2003-01-31"):
        moment += dt.timedelta(days=1) - dt.timedelta(microseconds=1)
    return moment


def _shown(node: Any) -> str:
    if isinstance(node, Mapping) and set(node) == {"property"}:
        return str(node["property"])
    if isinstance(node, float):
        return f"{node:g}"
    text = json.dumps(node, default=str)
    return text if len(text) < 80 else text[:77] + "..."
