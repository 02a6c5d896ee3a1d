"""Files of items that come from other programs: which may be taken, and how they are copied."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import Any

from stacaster.catalog.foreign_items import OUTSIDE, ForeignItem, find_file, is_of_windows, local_path, plain_href
from stacaster.errors import ReadError
from stacaster.files.checksums import digest_file, multihash
from stacaster.files.names import safe_id

_WEB = ("https://", "http://", "s3://", "gs://", "az://", "abfs://")


class AssetTaker:
    """Takes the files of items that lie on this machine.

    Only regular files below the folder of the source are taken, links resolved: an item names whatever its writer
    likes, and what is in a catalog is published.

    Args:
        source: Folder of the source.
        copy: Copy files; else items name them where they are.
        allow_outside: Take files from anywhere.
    """

    def __init__(self, source: Path, *, copy: bool, allow_outside: bool) -> None:
        self._source, self._copy, self._allow_outside = source.resolve(), copy, allow_outside

    def take(self, entry: ForeignItem, item: dict[str, Any], folder: Path) -> None:
        """Copy the files of an item into its folder, and let its assets name them.

        Raises:
            ReadError: A file is missing, may not be taken, or differs from its checksum.
            OSError: A file cannot be copied.
        """
        used = {f"{item['id']}.json".lower()}
        lost = []
        for key, asset in item["assets"].items():
            asset["href"] = plain_href(asset["href"], entry.base)
            local = local_path(asset["href"])
            if local is None:
                continue
            if isinstance(entry.base, str):
                raise ReadError(f"asset {key} of an item of the web names {asset['href']}, a file of this machine")
            path = self._file(entry.base, local, asset["href"])
            if path is None and (elsewhere := _alternate(asset)) is not None:
                asset["href"] = elsewhere
            elif path is None and self._copy:
                raise ReadError(f"the file of asset {key}, {_shown(asset['href'])}, is missing", granule=item["id"])
            elif path is None:
                lost.append(key)
            elif not self._copy:
                asset["href"] = self._allowed(path, key, item["id"]).as_uri()
            else:
                _copy(self._allowed(path, key, item["id"]), key, asset, folder, used)
        for key in lost:
            href = item["assets"].pop(key)["href"]
            notes = item["properties"].setdefault("stacaster:notes", [])
            notes.append(f"asset {key} was left out: its file {_shown(href)} is missing")

    @staticmethod
    def _file(base: Path, local: str, href: str) -> Path | None:
        if is_of_windows(href):
            return None
        return find_file(base, local)

    def _allowed(self, path: Path, key: str, item_id: str) -> Path:
        real = path.resolve(strict=True)
        if not self._allow_outside and not real.is_relative_to(self._source):
            raise ReadError(f"asset {key}: {path} {OUTSIDE}", granule=item_id)
        if not stat.S_ISREG(real.stat().st_mode):
            raise ReadError(f"asset {key}: {path} is no file that could be copied", granule=item_id)
        return real


def _shown(href: str) -> str:
    return f"{href} (a path of Windows)" if is_of_windows(href) else href


def _alternate(asset: dict[str, Any]) -> str | None:
    """Return the first address on the web that an asset gives besides its file."""
    others = asset.get("alternate")
    hrefs = (
        [other.get("href") for other in others.values() if isinstance(other, dict)] if isinstance(others, dict) else []
    )
    return next((href for href in hrefs if isinstance(href, str) and href.startswith(_WEB)), None)


def _copy(path: Path, key: str, asset: dict[str, Any], folder: Path, used: set[str]) -> None:
    name = safe_id(path.name)
    if name.lower() in used:
        name = safe_id(f"{key}-{path.name}")
    used.add(name.lower())
    target = folder / name
    shutil.copyfile(path, target)
    # Who may not read the file must not read the copy; our own process has to be able to.
    target.chmod(stat.S_IMODE(path.stat().st_mode) & 0o777 | stat.S_IRUSR | stat.S_IWUSR)
    digest = hashlib.sha256()
    digest_file(target, digest)
    checksum = multihash(digest.hexdigest())
    if asset.get("file:checksum", checksum) != checksum and str(asset["file:checksum"]).startswith("1220"):
        raise ReadError(f"{path.name} differs from its checksum")
    asset |= {"href": f"./{name}", "file:size": os.stat(target).st_size, "file:checksum": checksum}  # noqa: PTH116
