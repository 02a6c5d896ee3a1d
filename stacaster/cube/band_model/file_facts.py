"""What a file itself says about its bands, for what an item leaves out and where both contradict each other."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stacaster import config
from stacaster.errors import ReadError
from stacaster.geotiff.driver.files import opened
from stacaster.geotiff.driver.network import is_remote
from stacaster.geotiff.driver.unsupported import UnsupportedError
from stacaster.geotiff.opening import open_raster

if TYPE_CHECKING:
    from affine import Affine

_KEPT = 8192
_THREADS, _OVER_THE_NETWORK = 4, 24
_FEW = 8
_kept: OrderedDict[tuple[str, bool], tuple[Any, FileFacts]] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What a file says; one entry a band where it differs by band."""

    dtypes: tuple[str, ...]
    nodata: tuple[float | None, ...]
    scales: tuple[float, ...] | None
    """None where they were not looked at."""
    offsets: tuple[float, ...] | None
    palettes: tuple[bool, ...] = ()
    names: tuple[str, ...] = ()
    """Descriptions of the bands, empty where there is none."""
    alpha: int | None = None
    """Number of the alpha band."""
    has_mask: bool = False
    """Whether a mask or an alpha band says where there is no data."""
    shape: tuple[int, int]
    transform: Affine
    crs: str | None


def file_facts(address: str, *, whole: bool = False) -> FileFacts | None:
    """Return what a file says; None when it cannot be opened, which reading it will tell.

    Args:
        address: Path or address, ready to be opened.
        whole: Look at scale, offset and names as well, which takes GDAL.
    """
    state = _state(address)
    with _lock:
        for known in ((address, True), (address, False)):
            if known in _kept and _kept[known][0] == state and (known[1] or not whole):
                return _kept[known][1]
    facts = (None if whole else _native(address)) or _by_gdal(address)
    if facts is not None:
        with _lock:
            _kept[address, facts.scales is not None] = (state, facts)
            while len(_kept) > _KEPT:
                _kept.popitem(last=False)
    return facts


def facts_of_all(addresses: Iterable[tuple[str, bool]]) -> dict[str, FileFacts | None]:
    """Return what files say, several at a time; see ``file_facts``."""
    wanted: dict[str, bool] = {}
    for address, whole in addresses:
        wanted[address] = wanted.get(address, False) or whole
    work: Callable[[tuple[str, bool]], FileFacts | None] = lambda pair: file_facts(pair[0], whole=pair[1])  # noqa: E731
    pairs = list(wanted.items())
    if len(pairs) < _FEW:
        return {pair[0]: work(pair) for pair in pairs}
    is_far = any(is_remote(address) for address in wanted)
    threads = config.requests_at_once(_OVER_THE_NETWORK) if is_far else config.threads(_THREADS)
    with ThreadPoolExecutor(threads) as pool:
        return {pair[0]: facts for pair, facts in zip(pairs, pool.map(work, pairs), strict=True)}


def _state(address: str) -> Any:
    try:
        status = os.stat(address)  # noqa: PTH116 - text is faster here
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _native(address: str) -> FileFacts | None:
    """Return what the header says; None where GDAL has to be asked."""
    try:
        with opened(address, {}) as (file, _):
            image = file.image
            first = [levels[0] for levels in image.bands]
            return FileFacts(
                dtypes=tuple(level.dtype for level in first), nodata=(image.nodata,) * len(first), scales=None,
                offsets=None, alpha=image.alpha, has_mask=bool(image.masks) or image.alpha is not None,
                shape=(first[0].height, first[0].width), transform=image.transform, crs=str(file.crs),
            )  # fmt: skip
    except (UnsupportedError, OSError, ValueError):
        return None


def _by_gdal(address: str) -> FileFacts | None:
    import rasterio
    from rasterio.enums import ColorInterp, MaskFlags

    try:
        with open_raster(address) as dataset:
            kinds = dataset.colorinterp
            return FileFacts(
                dtypes=tuple(dataset.dtypes), nodata=tuple(dataset.nodatavals), scales=tuple(dataset.scales),
                offsets=tuple(dataset.offsets), palettes=tuple(kind == ColorInterp.palette for kind in kinds),
                names=tuple(text or "" for text in dataset.descriptions),
                alpha=next((number for number, kind in enumerate(kinds, 1) if kind == ColorInterp.alpha), None),
                has_mask=any(MaskFlags.per_dataset in flags for flags in dataset.mask_flag_enums),
                shape=dataset.shape, transform=dataset.transform, crs=None if dataset.crs is None else str(dataset.crs),
            )  # fmt: skip
    except (rasterio.errors.RasterioError, ReadError, OSError, ValueError):
        return None
