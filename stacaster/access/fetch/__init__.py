"""Download granules: in parallel, resumed, checked; nothing is trusted by its name."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from stacaster.access.fetch.cache import CachedGranule, list_cache, prune_cache
from stacaster.access.fetch.control import Cancelled, Control, TransferRules
from stacaster.access.fetch.partial import Job, TransferContext
from stacaster.access.fetch.report import FetchOutcome, FetchReport
from stacaster.access.fetch.transfer import transfer
from stacaster.access.search.granule_files import as_granules
from stacaster.access.sources.cmr import record_url
from stacaster.config import cache_folder
from stacaster.errors import FetchError, StacasterError, UsageError
from stacaster.files.checksums import not_checked
from stacaster.files.names import safe_id
from stacaster.model import Granule, GranuleFile
from stacaster.model.checked import checked
from stacaster.model.values import read_count
from stacaster.network.auth import EarthdataAuth, find_credentials
from stacaster.network.transport import Signer, Transport
from stacaster.network.transport.s3 import Buckets

__all__ = [
    "CachedGranule",
    "FetchOutcome",
    "FetchReport",
    "TransferRules",
    "fetch",
    "list_cache",
    "prune_cache",
]

Progress = Callable[[str, int, int | None], None]
"""Called with file name, bytes that are there, and the total when it is known."""

_POLL_S = 0.2
_GRACE_S = 0.5


@checked
def fetch(
    granules: Iterable[Granule] | Granule | str | os.PathLike[str],
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    workers: int = 8,
    per_host: int = 4,
    token: str | None = None,
    s3: bool = False,
    rules: TransferRules | None = None,
    progress: Progress | None = None,
) -> FetchReport:
    """Download the data files of granules, and the metadata files that belong beside them.

    Files lie under ``<cache>/<product>.<version>/<granule>/``. A file that is there is used again when its receipt or
    its checksum says that it is the right one. A transfer that broke off goes on where it stopped, also in a later run.

    Args:
        granules: From ``stacaster.search``, or the file of such a result (``search -o scenes.json``).
        cache_dir: Folder for the files; default ``STACASTER_CACHE_DIR`` or the user's cache folder.
        workers: Files at a time.
        per_host: Files at a time from one host.
        token: Earthdata token; default is what ``auth.find_credentials`` finds.
        s3: Read from the providers' buckets with temporary credentials; works within us-west-2.
            Files that lie only in a bucket are read from it in any case.
        rules: Limits of a transfer.
        progress: Called whenever bytes arrive, from several threads.

    Returns:
        What became of every granule; a failed one does not stop the others.

    Raises:
        UsageError: A number is not positive.
        KeyboardInterrupt: The user stopped; what is there is used the next time.

    Example:
        >>> scenes = stacaster.search("AST_L1T", region="south_australia", datetime="2003")  # doctest: +SKIP
        >>> stacaster.fetch(scenes, cache_dir="downloads")  # doctest: +SKIP
        <FetchReport: ...>
    """
    workers, per_host = read_count("workers", workers), read_count("per_host", per_host)
    root = cache_folder(cache_dir)

    def folder_of(granule: Granule) -> Path:
        return root / safe_id(f"{granule.product}.{granule.version}") / safe_id(granule.id)

    return fetch_into(
        as_granules(granules),
        folder_of,
        workers=workers,
        per_host=per_host,
        token=token,
        s3=s3,
        rules=rules,
        progress=progress,
    )


def fetch_into(
    granules: Iterable[Granule],
    folder_of: Callable[[Granule], Path],
    *,
    workers: int = 8,
    per_host: int = 4,
    token: str | None = None,
    s3: bool = False,
    rules: TransferRules | None = None,
    progress: Progress | None = None,
) -> FetchReport:
    """Download granules to folders of one's own; all else as in ``fetch``.

    Args:
        granules: From ``stacaster.search``.
        folder_of: Gives the folder for the files of a granule.
        workers: Files at a time.
        per_host: Files at a time from one host.
        token: Earthdata token; default is what ``auth.find_credentials`` finds.
        s3: Read from the providers' buckets.
        rules: Limits of a transfer.
        progress: Called whenever bytes arrive, from several threads.
    """
    if workers < 1 or per_host < 1:
        raise UsageError("workers and per_host must be at least 1")
    wanted = list(granules)
    plan = [
        (number, _job(granule, file, folder_of(granule), progress))
        for number, granule in enumerate(wanted)
        for file in chosen_files(granule, s3=s3)
    ]
    total, turns = len(plan), count()
    control, limits = Control(per_host=per_host), rules or TransferRules()
    auth, signer = EarthdataAuth(find_credentials(token)), Signer()

    def transport() -> Transport:
        timeout = (limits.connect_s, limits.read_s)
        return Transport(auth, signer, timeout=timeout, opened=control.track, closed=control.release)

    buckets = Buckets(transport)
    found: queue.SimpleQueue[_Result] = queue.SimpleQueue()
    # Waiting for the disk is left to others, so that the next file is already on its way.
    finisher = ThreadPoolExecutor(2, thread_name_prefix="finish")

    def work() -> None:
        context = TransferContext(transport=transport(), buckets=buckets, control=control, rules=limits)
        while not control.stopped.is_set() and (turn := next(turns)) < total:
            _one(*plan[turn], context, finisher, found)

    # Daemon threads: a thread that waits for the network must not keep the program from ending.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, max(1, total)))]
    for thread in threads:
        thread.start()
    try:
        results = _gather(found, total)
    except BaseException:
        control.stop()
        for thread in threads:
            thread.join(_GRACE_S / len(threads))
        raise
    finally:
        finisher.shutdown(wait=False)
    return _report(wanted, results)


@dataclass(frozen=True)
class _Result:
    number: int
    path: Path
    is_new: bool = False
    problem: BaseException | None = None


def _gather(found: queue.SimpleQueue[_Result], total: int) -> list[_Result]:
    """Wait for all results; in short steps, so that Ctrl-C is seen at once."""
    results: list[_Result] = []
    while len(results) < total:
        with suppress(queue.Empty):
            results.append(found.get(timeout=_POLL_S))
    return results


def chosen_files(granule: Granule, *, s3: bool = False) -> list[GranuleFile]:
    """Return the files to download: data, and the sidecars from which stacaster reads checksums and metadata."""
    wanted = [
        file
        for file in granule.files
        if file.href.startswith(("https://", "s3://"))
        and (file.role == "data" or file.name.lower().endswith((".xml", ".cmr.json")))
    ]
    wanted += _record_file(granule)
    return [replace(file, href=file.s3_href) if s3 and file.s3_href else file for file in wanted]


def _record_file(granule: Granule) -> list[GranuleFile]:
    """Return CMR's record as a file beside GeoTIFFs and radar archives: what it says stands nowhere else."""
    url = record_url(granule)
    names = [file.name.lower() for file in granule.files]
    ends = (".tif", ".tiff", *((".zip",) if granule.source == "asf" else ()))
    data = [file for file in granule.data_files if file.name.lower().endswith(ends)]
    if url is None or not data or any(name.endswith(".cmr.json") for name in names):
        return []
    stem = Path(data[0].name).stem if data[0].name.lower().endswith(".zip") else granule.id
    return [GranuleFile(name=f"{stem}.cmr.json", href=url, role="metadata")]


