"""The files of a catalog on disk: staged, journalled, put into place together, finished after a kill.

A commit stages everything under ``.stacaster/staging``, syncs it, writes a journal of renames, carries them out and
removes the journal. Whoever takes the lock next finishes a journal that a killed process left. Readers take no lock: a
folder or file appears by one rename.
"""

from __future__ import annotations

import json
import os
import posixpath
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stacaster.catalog.store.files import OWNER, folder_mark, is_owned, read_or_none, walk
from stacaster.errors import CatalogError, SpaceError, WriteError, is_space_error
from stacaster.files.names import item_folder, safe_id
from stacaster.files.system.disk import can_sync_all, exchange, ignores_case, move, sync_all, sync_file, sync_folder
from stacaster.files.system.locks import BaseFileLock, SoftFileLock, Timeout, file_lock

__all__ = ["CatalogStore", "Transaction", "item_folder", "safe_id"]

_STATE = ".stacaster"
_LOCK, _JOURNAL, _STAGING = "lock", "journal.json", "staging"
_LOCK_TIMEOUT_S = 600.0
_MANY = 64


class CatalogStore:
    """The folder of one catalog."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()
        self._state = self.root / _STATE

    def resolve(self, target: str) -> Path:
        """Return the path of a target inside the root.

        Args:
            target: Relative path with ``/``.

        Raises:
            CatalogError: The target would leave the catalog, belongs to its inner state, or passes a symbolic link.
        """
        # Text, not pathlib: a commit of many items asks this for each of them.
        parts = [part for part in target.split("/") if part not in ("", ".")]
        unsafe = not parts or target.startswith("/") or any(part in ("..", _STATE) for part in parts)
        if unsafe or "\0" in target or "\\" in target:
            raise CatalogError(f"{target!r} is no place inside the catalog")
        path = os.fspath(self.root)
        for part in parts:
            path = f"{path}/{part}"
            try:
                is_link = stat.S_ISLNK(os.lstat(path).st_mode)
            except (FileNotFoundError, NotADirectoryError):
                break
            except (OSError, ValueError) as error:
                raise CatalogError(f"{target[:40]!r}... is no possible place: {error}") from error
            if is_link:
                raise CatalogError(f"{target!r} passes a symbolic link; a catalog holds none")
        return Path(os.fspath(self.root), "/".join(parts))

    def prepare(self) -> None:
        """Make the folder of a new catalog, or make sure that an existing one is ours.

        Raises:
            CatalogError: The folder holds something else.
            WriteError: It cannot be made.
        """
        if self.root.exists() and not self._state.is_dir():
            if not self.root.is_dir():
                raise CatalogError(f"{self.root.name} is a file, not a folder")
            # Tables of the user's own products may lie in a catalog before there is one.
            if any(path.name != "products" for path in self.root.iterdir()):
                what = "a catalog made by another program" if (self.root / "catalog.json").exists() else "other files"
                raise CatalogError(f"the folder {self.root.name} holds {what}; name a new folder")
        try:
            (self._state / _STAGING).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _write_error(f"the folder {self.root.name} cannot be made", error) from error

    def is_interrupted(self) -> bool:
        """Tell whether a commit was interrupted and waits to be finished."""
        return (self._state / _JOURNAL).exists()

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give a private folder on the catalog's file system; it is removed at the end, or by others after a kill.

        An interrupted commit is finished first.

        Raises:
            CatalogError: The lock cannot be had, or the folder is not ours.
            WriteError: The folder cannot be made.
        """
        with self._locked(_LOCK_TIMEOUT_S):
            self._recover()
            folder, owner = self._make_staging()
        try:
            yield folder
        finally:
            # Windows removes no file that is open.
            owner.release()
            shutil.rmtree(folder, ignore_errors=True)

    def _make_staging(self) -> tuple[Path, BaseFileLock]:
        """Make a staging folder and lock its owner file; called with the catalog's lock held.

        Recovery also holds the lock, so it never sees a staging folder that is not locked yet.
        """
        folder = self._state / _STAGING / f"{os.getpid()}-{secrets.token_hex(6)}"
        try:
            folder.mkdir()
            owner = file_lock(folder / OWNER, 0.0)
            # There from the beginning, also where a lock is another file.
            (folder / OWNER).touch()
            owner.acquire()
        except (OSError, Timeout) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise _write_error(f"no staging folder can be made in {self.root.name}", error) from error
        return folder, owner

    @contextmanager
    def _locked(self, timeout_s: float) -> Iterator[None]:
        self.prepare()
        lock = file_lock(self._state / _LOCK, timeout_s)
        try:
            lock.acquire()
        except Timeout as error:
            text = f"the catalog {self.root.name} has been locked by another process for {timeout_s:g} s"
            advice = "try again later"
            if isinstance(lock, SoftFileLock):
                advice = f"where no process of any machine works on it, remove {lock.lock_file}"
            raise CatalogError(f"{text}; {advice}") from error
        except OSError as error:
            raise _write_error(f"the catalog {self.root.name} cannot be locked", error) from error
        try:
            yield
        finally:
            lock.release()

    def recover(self, *, timeout_s: float = _LOCK_TIMEOUT_S) -> bool:
        """Finish an interrupted commit and remove what dead processes left.

        Returns:
            True when there was a commit to finish.
        """
        with self._locked(timeout_s):
            return self._recover()

    @contextmanager
    def transaction(self, *, timeout_s: float = _LOCK_TIMEOUT_S) -> Iterator[Transaction]:
        """Take the lock, recover, and commit at the end what was put; an exception leaves the catalog as it was.

        Raises:
            CatalogError: The lock is held for longer than ``timeout_s``, or the catalog is damaged.
            WriteError: Something cannot be written.
        """
        with self._locked(timeout_s):
            self._recover()
            folder, owner = self._make_staging()
            try:
                transaction = Transaction(self, folder)
                yield transaction
                transaction.commit()
            except OSError as error:
                raise _write_error("the commit failed", error) from error
            finally:
                owner.release()
                # A journal still needs what is staged; recovery removes the folder afterwards.
                if not self.is_interrupted():
                    shutil.rmtree(folder, ignore_errors=True)

    def _recover(self) -> bool:
        journal = self._state / _JOURNAL
        found = journal.exists()
        if found:
            self.apply(_read_journal(journal))
        for left in (self._state / _STAGING).iterdir():
            if left.is_dir() and not is_owned(left):
                shutil.rmtree(left, ignore_errors=True)
        for left in self._state.glob(f"{_JOURNAL}.*"):
            left.unlink(missing_ok=True)
        return found

    def apply(self, operations: list[dict[str, Any]]) -> None:
        """Carry out journalled operations, each of which may have been carried out before, and remove the journal."""
        touched: set[Path] = set()
        staging = os.fspath(self._state / _STAGING)
        for operation in operations:
            target = self.resolve(str(operation["target"]))
            if operation["kind"] == "remove":
                self._remove(target, touched)
                continue
            inner = str(operation["staged"])
            if ".." in inner.split("/") or inner.startswith("/"):
                raise CatalogError("the journal of the catalog names a place outside it")
            staged = Path(f"{staging}/{inner}")
            if target.parent not in touched:
                target.parent.mkdir(parents=True, exist_ok=True)
                touched |= {path for path in target.parents if path.is_relative_to(self.root)}
            if operation["kind"] == "directory":
                self._put_directory(staged, target, str(operation["mark"]))
            elif staged.exists():
                move(staged, target)
        for folder in sorted(path for path in touched if path.is_dir()):
            sync_folder(folder)
        (self._state / _JOURNAL).unlink(missing_ok=True)
        sync_folder(self._state)

    def _put_directory(self, staged: Path, target: Path, mark: str) -> None:
        """Put a staged folder in place. ``mark`` tells the new folder from the old after an exchange."""
        if not staged.exists():
            return
        if not target.exists():
            move(staged, target)
        elif folder_mark(staged) == mark and not exchange(staged, target):
            # Without an atomic exchange the target is missing between two renames; recovery closes the gap.
            aside = staged.with_name(f"{staged.name}.old")
            move(target, aside)
            move(staged, target)

    def _remove(self, target: Path, touched: set[Path]) -> None:
        if target.is_dir():
            # A folder vanishes by one rename, so that no reader sees half of it.
            aside = self._state / _STAGING / f".removed-{secrets.token_hex(6)}"
            move(target, aside)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)
        parent = target.parent
        while parent != self.root and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent
        touched.add(parent)


