"""One file from its provider to the disk: resumed, checked, and only then under its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stacaster.access.fetch.check import is_trusted
from stacaster.access.fetch.over_http import HttpTransfer
from stacaster.access.fetch.over_s3 import S3Transfer
from stacaster.access.fetch.partial import Job, TransferContext
from stacaster.errors import FetchError, SpaceError, is_space_error
from stacaster.files.system.disk import free_space
from stacaster.files.system.locks import BaseFileLock, file_lock
from stacaster.model import GranuleFile


def transfer(job: Job, context: TransferContext) -> Callable[[], None] | None:
    """Download a file unless a trusted one is there.

    Args:
        job: What to get, and where to put it.
        context: How to get it.

    Returns:
        What is left to do, in any thread: wait for the disk and give the file its name. It raises FetchError and
        SpaceError. None when the file was there.

    Raises:
        AuthError: The provider wants other or more credentials.
        IntegrityError: What came is not what was announced.
        FetchError: The provider does not give the file.
        SpaceError: The disk is full.
        Cancelled: The run was stopped; what is there is used the next time.
    """
    file, target = job.file, job.target
    if is_trusted(target, file):
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    # Released by the thread that gives the file its name.
    lock = file_lock(target.with_name(f".{target.name}.lock"), context.rules.budget_s)
    lock.acquire()
    try:
        # Another process may have finished it while this one waited.
        if is_trusted(target, file):
            _remove(lock)
            return None
        _check_space(target, file)
        kind = S3Transfer if file.href.startswith("s3://") else HttpTransfer
        found = kind(job, context)
        with _disk_errors(file):
            digest = found.run()
    except BaseException:
        lock.release()
        raise

    def settle() -> None:
        try:
            with _disk_errors(file):
                found.settle(digest)
        except BaseException:
            lock.release()
            raise
        _remove(lock)

    return settle


def _remove(lock: BaseFileLock) -> None:
    """Remove the lock of a file that is there: who still waits for it finds the file."""
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)


@contextmanager
def _disk_errors(file: GranuleFile) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = SpaceError if is_space_error(error) else FetchError
        raise problem(f"{file.name} cannot be written: {error.strerror or error}", href=file.href) from error


def _check_space(target: Path, file: GranuleFile) -> None:
    if file.size is None:
        return
    free = free_space(target.parent)
    if free is not None and free < file.size:
        raise SpaceError(f"{file.name} needs {file.size} bytes, but {free} are free", href=file.href)
