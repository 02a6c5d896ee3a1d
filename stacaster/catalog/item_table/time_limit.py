"""How long a query of a user may take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from stacaster.errors import QueryTimeoutError, UsageError


@contextmanager
def time_limit(connection: duckdb.DuckDBPyConnection, seconds: float | None) -> Iterator[None]:
    """Stop queries of a connection after a time; Ctrl-C stops them as it stops Python.

    Raises:
        QueryTimeoutError: The time is over.
        KeyboardInterrupt: The user stopped.
    """
    is_over = threading.Event()

    def stop() -> None:
        is_over.set()
        connection.interrupt()

    timer = threading.Timer(seconds, stop) if seconds is not None else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        yield
    except (RuntimeError, UsageError) as error:
        if is_over.is_set():
            raise QueryTimeoutError(f"SQL: the query took longer than {seconds:g} s and was stopped") from error
        if "Query interrupted" in str(error):
            # How DuckDB passes Ctrl-C on.
            raise KeyboardInterrupt from error
        raise
    finally:
        if timer is not None:
            timer.cancel()
