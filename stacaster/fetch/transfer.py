"""One file from its provider to the disk: resumed, checked, and only then under its name."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from stacaster.errors import FetchError, IntegrityError, SpaceError, is_space_error
from stacaster.fetch.check import check_file, is_trusted, write_receipt
from stacaster.fetch.control import Cancelled, Control, TransferRules
from stacaster.http import retry_wait
from stacaster.model import GranuleFile
from stacaster.transport import PassingTrouble, Transport
from stacaster.transport.s3 import Buckets

if TYPE_CHECKING:
    import requests

_CHUNK = 1 << 16
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_S3_PART = 8 << 20


@dataclass
class _State:
    """What is known of a partial file."""

    etag: str | None = None
    total: int | None = None
    fresh_starts: int = 0


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
class Line:
    """What the transfers of one thread use."""

    transport: Transport
    buckets: Buckets
    control: Control
    rules: TransferRules


def transfer(job: Job, line: Line) -> bool:
    """Download a file unless a trusted one is there.

    Args:
        job: What to get, and where to put it.
        line: How to get it.

    Returns:
        True when it was downloaded, False when it was there.

    Raises:
        AuthError: The provider wants other or more credentials.
        IntegrityError: What came is not what was announced.
        FetchError: The provider does not give the file.
        SpaceError: The disk is full.
        Cancelled: The run was stopped; what is there is used the next time.
    """
    file, target = job.file, job.target
    if is_trusted(target, file):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f".{target.name}.lock"), timeout=line.rules.budget_s)
    with lock:
        # Another process may have finished it while this one waited.
        if is_trusted(target, file):
            return False
        _check_space(target, file)
        kind = _S3Transfer if file.href.startswith("s3://") else _HttpTransfer
        try:
            kind(job, line).run()
        except OSError as error:
            problem = SpaceError if is_space_error(error) else FetchError
            raise problem(f"{file.name} cannot be written: {error.strerror or error}", href=file.href) from error
    Path(lock.lock_file).unlink(missing_ok=True)
    return True


def _check_space(target: Path, file: GranuleFile) -> None:
    if file.size is None:
        return
    free = shutil.disk_usage(target.parent).free
    if free < file.size:
        raise SpaceError(f"{file.name} needs {file.size} bytes, but {free} are free", href=file.href)


class _Transfer:
    """What both ways of transfer share: the partial file, its state, repetition and checks."""

    def __init__(self, job: Job, line: Line) -> None:
        self._job, self._file, self._target = job, job.file, job.target
        self._line, self._control, self._rules, self._progress = line, line.control, line.rules, job.progress
        self._part = job.target.with_name(f".{job.target.name}.part")
        self._state_file = job.target.with_name(f".{job.target.name}.part.json")

    def run(self) -> None:
        started, failures = time.monotonic(), 0
        state = self._read_state()
        while True:
            before = self._size()
            headers: Any = {}
            try:
                if self._attempt(state):
                    self._finish(state)
                    return
                problem = f"{self._file.name} broke off at {self._size()} of {state.total or 'unknown'} bytes"
            except IntegrityError:
                self._discard(state)
                if state.fresh_starts > 1:
                    raise
                continue
            except PassingTrouble as error:
                problem, headers = str(error), error.headers
            failures = 1 if self._size() > before else failures + 1
            wait = retry_wait(failures, headers)
            if failures >= self._rules.attempts or time.monotonic() - started + wait > self._rules.budget_s:
                raise FetchError(
                    f"{problem}; tried {failures} times, the same command goes on there", href=self._file.href
                )
            self._control.wait(wait)

    def _attempt(self, state: _State) -> bool:
        """Get what is missing; True when the file is complete."""
        raise NotImplementedError

    def _resume_at(self, state: _State) -> int:
        """Return how much of the partial file can be used."""
        offset = self._size()
        if offset and (state.etag is None or (state.total is not None and offset > state.total)):
            self._discard(state, fresh=False)
            return 0
        return offset

    def _finish(self, state: _State) -> None:
        digest = check_file(self._part, self._file, announced=state.total)
        with self._part.open("rb") as part:
            os.fsync(part.fileno())
        self._part.replace(self._target)
        self._state_file.unlink(missing_ok=True)
        write_receipt(self._target, self._file, digest)

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _discard(self, state: _State, *, fresh: bool = True) -> None:
        self._part.unlink(missing_ok=True)
        self._state_file.unlink(missing_ok=True)
        state.etag = state.total = None
        state.fresh_starts += fresh

    def _read_state(self) -> _State:
        try:
            known = json.loads(self._state_file.read_text(encoding="utf-8"))
            if known["href"] == self._file.href.partition("?")[0]:
                return _State(etag=known["etag"], total=known["total"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        self._part.unlink(missing_ok=True)
        return _State()

    def _write_state(self, state: _State) -> None:
        known = {"href": self._file.href.partition("?")[0], "etag": state.etag, "total": state.total}
        self._state_file.write_text(json.dumps(known), encoding="utf-8")


class _HttpTransfer(_Transfer):
    """Over https, by ranges when something is there."""

    def _attempt(self, state: _State) -> bool:
        offset = self._resume_at(state)
        if state.total is not None and offset == state.total:
            return True
        conditions = {"Range": f"bytes={offset}-", "If-Range": state.etag} if offset else {}
        headers = {key: value for key, value in conditions.items() if value is not None}
        try:
            answer = self._line.transport.get(self._file.href, headers, name=self._file.name)
        except PassingTrouble as error:
            if self._control.stopped.is_set():
                raise Cancelled from error
            raise
        try:
            if answer.status_code == 416:
                self._discard(state, fresh=False)
                return False
            offset = self._accept(answer, offset, state)
            self._write_state(state)
            self._read_body(answer, offset, state)
        finally:
            self._control.release(answer)
        return state.total is not None and self._size() == state.total

    def _accept(self, answer: requests.Response, offset: int, state: _State) -> int:
        """Return where the body of an answer begins, and note what the server says of the file."""
        length = answer.headers.get("Content-Length")
        if answer.status_code == 206:
            match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if (
                match is None
                or int(match[1]) != offset
                or (match[3] != "*" and state.total not in (None, int(match[3])))
            ):
                self._discard(state, fresh=False)
                raise PassingTrouble(f"{self._file.name}: the server sent another part than was asked for", {})
            return offset
        total = int(length) if length is not None and length.isdigit() else None
        if total is None and "chunked" not in answer.headers.get("Transfer-Encoding", "") and self._file.size is None:
            text = f"{self._file.name}: the server states no length, so a cut file could not be told from a whole one"
            raise FetchError(text, href=self._file.href)
        if self._file.size is not None and total is not None and total != self._file.size:
            text = f"{self._file.name}: the server sends {total} bytes, but the record says {self._file.size}"
            kind = answer.headers.get("Content-Type", "").split(";")[0]
            hint = "; it is an HTML page, most likely a login page" if kind == "text/html" else ""
            raise IntegrityError(text + hint, href=self._file.href)
        state.total = total if total is not None else self._file.size
        tag = answer.headers.get("ETag")
        state.etag = tag if tag and not tag.startswith("W/") else None
        self._part.unlink(missing_ok=True)
        return 0

    def _read_body(self, answer: requests.Response, offset: int, state: _State) -> None:
        import requests

        window_start, window_bytes, size = time.monotonic(), 0, offset
        # Unbuffered, so that whatever arrived is there after a kill.
        with self._part.open("ab", buffering=0) as part:
            try:
                for block in answer.iter_content(_CHUNK):
                    if self._control.stopped.is_set():
                        raise Cancelled
                    part.write(block)
                    size += len(block)
                    self._progress(size, state.total)
                    window_bytes += len(block)
                    passed = time.monotonic() - window_start
                    if passed > self._rules.slow_s:
                        if window_bytes / passed < self._rules.slow_bytes_per_s:
                            raise PassingTrouble(f"{self._file.name} came at {window_bytes / passed:.0f} bytes/s", {})
                        window_start, window_bytes = time.monotonic(), 0
            except (requests.RequestException, OSError) as error:
                if self._control.stopped.is_set():
                    raise Cancelled from error
                if isinstance(error, OSError) and is_space_error(error):
                    raise
                raise PassingTrouble(f"{self._file.name} broke off at {size} bytes", {}) from error
        if state.total is None:
            state.total = size  # chunked, and its end was there


class _S3Transfer(_Transfer):
    """Out of a bucket, part by part."""

    def _attempt(self, state: _State) -> bool:
        found = self._line.buckets.open(self._file.href, credentials_href=self._job.credentials_href)
        total, tag = found.head()
        if self._file.size not in (None, total):
            text = f"{self._file.name}: the bucket holds {total} bytes, but the record says {self._file.size}"
            raise IntegrityError(text, href=self._file.href)
        if state.total is not None and (state.total, state.etag) != (total, tag):
            self._discard(state, fresh=False)
        offset = self._resume_at(state)
        state.total, state.etag = total, tag
        self._write_state(state)
        with self._part.open("ab", buffering=0) as part:
            while offset < total:
                if self._control.stopped.is_set():
                    raise Cancelled
                block = found.read(offset, min(offset + _S3_PART, total))
                part.write(block)
                offset += len(block)
                self._progress(offset, total)
        return True
