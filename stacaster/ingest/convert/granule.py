"""The steps from an open granule to its staged item."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

# Before the thread of ``_preload``: two threads that import packages with circular imports see half of them.
import odc.geo.geobox  # noqa: F401
import pyproj  # noqa: F401
import shapely  # noqa: F401

from stacaster import products
from stacaster.catalog import stac, store
from stacaster.errors import ReadError, UsageError
from stacaster.files.checksums import multihash
from stacaster.formats.readers import open_tracks
from stacaster.geo import georef
from stacaster.geo.areas import box_around
from stacaster.geo.hulls import HullOf
from stacaster.geotiff.cog import CogJob, write_cogs
from stacaster.geotiff.quicklooks import WrittenBands, write_quicklooks
from stacaster.ingest.convert.band_selection import NO_POINT, OUTSIDE, POINTS_OUTSIDE, chosen, reading
from stacaster.ingest.convert.class_granule import companion
from stacaster.ingest.convert.native_files import keep_files
from stacaster.ingest.convert.source import describe_source, open_source, options_of
from stacaster.model import GranuleContent, OpenGranule, Product, ReadOptions, Scene, as_json
from stacaster.version import __version__

if TYPE_CHECKING:
    from stacaster.model import OpenTracks

FORMAT = 3
"""Version of what is written for a granule; raised when the same source would give another item or other pixels."""

TABLES_FORMAT = 3
"""The same of what is written for a granule of tracks."""


def _preload() -> None:
    """Import what is needed later, while the first bands are read and hashed."""
    import antimeridian  # noqa: F401
    import rio_cogeo  # noqa: F401


def convert_granule(task: Mapping[str, Any], sources: Future[list[dict[str, Any]]]) -> dict[str, Any]:
    """Convert one granule; see ``stacaster.ingest.convert.convert``.

    Args:
        task: What to convert and where to put it.
        sources: Names, sizes and checksums of the files, when they are there.
    """
    Thread(target=_preload, daemon=True).start()
    options = options_of(task)
    with open_source(task) as granule:
        product = products.recognise(granule.content)
        if options.keep_files and not product.files:
            raise UsageError(f"{product.name} cannot be kept as it comes; leave keep_files out to convert it")
        whole = product.describe(granule.content, options)
        scene = whole if product.tables else chosen(whole, granule.content, options) or whole
        item_id = store.safe_id(scene.id)
        listed = sources.result()
        beside = companion(task, product)
        if beside is not None:
            listed = [*listed, describe_source(beside)]
        fingerprint = _fingerprint(product, listed, options, str(task["profile"]))
        result = {
            "product": product.name,
            "collection": product.collection_id,
            "item_id": item_id,
            "notes": list(scene.notes),
        }
        if scene is whole and options.area is not None and not product.tables:
            return result | {"status": "skipped", "reason": OUTSIDE}
        folder = store.item_folder(product.collection_id, scene.datetime, item_id)
        if _has(Path(task["catalog"]) / folder / f"{item_id}.json", fingerprint):
            return result | {"status": "skipped", "reason": "the catalog has it"}
        if task["known_only"] and not (Path(task["catalog"]) / folder).exists():
            return result | {"status": "skipped", "reason": "the catalog has no such item"}
        if task["dry_run"]:
            names = [band.band.name for band in scene.bands] + [table.name for table in product.tables]
            names += list(scene.files)
            return result | {"status": "planned", "bands": names}
        target = Path(task["staging"]) / item_id
        if target.exists():
            shutil.rmtree(target)
        target.mkdir(parents=True)
        provenance = {
            "processing:software": {"stacaster": __version__, **_versions()},
            "processing:lineage": _lineage(product, granule.content),
            "stacaster:sources": listed,
            "stacaster:fingerprint": fingerprint,
        }
        made = {"item_id": item_id, "provenance": provenance}
        if product.tables:
            item = _write_tables(granule, product, scene, target=target, classes=beside, options=options, made=made)
            if item is None:
                return result | {"status": "skipped", "reason": NO_POINT if options.area is None else POINTS_OUTSIDE}
            result["notes"] = item["properties"].get("stacaster:notes", [])
        else:
            item = _write(granule, product, scene, target=target, task=task, made=made)
    (target / f"{item_id}.json").write_bytes(as_json(item))
    return result | {"status": "ready", "item": item, "folder": str(target)}


def _write_tables(
    granule: OpenGranule,
    product: Product,
    scene: Scene,
    *,
    target: Path,
    classes: Path | None,
    options: ReadOptions,
    made: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Write the tables of a track; None when no point is left."""
    from stacaster.ingest.convert import track_strips, tracks

    opened = cast("OpenTracks", granule)
    with ExitStack() as stack:
        beside = None if classes is None else stack.enter_context(open_tracks(classes))
        found = tracks.write_tracks(opened, product.tables, target, options=options, classes=beside)
    if not found.rows:
        return None
    geometry, bbox = track_strips.footprint(found.lines)
    properties = dict(scene.properties)
    if options.area is not None:
        properties["stacaster:cut_to"] = dict(options.area)
    told = replace(scene, notes=(*scene.notes, *found.notes), properties=properties)
    return stac.build_item(product, told, assets=found.assets, geometry=geometry, bbox=bbox, **made)


