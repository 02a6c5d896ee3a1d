"""Formulas over bands, as text: arithmetic, comparisons and a few functions, nothing else."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from stacaster.errors import UsageError, nearest

_OPERATORS: Mapping[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS = ("abs", "exp", "log", "log10", "maximum", "minimum", "sqrt", "where")
_MAX_LENGTH = 2_000
_MAX_DEPTH = 60
_MAX_POWER = 16


@dataclass(frozen=True)
class Formula:
    """A formula that was checked."""

    text: str
    """As it was written."""
    bands: tuple[str, ...]
    """Names of the bands, in the order in which they occur."""

    def __call__(self, bands: Mapping[str, Any]) -> Any:
        """Return the value of the formula.

        Args:
            bands: Arrays by name: NumPy, or xarray, lazy or not.
        """
        return _value(_tree(self.text), bands)


def parse_formula(text: str) -> Formula:
    """Check a formula.

    Args:
        text: Such as ``(B05 + B07) / B06``. There are ``+ - * / **``, comparisons, numbers, names of bands, and abs,
            exp, log, log10, maximum, minimum, sqrt and where.

    Raises:
        UsageError: It holds anything else, or no band; the message shows where.
    """
    tree = _tree(text)
    names: dict[str, None] = {}
    _check(tree, text, names, depth=0)
    if not names:
        raise UsageError(f"formula {text!r} names no band")
    return Formula(text, tuple(names))


@lru_cache(maxsize=256)
def _tree(text: str) -> ast.expr:
    if len(text) > _MAX_LENGTH:
        raise UsageError(f"the formula has {len(text)} characters, more than {_MAX_LENGTH}")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = getattr(error, "offset", None) or 1
        raise UsageError(f"formula {_shown(text.strip(), column - 1)} cannot be read") from None


def _shown(text: str, column: int) -> str:
    """Return a formula with a mark before the place that is meant."""
    return repr(f"{text[:column]}>>>{text[column:]}")


def _check(node: ast.AST, text: str, names: dict[str, None], *, depth: int) -> None:
    problem, inner = _look(node)
    if depth > _MAX_DEPTH:
        problem = "too many brackets within brackets"
    if problem is not None:
        raise UsageError(f"formula {_shown(text.strip(), getattr(node, 'col_offset', 0))}: {problem}")
    if isinstance(node, ast.Name):
        names.setdefault(node.id)
    for part in inner:
        _check(part, text, names, depth=depth + 1)


def _look(node: ast.AST) -> tuple[str | None, list[ast.expr]]:
    """Return what is wrong with a node itself, or None, and the nodes below it."""
    if isinstance(node, ast.Name):
        return None, []
    if isinstance(node, ast.Constant):
        is_number = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
        return (None if is_number else "only numbers and names of bands may stand here"), []
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        power = _number(node.right) if isinstance(node.op, ast.Pow) else 1.0
        is_wrong = power is None or abs(power) > _MAX_POWER
        return (f"a power has to be a number up to {_MAX_POWER}" if is_wrong else None), [node.left, node.right]
    is_sign = isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS
    is_comparison = isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _OPERATORS
    if is_sign or is_comparison:
        return None, [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
    if isinstance(node, ast.Call):
        return _look_at_call(node), list(node.args)
    return "only arithmetic, comparisons and listed functions of bands are allowed", []


def _look_at_call(node: ast.Call) -> str | None:
    name = node.func.id if isinstance(node.func, ast.Name) else "?"
    if name not in _FUNCTIONS or node.keywords:
        return f"function {name!r}; {nearest(name, _FUNCTIONS)}"
    wanted = {"maximum": 2, "minimum": 2, "where": 3}.get(name, 1)
    return None if len(node.args) == wanted else f"{name} takes {wanted} values, not {len(node.args)}"


def _number(node: ast.AST) -> float | None:
    """Return the value of what is made of numbers alone, such as ``1/3``; None of anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = _number(node.operand)
        return None if inner is None else float(_OPERATORS[type(node.op)](inner))
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div)):
        left, right = _number(node.left), _number(node.right)
        if left is None or right is None or (isinstance(node.op, ast.Div) and right == 0):
            return None
        return float(_OPERATORS[type(node.op)](left, right))
    return None


def _value(node: ast.AST, bands: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return bands[node.id]
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_value(node.left, bands), _value(node.right, bands))
    if isinstance(node, ast.UnaryOp):
        return _OPERATORS[type(node.op)](_value(node.operand, bands))
    if isinstance(node, ast.Compare):
        return _OPERATORS[type(node.ops[0])](_value(node.left, bands), _value(node.comparators[0], bands))
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return _call(node.func.id, [_value(part, bands) for part in node.args])


def _call(name: str, values: list[Any]) -> Any:
    import numpy as np

    if name == "where":
        # The NumPy function would make a lazy array an eager one.
        import xarray as xr

        return xr.where(*values) if any(isinstance(value, xr.DataArray) for value in values) else np.where(*values)  # type: ignore[no-untyped-call]
    return getattr(np, name)(*values)