class Transaction:
    """Changes that are put into place together: folders, files in the order in which they were asked for, removals."""

    folder: Path
    """Staging folder of the transaction, for files that are given to ``put_file``."""

    def __init__(self, store: CatalogStore, folder: Path) -> None:
        self._store = store
        self.folder = folder
        self._place = folder.relative_to(store.root / _STATE / _STAGING).as_posix()
        self._puts: list[dict[str, Any]] = []
        self._syncs_all = False
        self._removals: list[dict[str, Any]] = []
        self._folders: dict[str, str] = {}

    def expect(self, folders: int) -> None:
        """Say how many folders come: many are made durable together, by one request to the file system."""
        self._syncs_all = folders > _MANY and can_sync_all()

    def put_directory(self, staged: Path, target: str) -> None:
        """Put a complete folder in the place of ``target``, whether that exists or not.

        Args:
            staged: Folder inside a staging folder of this catalog.
            target: Place inside the catalog.
        """
        path = self._store.resolve(target)
        is_new = not path.exists()
        self._check_case(path, target, is_new=is_new)
        inner = self.folder / f"d{len(self._puts)}"
        staged.rename(inner)
        for name in walk(inner):
            if os.path.islink(name):  # noqa: PTH114 - pathlib costs more than the system
                raise CatalogError(f"{os.path.basename(name)} is a symbolic link; a catalog holds none")  # noqa: PTH119
            if not self._syncs_all:
                sync_file(Path(name))
        if not self._syncs_all:
            sync_folder(inner)
        # Only an exchange needs to be told from one that happened already.
        self._add("directory", inner, target, mark="" if is_new else folder_mark(inner))

    def _check_case(self, path: Path, target: str, *, is_new: bool) -> None:
        """Refuse a folder that would take the place of another: macOS and Windows see one name in ``a`` and ``A``."""
        other = self._folders.setdefault(target.casefold(), target)
        state = self.folder.parent.parent
        if other == target and not is_new and ignores_case(state):
            names = {name.name for name in path.parent.iterdir()}
            if path.name not in names:
                other = next(name for name in names if name.casefold() == path.name.casefold())
        if other != target and ignores_case(state):
            raise CatalogError(
                f"{target} and {other} differ only in upper and lower case, which this file system does not tell apart"
            )

    def put_file(self, content: bytes | Path, target: str) -> Path:
        """Put bytes, or a staged file, in the place of ``target``; the same bytes are not written again.

        Returns:
            Where the content can be read until the commit.
        """
        path = self._store.resolve(target)
        inner = self.folder / f"f{len(self._puts)}"
        if isinstance(content, Path):
            content.rename(inner)
        else:
            if read_or_none(path) == content:
                return path
            inner.write_bytes(content)
        sync_file(inner)
        self._add("file", inner, target)
        return inner

    def remove(self, target: str) -> None:
        """Remove a file or folder, and parent folders that become empty."""
        self._store.resolve(target)
        self._removals.append({"kind": "remove", "target": target})

    def _add(self, kind: str, inner: Path, target: str, **rest: str) -> None:
        self._puts.append({"kind": kind, "staged": f"{self._place}/{inner.name}", "target": target, **rest})

    def commit(self) -> None:
        """Write the journal and carry it out."""
        folders = [operation for operation in self._puts if operation["kind"] == "directory"]
        operations = folders + [operation for operation in self._puts if operation["kind"] == "file"] + self._removals
        if not operations:
            return
        state = self._store.root / _STATE
        for parent in sorted({posixpath.dirname(operation["target"]) for operation in self._puts} - {""}):
            # Before the journal, because making a folder may fail on a full disk and a rename does not.
            self._store.resolve(parent).mkdir(parents=True, exist_ok=True)
        if self._syncs_all:
            sync_all(self.folder)
        sync_folder(self.folder)
        sync_folder(self.folder.parent)
        fresh = state / f"{_JOURNAL}.{secrets.token_hex(4)}"
        try:
            fresh.write_text(json.dumps({"operations": operations}), encoding="utf-8")
            sync_file(fresh)
            move(fresh, state / _JOURNAL)
        finally:
            fresh.unlink(missing_ok=True)
        sync_folder(state)
        self._store.apply(operations)


def _read_journal(path: Path) -> list[dict[str, Any]]:
    try:
        operations = json.loads(path.read_text(encoding="utf-8"))["operations"]
        for operation in operations:
            needed = {"remove": ("target",), "file": ("target", "staged"), "directory": ("target", "staged", "mark")}
            for key in needed[operation["kind"]]:
                operation[key].encode()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CatalogError(f"the journal of the catalog is damaged: {error}") from error
    return list(operations)


def _write_error(what: str, error: OSError) -> WriteError:
    kind = SpaceError if is_space_error(error) else WriteError
    return kind(f"{what}: {error.strerror or error}")
