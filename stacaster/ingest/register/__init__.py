"""Register granules in place: items whose pixels stay in the provider's Cloud Optimized GeoTIFFs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from stacaster.catalog import StagedItem, commit_items, settle, stac
from stacaster.catalog.store import CatalogStore
from stacaster.config import __version__, catalog_path
from stacaster.errors import CatalogError, ReadError, StacasterError, WriteError, is_space_error
from stacaster.files.checksums import as_multihash, multihash
from stacaster.files.names import safe_id
from stacaster.geo.georef import footprint
from stacaster.ingest.convert.ingest_options import parse_wanted
from stacaster.ingest.register.content import RemoteContent, read_content
from stacaster.ingest.register.vrt import needs_vrt, write_vrt
from stacaster.model import Granule, GranuleFile, Outcome, Product, ReadOptions, RemoteAsset, Report, Scene, as_json
from stacaster.model.checked import checked
from stacaster.model.names import Names, as_names
from stacaster.products import recognise

Progress = Callable[[int, int, Outcome], None]
"""Called after each granule with the number done, the number known so far, and the outcome."""

FORMAT = 2
"""Version of what is written; raised when the same source would give another item."""

_BATCH = 16


@checked
def register(
    granules: Iterable[Granule],
    *,
    catalog: str | os.PathLike[str] | None = None,
    subsystem: Names = (),
    keep_swir: bool = False,
    workers: int = 4,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Make items of granules whose pixels stay where they are: AST_L1T V004, and aster-l1t of the Planetary Computer.

    Only headers and metadata are read. Where the provider's grid, zone or fill value is wrong, the item says the right
    one and a note says so. A band whose file itself would lead readers astray becomes a small virtual raster (``.vrt``)
    beside the item, which GDAL reads like the file itself.

    Args:
        granules: From ``stacaster.search``.
        catalog: Folder of the catalog, made when missing.
        subsystem: Keep only these parts, such as ``VNIR``.
        keep_swir: Keep ASTER SWIR also after 2008-04-01.
        workers: Granules at a time.
        dry_run: Only say what would be done.
        progress: Called after every granule.

    Returns:
        What became of every granule.

    Raises:
        CatalogError: The folder is not a catalog of ours.

    Example:
        >>> scenes = stacaster.search("aster-l1t", source="planetary-computer", datetime="2003")  # doctest: +SKIP
        >>> stacaster.register(scenes, catalog="catalogs/pc")  # doctest: +SKIP
    """
    root = CatalogStore(catalog_path(catalog))
    groups = parse_wanted(as_names(subsystem, "subsystem"))["subsystems"]
    options = ReadOptions(subsystems=tuple(groups), include_swir_after_cutoff=keep_swir)
    outcomes: list[Outcome] = []
    waiting = iter(granules)

    def say(found: Outcome) -> None:
        outcomes.append(found)
        if progress is not None:
            progress(len(outcomes), len(outcomes), found)

    if dry_run:
        for granule in waiting:
            say(Outcome(granule=granule.id, status="ingested", reason="would be registered in place"))
        return Report(tuple(outcomes))
    root.prepare()
    with root.staging() as staging, ThreadPoolExecutor(workers) as pool:
        while batch := list(islice(waiting, _BATCH)):
            places = [staging / str(len(outcomes) + number) for number in range(len(batch))]
            made = list(pool.map(lambda pair: _prepare(pair[0], options, pair[1]), zip(batch, places, strict=True)))
            for found in _commit(root, batch, made):
                say(found)
    settle(root)
    return Report(tuple(sorted(outcomes, key=lambda item: (item.granule, item.item_id or ""))))


def _prepare(granule: Granule, options: ReadOptions, staging: Path) -> StagedItem | StacasterError:
    try:
        return _stage(granule, options, staging)
    except StacasterError as error:
        return error
    except OSError as error:
        return WriteError(f"{granule.id} cannot be staged: {error.strerror or error}", granule=granule.id)


def _stage(granule: Granule, options: ReadOptions, staging: Path) -> StagedItem:
    found = read_content(granule)
    product = recognise(found.content)
    scene = product.describe(found.content, options)
    item_id = safe_id(scene.id)
    folder = staging / item_id
    folder.mkdir(parents=True)
    assets = {band.band.name: _asset(band, found, folder) for band in scene.bands}
    item = _item(product, scene, granule, found, item_id, assets)
    (folder / f"{item_id}.json").write_bytes(as_json(item))
    return StagedItem(item=item, folder=folder)


def _asset(band: Any, found: RemoteContent, folder: Path) -> RemoteAsset:
    file, number = found.files[band.layer]
    if needs_vrt(file.href, found.content.layers[band.layer], band, count=found.counts[file.name]):
        path = folder / f"{band.band.name}.vrt"
        write_vrt(path, band, href=file.href, source_band=number, collection=found.collection)
        content = path.read_bytes()
        own = multihash(hashlib.sha256(content).hexdigest())
        return RemoteAsset(href=f"./{path.name}", media_type=stac.VRT_TYPE, size=len(content), checksum=own)
    checksum = as_multihash(file.checksum_kind, file.checksum)
    return RemoteAsset(href=file.href, media_type=stac.COG_TYPE, size=file.size, checksum=checksum)


