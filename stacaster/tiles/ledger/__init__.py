"""The ledger of a long run: what became of each task; SQLite, shared by the processes of one or more machines.

Decision: owners are told from later processes of the same number by their start time, owners on other machines by their
silence. A worker that dies gives its tile back three times, a run that dies twelve times, as it was mostly ended by
someone.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stacaster.errors import CatalogError, SpaceError, UsageError, is_space_error
from stacaster.files.system.disk import free_space
from stacaster.tiles.ledger import owners

Status = Literal["pending", "running", "done", "empty", "failed", "stale", "cancelled"]
"""``stale``: done once, but of other scenes or with other settings; it will be done again."""

STATUSES: tuple[Status, ...] = ("pending", "running", "done", "empty", "failed", "stale", "cancelled")

_PAGES = 1 << 16
_BUSY_S = 60.0
_NOT_WRITTEN = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)
_MAX_ATTEMPTS = 3
# A whole run that dies was mostly killed by someone, whatever it worked on.
_MAX_DEATHS = 12
_TABLE = """
create table if not exists tasks (
    key text primary key, fingerprint text not null, status text not null, reason text,
    attempts integer not null default 0, owner text, seen real, result text
) without rowid;
create index if not exists by_status on tasks (status, key);
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One task of the ledger."""

    key: str
    status: Status
    reason: str | None
    attempts: int
    result: Mapping[str, Any] | None


class Ledger:
    """The ledger in one file.

    Args:
        path: SQLite file; made when missing.

    Raises:
        CatalogError: The file is no ledger.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.owner = owners.new()
        with self._connected() as connection:
            connection.execute("pragma journal_mode = wal")
            connection.executescript(_TABLE)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        connection = None
        try:
            # One connection a call: none outlives a fork, a thread or a kill with a lock.
            connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
            connection.execute("pragma synchronous = normal")
            yield connection
        except sqlite3.Error as error:
            is_write = getattr(error, "sqlite_errorcode", None) in _NOT_WRITTEN
            if is_write or is_space_error(error) or "full" in str(error) or _is_full(self._path.parent):
                raise SpaceError(f"the ledger {self._path.name} cannot be written: the disk is full") from error
            raise CatalogError(f"the ledger {self._path.name} cannot be used: {error}") from error
        finally:
            if connection is not None:
                connection.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._connected() as connection:
            connection.execute("begin immediate")
            try:
                yield connection
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")

    def plan(self, tasks: Iterable[tuple[str, str]]) -> None:
        """Take in a plan: new tasks are pending, tasks with another fingerprint stale, tasks that left it are removed.

        Args:
            tasks: Key and fingerprint of every task.
        """
        with self._changing() as connection:
            connection.execute("create temp table wanted (key text primary key, fingerprint text) without rowid")
            connection.executemany("insert or replace into wanted values (?, ?)", tasks)
            connection.execute("delete from tasks where key not in (select key from wanted)")
            connection.execute(
                "update tasks set status = case when status in ('done', 'stale') then 'stale' else 'pending' end, "
                "attempts = 0, reason = null, owner = null, "
                "fingerprint = (select w.fingerprint from wanted w where w.key = tasks.key) "
                "where fingerprint <> (select w.fingerprint from wanted w where w.key = tasks.key)"
            )
            connection.execute(
                "insert or ignore into tasks (key, fingerprint, status) select key, fingerprint, 'pending' from wanted"
            )

    def claim(self) -> tuple[str, str] | None:
        """Take a task to work on, and tell the others.

        Returns:
            Key and fingerprint, or None when there is nothing to do.
        """
        owners.AT_WORK.add(self.owner)
        with self._changing() as connection:
            self._release_dead(connection)
            row = connection.execute(
                "select key, fingerprint from tasks where status in ('pending', 'stale') order by key limit 1"
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "update tasks set status = 'running', owner = ?, seen = ?, attempts = attempts + 1 where key = ?",
                (self.owner, time.time(), row[0]),
            )
            return str(row[0]), str(row[1])

    def waiting(self) -> list[tuple[str, str]]:
        """Return key and fingerprint of the tasks that nobody works on yet."""
        with self._connected() as connection:
            text = "select key, fingerprint from tasks where status in ('pending', 'stale') order by key"
            return [(str(key), str(mark)) for key, mark in connection.execute(text)]

    def claim_all(self, owner: str) -> list[tuple[str, str]]:
        """Take all tasks that nobody works on for another owner; return key and fingerprint of each."""
        with self._changing() as connection:
            self._release_dead(connection)
            text = (
                "update tasks set status = 'running', owner = ?, seen = ?, attempts = attempts + 1 "
                "where status in ('pending', 'stale') returning key, fingerprint"
            )
            rows = connection.execute(text, (owner, time.time())).fetchall()
        return sorted((str(key), str(mark)) for key, mark in rows)

    def give_up(self, owner: str) -> None:
        """Make the tasks of an owner pending."""
        with self._changing() as connection:
            connection.execute(
                "update tasks set status = 'pending', owner = null where owner = ? and status = 'running'", (owner,)
            )

    def hand_over(self, owners: Mapping[str, str]) -> None:
        """Give running tasks, by key, to other owners."""
        with self._changing() as connection:
            connection.executemany(
                "update tasks set owner = ?, seen = ? where key = ? and status = 'running'",
                [(owner, time.time(), key) for key, owner in owners.items()],
            )

    def cancel_owned(self, kind: str) -> None:
        """Cancel the tasks that owners of a kind hold."""
        with self._changing() as connection:
            connection.execute(
                "update tasks set status = 'cancelled', owner = null where status = 'running' and owner like ?",
                (f"{kind}:%",),
            )

    def owned(self, kind: str) -> list[tuple[str, str, str]]:
        """Return key, fingerprint and owner of the tasks that owners of a kind (``slurm:...``) hold."""
        with self._connected() as connection:
            text = "select key, fingerprint, owner from tasks where status = 'running' and owner like ? order by key"
            return [(str(a), str(b), str(c)) for a, b, c in connection.execute(text, (f"{kind}:%",))]

    def _release_dead(self, connection: sqlite3.Connection) -> None:
        """Give up tasks whose owner is gone."""
        held = connection.execute("select distinct owner, max(seen) from tasks where status = 'running' group by owner")
        for owner, seen in held.fetchall():
            if owner != self.owner and not owners.is_alive(str(owner), float(seen)):
                connection.execute(
                    "update tasks set status = case when attempts >= ? then 'failed' else 'pending' end, "
                    "reason = case when attempts >= ? then 'every process that worked on it died' end, owner = null "
                    "where status = 'running' and owner = ?",
                    (_MAX_DEATHS, _MAX_DEATHS, owner),
                )

    def beat(self) -> None:
        """Say that this process is still at work."""
        with self._changing() as connection:
            connection.execute(
                "update tasks set seen = ? where status = 'running' and owner = ?", (time.time(), self.owner)
            )

    def finish(
        self,
        key: str,
        fingerprint: str,
        status: Status,
        *,
        reason: str | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        """Note what became of a task; what was done for another fingerprint than the present one does not count."""
        with self._changing() as connection:
            connection.execute(
                "update tasks set status = ?, reason = ?, result = ?, owner = null where key = ? and fingerprint = ?",
                (status, reason, None if result is None else json.dumps(result, sort_keys=True), key, fingerprint),
            )

    def give_back(self, key: str, fingerprint: str, reason: str) -> Status:
        """Note that a process died over a task; after three times the task has failed."""
        with self._changing() as connection:
            row = connection.execute("select attempts from tasks where key = ?", (key,)).fetchone()
            status: Status = "failed" if row is not None and row[0] >= _MAX_ATTEMPTS else "pending"
            connection.execute(
                "update tasks set status = ?, reason = ?, owner = null where key = ? and fingerprint = ?",
                (status, reason if status == "failed" else None, key, fingerprint),
            )
        return status

    def leave(self) -> None:
        """Stop working: what this ledger claimed and did not finish is pending again, as if it had not been taken."""
        owners.AT_WORK.discard(self.owner)
        with self._changing() as connection:
            connection.execute(
                "update tasks set status = 'pending', owner = null, attempts = attempts - 1 "
                "where status = 'running' and owner = ?",
                (self.owner,),
            )

    def reopen(self, keys: Iterable[str]) -> None:
        """Make tasks that were done stale."""
        with self._changing() as connection:
            connection.executemany(
                "update tasks set status = 'stale', attempts = 0 where key = ? and status = 'done'",
                [(key,) for key in keys],
            )

    def change(self, old: Sequence[Status], new: Status) -> int:
        """Give all tasks of some statuses another one; return how many there were."""
        unknown = set(old) - set(STATUSES)
        if unknown:
            raise UsageError(f"{', '.join(unknown)} is no status")
        with self._changing() as connection:
            marks = ",".join("?" * len(old))
            text = f"update tasks set status = ?, reason = null, attempts = 0, owner = null where status in ({marks})"  # noqa: S608 - marks only
            return int(connection.execute(text, [new, *old]).rowcount)

    def counts(self) -> dict[Status, int]:
        """Return how many tasks have each status; what belonged to processes that died is pending again."""
        with self._changing() as connection:
            self._release_dead(connection)
            rows = connection.execute("select status, count(*) from tasks group by status").fetchall()
        found = dict(rows)
        return {status: int(found.get(status, 0)) for status in STATUSES}

    def entries(self, *statuses: Status) -> Iterator[Entry]:
        """Yield the tasks of some statuses, or all, by key."""
        marks = ",".join("?" * len(statuses))
        where = f"where status in ({marks})" if statuses else ""
        text = f"select key, status, reason, attempts, result from tasks {where} order by key"  # noqa: S608 - marks only
        with self._connected() as connection:
            for key, status, reason, attempts, result in connection.execute(text, list(statuses)):
                yield Entry(key=key, status=status, reason=reason, attempts=attempts,
                            result=None if result is None else json.loads(result))  # fmt: skip


def _is_full(folder: Path) -> bool:
    """Tell whether a file system has no room for a page: SQLite calls that an error of input and output."""
    free = free_space(folder)
    return free is not None and free < _PAGES
