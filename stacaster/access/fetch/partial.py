"""A file on its way: what is there of it, what is known of it, and when it is complete."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.access.fetch.check import Digests, check_file, write_receipt
from stacaster.access.fetch.control import Control, TransferRules
from stacaster.errors import FetchError, IntegrityError
from stacaster.files.system.disk import move, sync_file
from stacaster.model import GranuleFile
from stacaster.network.http import Patience
from stacaster.network.transport import PassingTrouble, Transport
from stacaster.network.transport.s3 import Buckets


@dataclass(frozen=True, kw_only=True)
class Job:
    """One file and where it shall lie."""

    file: GranuleFile
    target: Path
    progress: Callable[[int, int | None], None]
    """Called with the bytes that are there and the total, when it is known."""
    credentials_href: str | None = None
    """Where credentials of its bucket are given out."""


@dataclass(frozen=True, kw_only=True)
class TransferContext:
    """What the transfers of one thread use."""

    transport: Transport
    buckets: Buckets
    control: Control
    rules: TransferRules


@dataclass
class State:
    """What is known of a partial file."""

    etag: str | None = None
    total: int | None = None
    fresh_starts: int = 0


class Partial:
    """What both ways of transfer share: the partial file, its state, repetition and checks."""

    def __init__(self, job: Job, context: TransferContext) -> None:
        self._job, self._file, self._target = job, job.file, job.target
        self._context, self._control, self._rules, self._progress = (
            context,
            context.control,
            context.rules,
            job.progress,
        )
        self._part = job.target.with_name(f".{job.target.name}.part")
        self._state_file = job.target.with_name(f".{job.target.name}.part.json")
        self._digests: Digests | None = None

    def run(self) -> str:
        """Get the whole file under its temporary name; return its SHA-256."""
        patience = Patience(self._rules)
        state = self._read_state()
        while True:
            before = self._size()
            headers: Any = {}
            try:
                if self._attempt(state):
                    return check_file(self._part, self._file, announced=state.total, digests=self._digests)
                problem = f"{self._file.name} broke off at {self._size()} of {state.total or 'unknown'} bytes"
            except IntegrityError:
                self._discard(state)
                if state.fresh_starts > 1:
                    raise
                continue
            except PassingTrouble as error:
                problem, headers = str(error), error.headers
            wait = patience.wait_after(headers, is_progress=self._size() > before)
            if wait is None:
                text = f"{problem}; tried {patience.failures} times, the same command goes on there"
                raise FetchError(text, href=self._file.href)
            self._control.wait(wait)

    def _attempt(self, state: State) -> bool:
        """Get what is missing; True when the file is complete."""
        raise NotImplementedError

    def _resume_at(self, state: State) -> int:
        """Return how much of the partial file can be used."""
        offset = self._size()
        if offset and (state.etag is None or (state.total is not None and offset > state.total)):
            self._discard(state, fresh=False)
            return 0
        return offset

    def settle(self, digest: str) -> None:
        """Wait until the disk has the file, and give it its name and its receipt."""
        sync_file(self._part)
        move(self._part, self._target)
        self._state_file.unlink(missing_ok=True)
        write_receipt(self._target, self._file, digest)

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _discard(self, state: State, *, fresh: bool = True) -> None:
        self._part.unlink(missing_ok=True)
        self._state_file.unlink(missing_ok=True)
        state.etag = state.total = None
        state.fresh_starts += fresh

    def _read_state(self) -> State:
        try:
            known = json.loads(self._state_file.read_text(encoding="utf-8"))
            if known["href"] == self._file.href.partition("?")[0]:
                return State(etag=known["etag"], total=known["total"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        self._part.unlink(missing_ok=True)
        return State()

    def _write_state(self, state: State) -> None:
        known = {"href": self._file.href.partition("?")[0], "etag": state.etag, "total": state.total}
        self._state_file.write_text(json.dumps(known), encoding="utf-8")