def _job(granule: Granule, file: GranuleFile, folder: Path, progress: Progress | None) -> Job:
    def report(done: int, total: int | None) -> None:
        if progress is not None:
            progress(file.name, done, total)

    target = folder / safe_id(file.name)
    return Job(file=file, target=target, progress=report, credentials_href=granule.credentials_href)


def _one(
    number: int, job: Job, context: TransferContext, finisher: ThreadPoolExecutor, found: queue.SimpleQueue[_Result]
) -> None:
    """Transfer one file; its result comes when the disk has it."""

    def finish(settle: Callable[[], None]) -> None:
        problem = _problem(job, settle)
        found.put(_Result(number, job.target, is_new=problem is None, problem=problem))

    left: list[Callable[[], None]] = []

    def get() -> None:
        with context.control.slot(job.file.href):
            settle = transfer(job, context)
        left.extend([settle] if settle is not None else [])

    problem = _problem(job, get)
    if left:
        finisher.submit(finish, left[0])
    else:
        found.put(_Result(number, job.target, problem=problem))


def _problem(job: Job, act: Callable[[], None]) -> BaseException | None:
    """Act; return what went wrong."""
    try:
        act()
    except (StacasterError, Cancelled) as error:
        return error
    except Exception as error:  # noqa: BLE001 - the border of the thread: a lost result would stop the run for ever
        return FetchError(f"{job.file.name}: {type(error).__name__}: {error}")
    return None


def _report(granules: list[Granule], results: list[_Result]) -> FetchReport:
    by_granule: dict[int, list[_Result]] = {}
    for result in results:
        by_granule.setdefault(result.number, []).append(result)
    return FetchReport(tuple(_outcome(granule, by_granule.get(n, [])) for n, granule in enumerate(granules)))


def _outcome(granule: Granule, results: list[_Result]) -> FetchOutcome:
    mine = sorted(results, key=lambda result: result.path)
    problems = [result.problem for result in mine if result.problem is not None]
    if problems or not mine:
        reason = str(problems[0]) if problems else "the record names no file that can be downloaded"
        name = type(problems[0]).__name__ if problems else "FetchError"
        return FetchOutcome(granule=granule.id, status="failed", reason=reason, error=name)
    status = "fetched" if any(result.is_new for result in mine) else "present"
    files = tuple(result.path for result in mine)
    names = {path.name for path in files}
    notes = tuple(
        f"{file.name}: {said}"
        for file in granule.files
        if file.name in names and (said := not_checked("its record", file.checksum_kind, file.checksum)) is not None
    )
    return FetchOutcome(granule=granule.id, status=status, files=files, notes=notes)
