"""Tables as CSV, whose texts no spreadsheet takes for a formula."""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os

    import pandas as pd

# With these a cell is a formula; spreadsheets look behind blanks and line ends as well.
_FORMULA = re.compile(r"\s*[=+\-@\t\r]")
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")


def safe_cell(value: Any) -> Any:
    """Return a value for a cell: a text that a spreadsheet would run gets an apostrophe before it.

    Source: OWASP, CSV injection.
    """
    if not isinstance(value, str) or _FORMULA.match(value) is None or _NUMBER.fullmatch(value) is not None:
        return value
    return f"'{value}"


ISO_SECONDS = "%Y-%m-%dT%H:%M:%SZ"
"""Form of times without fractions of seconds."""


def write_csv(
    table: pd.DataFrame,
    target: str | os.PathLike[str] | IO[str] | None,
    *,
    append: bool = False,
    date_format: str | None = None,
) -> str | None:
    """Write a table without its index; without a target the text comes back.

    Args:
        table: Rows.
        target: File or stream.
        append: Add rows to a file that has the names of the columns.
        date_format: Form of times; None is that of pandas.

    Raises:
        OSError: The file cannot be written.
    """
    safe = table.copy(deep=False)
    for name in safe.columns:
        if safe[name].dtype.kind not in "biufmMc":
            safe[name] = safe[name].astype(object).map(safe_cell, na_action="ignore")
    text: str | None = safe.rename(columns=safe_cell).to_csv(
        target, index=False, mode="a" if append else "w", header=not append, date_format=date_format
    )
    return text