def _item(
    product: Product,
    scene: Scene,
    granule: Granule,
    found: RemoteContent,
    item_id: str,
    assets: dict[str, RemoteAsset],
) -> dict[str, Any]:
    used = {found.files[band.layer][0].name: found.files[band.layer][0] for band in scene.bands}
    sources = [
        {
            "name": file.name,
            "href": file.href,
            "size": file.size,
            "checksum": as_multihash(file.checksum_kind, file.checksum),
        }
        for file in used.values()
    ]
    sources = [{key: value for key, value in row.items() if value is not None} for row in sources]
    geometry, bbox = _footprint(granule, scene)
    hrefs = {name: asset.href for name, asset in assets.items()}
    known = {"format": FORMAT, "product": product.name, "sources": sources, "assets": hrefs}
    provenance = {
        "processing:software": {"stacaster": __version__},
        "processing:lineage": (
            f"{product.short_name} {product.version} registered in place: pixels stay at {found.host}, "
            f"nothing was copied or verified; found at {granule.record}"
        ),
        "stacaster:sources": sources,
        "stacaster:fingerprint": multihash(hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()),
        "stacaster:in_place": True,
    }
    extra = {}
    for band in scene.bands:
        file = found.files[band.layer][0]
        if assets[band.band.name].href != file.href:
            key = band.band.group if found.counts[file.name] > 1 else band.band.name
            extra[f"source-{key}"] = _source_asset(file)
    item = stac.build_item(
        product, scene, item_id=item_id, assets=assets, geometry=geometry, bbox=bbox, provenance=provenance
    )
    item["assets"] |= extra
    return item


def _source_asset(file: GranuleFile) -> dict[str, Any]:
    described = {
        "href": file.href,
        "type": stac.COG_TYPE,
        "title": f"The provider's file {file.name}",
        "roles": ["source"],
        "file:size": file.size,
        "file:checksum": as_multihash(file.checksum_kind, file.checksum),
    }
    return {key: value for key, value in described.items() if value is not None}


def _footprint(granule: Granule, scene: Scene) -> tuple[dict[str, Any], list[float]]:
    """Return the provider's footprint, which follows the valid pixels, or else the outline of the grids.

    Raises:
        ReadError: The provider's footprint does not touch the grids: one of them is wrong.
    """
    import antimeridian
    import numpy as np
    import shapely

    grids = [(band.geobox, np.empty((0, 2))) for band in scene.bands]
    try:
        outline, bounds = footprint(grids)
    except ValueError as error:
        raise ReadError(f"no footprint: {error}", granule=granule.id) from error
    if granule.geometry is None or granule.geometry["type"] not in ("Polygon", "MultiPolygon"):
        return outline, bounds
    stated = shapely.geometry.shape(dict(granule.geometry))
    if not shapely.make_valid(stated).intersects(shapely.geometry.shape(outline)):
        raise ReadError(
            "the provider's footprint and the grid of its files lie in different places", granule=granule.id
        )
    box: list[float] = [float(value) for value in antimeridian.bbox(stated)]
    return dict(granule.geometry), box


def _commit(
    root: CatalogStore, batch: Sequence[Granule], made: Sequence[StagedItem | StacasterError]
) -> Iterator[Outcome]:
    staged: list[tuple[Granule, StagedItem]] = []
    seen: set[tuple[str, str]] = set()
    for granule, entry in zip(batch, made, strict=True):
        if isinstance(entry, StacasterError):
            yield Outcome(granule=granule.id, status="failed", reason=str(entry), error=type(entry).__name__)
            continue
        key = (str(entry.item["collection"]), str(entry.item["id"]))
        if key in seen:
            yield Outcome(granule=granule.id, status="skipped", item_id=key[1], reason="it came twice in this run")
            continue
        seen.add(key)
        staged.append((granule, entry))
    if not staged:
        return
    try:
        statuses: list[Any] = list(commit_items(root, [entry for _, entry in staged]))
        problem = None
    except (WriteError, CatalogError, OSError) as error:
        statuses, problem = ["failed"] * len(staged), error
    for (granule, entry), status in zip(staged, statuses, strict=True):
        item = entry.item
        reason = "the catalog has it" if status == "skipped" else None if problem is None else str(problem)
        kind = None if problem is None else "SpaceError" if is_space_error(problem) else type(problem).__name__
        yield Outcome(
            granule=granule.id, status=status, collection=item["collection"], item_id=item["id"], reason=reason,
            error=kind, notes=tuple(item["properties"].get("stacaster:notes", ())),
        )  # fmt: skip