def _write(
    granule: OpenGranule,
    product: Product,
    scene: Scene,
    *,
    target: Path,
    task: Mapping[str, Any],
    made: Mapping[str, Any],
) -> dict[str, Any]:
    files = keep_files(product, scene, target, made["provenance"]["stacaster:sources"])
    hulls = [HullOf(band.band.nodata) for band in scene.bands]
    jobs = [
        CogJob(read=reading(granule, band, hull), path=target / f"{band.band.name}.tif", scene_band=band)
        for band, hull in zip(scene.bands, hulls, strict=True)
    ]
    there = WrittenBands(band.band.name for band in scene.bands)
    with ThreadPoolExecutor(1) as beside:
        # Pictures of the bands that are there are made while others are written.
        pictures = beside.submit(write_quicklooks, product.renders, there, target)
        try:
            threads, profile = int(task["threads"]), str(task["profile"])
            written = write_cogs(jobs, threads=threads, profile=profile, done=there.add)
        finally:
            there.close()
        assets = {band.band.name: asset for band, asset in zip(scene.bands, written, strict=True)}
        geometry, bbox = _place(scene, hulls, granule.content)
        item = stac.build_item(product, scene, assets={**assets, **files}, geometry=geometry, bbox=bbox, **made)
        item["assets"] |= pictures.result()
    return item


def _place(scene: Scene, hulls: Sequence[HullOf], content: GranuleContent) -> tuple[dict[str, Any], Sequence[float]]:
    """Return footprint and bounding box: what the metadata say, where pixels do not say it themselves."""
    if scene.footprint is not None:
        return dict(scene.footprint), box_around(scene.footprint)
    try:
        return georef.footprint([(band.geobox, hull.result()) for band, hull in zip(scene.bands, hulls, strict=True)])
    except georef.GeoreferencingError as error:
        raise ReadError(str(error), granule=content.name) from error


def _lineage(product: Product, content: GranuleContent) -> str:
    names = ", ".join(path.name for path in content.files[:3]) + (" ..." if len(content.files) > 3 else "")
    of = f"of {product.short_name} {product.version} ({names}) copied unchanged to"
    if product.files and not product.bands:
        return f"{product.short_name} {product.version} ({names}) taken in as it came"
    return f"Points {of} GeoParquet and verified" if product.tables else f"Pixels {of} one COG per band and verified"


def _versions() -> dict[str, str]:
    import rasterio

    return {"gdal": str(rasterio.__gdal_version__)}


def _fingerprint(product: Product, sources: list[dict[str, Any]], options: ReadOptions, profile: str) -> str:
    """Return what decides whether a granule has to be converted again."""
    known = {
        "format": FORMAT,
        "product": product.name,
        "sources": sorted(str(source["checksum"]) for source in sources),
        "subsystems": sorted(options.subsystems),
        "swir": options.include_swir_after_cutoff,
        "profile": profile,
    }
    rest = {"bands": sorted(options.bands), "area": options.area, "split": options.split_complex,
            "variables": sorted(options.variables), "whole": options.keep_files}  # fmt: skip
    known |= {key: value for key, value in rest.items() if value}
    if product.tables:
        known["tables"] = TABLES_FORMAT
    return multihash(hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest())


def _has(path: Path, fingerprint: str) -> bool:
    """Tell whether the catalog has the item of the same source and settings."""
    try:
        item = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except ValueError:
        return False
    return bool(item.get("properties", {}).get("stacaster:fingerprint") == fingerprint)
