"""The item that the catalog has of a granule: what of it stays when bands are added."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError, SpaceError, WriteError, is_space_error
from stacaster.files.checksums import digest_file, multihash
from stacaster.files.system.disk import link_or_copy
from stacaster.ingest.convert.band_selection import chosen
from stacaster.model import PARTS, GranuleContent, Product, ReadOptions, Scene, SceneBand

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = 512


def read_item(path: Path) -> dict[str, Any] | None:
    """Return the item of a file; None when there is none that can be read."""
    try:
        item = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return item if isinstance(item, dict) and isinstance(item.get("properties"), dict) else None


def whole_assets(item: Mapping[str, Any] | None, folder: Path) -> set[str]:
    """Return the keys of the assets whose files are what the item says of them.

    Args:
        item: The item.
        folder: Where its files lie.
    """
    assets = {} if item is None else item.get("assets", {})
    return {name for name, asset in assets.items() if _is_whole(folder / str(asset.get("href")), asset)}


def _is_whole(path: Path, asset: Mapping[str, Any]) -> bool:
    digest = hashlib.sha256()
    try:
        size = digest_file(path, digest)
    except OSError:
        return False
    return size == asset.get("file:size") and multihash(digest.hexdigest()) == asset.get("file:checksum")


def scene_of(
    product: Product,
    content: GranuleContent,
    names: Iterable[str],
    options: ReadOptions,
    whole: Scene,
    *,
    describe: Callable[[ReadOptions], Scene],
) -> Scene | None:
    """Return the scene of just these bands; the same for the same names, however they were asked for.

    Args:
        product: The product.
        content: What the granule holds.
        names: Asset keys.
        options: What the user wants; area and parts of complex layers count.
        whole: All that the granule can give; a part that it lacks was not left out by anybody.
        describe: Gives what the product says of the granule for some options.

    Returns:
        The scene, or None when nothing of it lies in the area.

    Raises:
        ReadError: The granule lacks a band.
    """
    wanted = set(names)
    wholes = {band.name: band.group for band in product.bands}
    groups = {wholes.get(name, wholes.get(_stem(name), "")) for name in wanted}
    lacking = {band.group for band in product.bands} - {band.band.group for band in whole.bands}
    left_out = {band.band.group for band in whole.bands} - groups
    common = replace(
        options, subsystems=tuple(sorted(groups | lacking)) if left_out else (), split_complex=False,
        include_swir_after_cutoff=options.include_swir_after_cutoff or "SWIR" in groups,
    )  # fmt: skip
    complete = replace(common, bands=tuple(sorted(wanted | {_stem(name) for name in wanted if name not in wholes})))
    described = describe(complete)
    parts = [
        replace(common, bands=tuple(sorted(wanted & set(wholes)))),
        replace(common, bands=tuple(sorted(wanted - set(wholes))), split_complex=True),
    ]
    scenes = [chosen(described, content, part) for part in parts if part.bands]
    kept = [scene for scene in scenes if scene is not None]
    if not kept:
        return None
    bands = {band.band.name: band for scene in kept for band in scene.bands}
    order = [band.band.name for band in described.bands]
    ordered = sorted(bands.values(), key=lambda band: (_position(band.band.name, order), band.band.name))
    absent = {key: value for scene in kept for key, value in scene.absent.items() if key not in bands}
    return replace(kept[0], bands=tuple(ordered), absent=absent)


def _stem(name: str) -> str:
    """Return the complex band that amplitude or phase is part of."""
    return next((name.removesuffix(end) for end in PARTS if name.endswith(end)), name)


def _position(name: str, order: list[str]) -> int:
    return order.index(name) if name in order else order.index(_stem(name)) if _stem(name) in order else len(order)


def take_over(names: Iterable[str], item: Mapping[str, Any], folder: Path, target: Path) -> dict[str, Path]:
    """Link the files of bands that stay into the folder of the new item; return their paths by asset key.

    Raises:
        WriteError: One cannot be linked or copied.
        SpaceError: The disk is full.
    """
    paths: dict[str, Path] = {}
    for name in sorted(names):
        href = str(item["assets"][name]["href"])
        paths[name] = target / Path(href).name
        try:
            link_or_copy(folder / href, paths[name])
        except OSError as error:
            error_type = SpaceError if is_space_error(error) else WriteError
            raise error_type(f"{href} cannot be taken over: {error.strerror or error}", href=href) from error
    return paths


def read_strips(band: SceneBand, path: Path) -> Iterator[NDArray[Any]]:
    """Yield the rows of a band that stays, from top to bottom.

    Raises:
        ReadError: The file cannot be read, or has another size than the granule says.
    """
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.windows import Window

    try:
        with rasterio.open(path, driver="GTiff") as file:
            if tuple(file.shape) != tuple(band.geobox.shape):
                raise ReadError(f"{path.name} has {file.shape} pixels, the granule {tuple(band.geobox.shape)}")
            for row in range(0, file.height, _ROWS):
                yield file.read(1, window=Window(0, row, file.width, min(_ROWS, file.height - row)))
    except RasterioError as error:
        raise ReadError(f"cannot be read: {error}", href=path.name) from error
