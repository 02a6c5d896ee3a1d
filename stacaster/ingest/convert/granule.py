"""The steps from an open granule to its staged item."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

# Before the thread of ``_preload``: two threads that import packages with circular imports see half of them.
import odc.geo.geobox  # noqa: F401
import pyproj  # noqa: F401
import shapely  # noqa: F401

from stacaster import products
from stacaster.catalog import stac, store
from stacaster.catalog.merged_collections import granule_collection
from stacaster.config import __version__
from stacaster.errors import ReadError, UsageError
from stacaster.formats.metadata.sidecars import unchecked
from stacaster.formats.readers import open_tracks
from stacaster.geo import georef
from stacaster.geo.areas import box_around
from stacaster.geo.hulls import HullOf
from stacaster.geo.outlines import footprint_of
from stacaster.geotiff.cog import PROFILES, CogJob, write_cogs
from stacaster.geotiff.quicklooks import WrittenBands, write_quicklooks
from stacaster.ingest.convert import existing_item
from stacaster.ingest.convert.band_selection import NO_POINT, OUTSIDE, POINTS_OUTSIDE, chosen, reading
from stacaster.ingest.convert.class_granule import companion
from stacaster.ingest.convert.descriptions import Descriptions
from stacaster.ingest.convert.native_files import keep_files
from stacaster.ingest.convert.source import describe_source, open_source
from stacaster.ingest.convert.swath_granule import options_for
from stacaster.ingest.convert.task import ConvertTask
from stacaster.ingest.fingerprint import FINGERPRINT, HAS_IT, Origin, band_fingerprints, item_fingerprint, plan_bands
from stacaster.model import GranuleContent, OpenGranule, Product, ReadOptions, Scene, as_json

if TYPE_CHECKING:
    from stacaster.model import OpenTracks

HAS_NONE = "the catalog has no such item"
"""Why an update skips a granule."""


def _preload() -> None:
    """Import what is needed later, while the first bands are read and hashed."""
    import antimeridian  # noqa: F401
    import rio_cogeo  # noqa: F401


def convert_granule(task: ConvertTask, sources: Future[list[dict[str, Any]]]) -> dict[str, Any]:
    """Convert one granule; see ``convert``.

    Args:
        task: What to convert and where to put it.
        sources: Names, sizes and checksums of the files, when they are there.
    """
    Thread(target=_preload, daemon=True).start()
    with open_source(task) as granule:
        options, product = options_for(granule, task.options), products.recognise(granule.content)
        if options.keep_files and not product.files:
            raise UsageError(f"{product.name} cannot be kept as it comes; leave keep_files out to convert it")
        describe, files = Descriptions(product, granule.content), sources.result()
        conversion = Conversion(
            granule=granule, product=product, task=task, options=options, sources=files, describe=describe
        )
        if product.tables or options.keep_files or not product.bands:
            return conversion.without_bands()
        return conversion.with_bands()


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """One granule that becomes an item."""

    granule: OpenGranule
    """The open granule."""
    product: Product
    """What it is."""
    task: ConvertTask
    """What to convert and where to put it."""
    options: ReadOptions
    """What is wanted of it."""
    sources: list[dict[str, Any]]
    """Names, sizes and checksums of its files."""
    describe: Descriptions
    """Gives what the product says of the granule."""

    def with_bands(self) -> dict[str, Any]:
        """Write the bands that the catalog lacks; what it has of the item stays."""
        content, product = self.granule.content, self.product
        whole = self.describe(ReadOptions(include_swir_after_cutoff=self.options.include_swir_after_cutoff))
        result, folder = self._result(whole), self._folder(whole)
        item = existing_item.read_item(folder / f"{result['item_id']}.json")
        if item is None and self.task.known_only:
            return result | {"status": "skipped", "reason": HAS_NONE}
        asked = chosen(self.describe(self.options), content, self.options)
        if asked is None:
            return result | {"status": "skipped", "reason": OUTSIDE}
        names = {band.band.name for band in asked.bands}
        if self.task.known_only and not (self.options.bands or self.options.subsystems):
            names = set(band_fingerprints(item)) or names
        origin = Origin.of(product, self.sources, self.options)
        plan = plan_bands(
            item, origin, names, profile=self.task.profile, profiles=tuple(PROFILES),
            usable=lambda: existing_item.whole_assets(item, folder),
        )  # fmt: skip
        base = None if item is None else item["properties"].get(FINGERPRINT)
        result |= {"change": plan.change, "base": base}
        if plan.change == "skipped":
            return result | {"status": "skipped", "reason": HAS_IT}
        scene = existing_item.scene_of(product, content, plan.names, self.options, whole, describe=self.describe)
        if scene is None:
            return result | {"status": "skipped", "reason": OUTSIDE}
        notes = dict.fromkeys((*scene.notes, *unchecked(content.sidecars, [path.name for path in content.files])))
        scene = replace(scene, absent=self._absent(scene), notes=tuple(notes))
        result["notes"] = list(scene.notes)
        if self.task.dry_run:
            to_make = [band.band.name for band in scene.bands if band.band.name in plan.make]
            return result | {"status": "planned", "bands": to_make}
        target = self._target(result["item_id"])
        kept = existing_item.take_over(plan.keep, item or {}, folder, target)
        assets = {name: dict((item or {})["assets"][name]) for name in kept}
        prints = {name: origin.band(name, self.task.profile) for name in plan.make}
        parts = [*prints.values(), *(str(asset[FINGERPRINT]) for asset in assets.values())]
        parts += [origin.files(ReadOptions())] if scene.files else []
        made = {"item_id": result["item_id"], "provenance": self._provenance(item_fingerprint(parts), self.sources)}
        written = self._write_bands(scene, target, kept, made | {"fingerprints": prints}, assets)
        return self._ready(result, written, target)

    def without_bands(self) -> dict[str, Any]:
        """Write the tables of a granule of tracks, or take its files in as they come."""
        described, product = self.describe(self.options), self.product
        scene = described if product.tables else chosen(described, self.granule.content, self.options)
        result = self._result(described)
        if scene is None:
            return result | {"status": "skipped", "reason": OUTSIDE}
        classes = companion(self.task, product)
        sources = self.sources if classes is None else [*self.sources, describe_source(classes)]
        origin = Origin.of(product, sources, self.options)
        fingerprint = item_fingerprint([origin.files(self.options)])
        item = existing_item.read_item(self._folder(described) / f"{result['item_id']}.json")
        base = None if item is None else item["properties"].get(FINGERPRINT)
        result |= {"change": "ingested" if item is None else "replaced", "base": base}
        if base == fingerprint or (item is None and self.task.known_only):
            return result | {"status": "skipped", "reason": HAS_IT if base == fingerprint else HAS_NONE}
        if self.task.dry_run:
            names = [*(band.band.name for band in scene.bands), *(table.name for table in product.tables), *scene.files]
            return result | {"status": "planned", "bands": names}
        target = self._target(result["item_id"])
        made = {"item_id": result["item_id"], "provenance": self._provenance(fingerprint, sources)}
        if not product.tables:
            return self._ready(result, self._write_bands(scene, target, {}, made, {}), target)
        written = self._write_tables(scene, target, classes, made)
        if written is None:
            return result | {"status": "skipped", "reason": NO_POINT if self.options.area is None else POINTS_OUTSIDE}
        return self._ready(result | {"notes": written["properties"].get("stacaster:notes", [])}, written, target)

    def _result(self, scene: Scene) -> dict[str, Any]:
        item_id = store.safe_id(scene.id)
        named = {"product": self.product.name, "collection": self.product.collection_id, "item_id": item_id}
        document = {"document": granule_collection(self.product)} if self.product.is_generic else {}
        return {**named, "notes": list(scene.notes), **document}

    def _folder(self, scene: Scene) -> Path:
        """Return where the catalog has the item."""
        folder = store.item_folder(self.product.collection_id, scene.datetime, store.safe_id(scene.id))
        return Path(self.task.catalog) / folder

    def _target(self, item_id: str) -> Path:
        target = Path(self.task.staging) / item_id
        shutil.rmtree(target, ignore_errors=not target.exists())
        target.mkdir(parents=True)
        return target

    def _absent(self, scene: Scene) -> dict[str, str]:
        """Return the bands that the granule cannot give, whatever is asked of it."""
        if self.task.remote is not None:
            # Only the groups that are asked for were looked at.
            return {name: reason for name, reason in scene.absent.items() if "asked for" not in reason}
        swir = any(band.band.group == "SWIR" for band in scene.bands)
        options = ReadOptions(include_swir_after_cutoff=swir or self.options.include_swir_after_cutoff)
        absent = dict(self.describe(options).absent)
        return absent | {name: reason for name, reason in scene.absent.items() if reason == OUTSIDE}

    def _provenance(self, fingerprint: str, sources: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "processing:software": {"stacaster": __version__, **_versions()},
            "processing:lineage": _lineage(self.product, self.granule.content),
            "stacaster:sources": sources,
            FINGERPRINT: fingerprint,
        }

    def _ready(self, result: dict[str, Any], item: dict[str, Any], target: Path) -> dict[str, Any]:
        (target / f"{item['id']}.json").write_bytes(as_json(item))
        return result | {"status": "ready", "item": item, "folder": str(target)}

    def _write_tables(
        self, scene: Scene, target: Path, classes: Path | None, made: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Write the tables of a track; None when no point is left."""
        from stacaster.ingest.convert import track_strips, tracks

        opened = cast("OpenTracks", self.granule)
        with ExitStack() as stack:
            companion_file = None if classes is None else stack.enter_context(open_tracks(classes))
            written = tracks.write_tracks(
                opened, self.product.tables, target, options=self.options, classes=companion_file
            )
        if not written.rows:
            return None
        geometry, bbox = track_strips.footprint(written.lines)
        properties = dict(scene.properties)
        if self.options.area is not None:
            properties["stacaster:cut_to"] = dict(self.options.area)
        described = replace(scene, notes=(*scene.notes, *written.notes), properties=properties)
        return stac.build_item(self.product, described, assets=written.assets, geometry=geometry, bbox=bbox, **made)

    def _write_bands(
        self,
        scene: Scene,
        target: Path,
        kept: Mapping[str, Path],
        made: Mapping[str, Any],
        assets: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Write the bands that are not kept, pictures and the item.

        Args:
            scene: All bands of the item.
            target: Folder of the item.
            kept: Files of the bands that stay, already in the folder.
            made: Arguments of ``stac.build_item``.
            assets: Descriptions of the bands that stay.
        """
        files = keep_files(self.product, scene, target, made["provenance"]["stacaster:sources"])
        hulls = {band.band.name: HullOf(band.band.nodata) for band in scene.bands}
        jobs = [
            CogJob(
                read=reading(self.granule, band, hulls[band.band.name]),
                path=target / f"{band.band.name}.tif",
                scene_band=band,
            )
            for band in scene.bands
            if band.band.name not in kept
        ]
        bands = WrittenBands(band.band.name for band in scene.bands)
        with ThreadPoolExecutor(1) as pool:
            # Pictures of the bands that are written are made while others are written.
            pictures = pool.submit(write_quicklooks, self.product.renders, bands, target)
            try:
                for name, path in kept.items():
                    bands.add(name, path)
                threads, profile = self.task.threads, self.task.profile
                written = write_cogs(jobs, threads=threads, profile=profile, done=bands.add)
                if scene.footprint is None:
                    for band in scene.bands:
                        if band.band.name in kept:
                            for strip in existing_item.read_strips(band, kept[band.band.name]):
                                hulls[band.band.name].add(strip)
            finally:
                bands.close()
            described = {job.scene_band.band.name: asset for job, asset in zip(jobs, written, strict=True)}
            ordered = [hulls[band.band.name] for band in scene.bands]
            geometry, bbox = _place(scene, ordered, self.granule.content)
            everything = {**assets, **described, **files}
            item = stac.build_item(self.product, scene, assets=everything, geometry=geometry, bbox=bbox, **made)
            item["assets"] |= pictures.result()
        return item


def _place(scene: Scene, hulls: Sequence[HullOf], content: GranuleContent) -> tuple[dict[str, Any], Sequence[float]]:
    """Return footprint and bounding box: what the metadata say, where pixels do not say it themselves."""
    if scene.footprint is not None:
        return dict(scene.footprint), box_around(scene.footprint)
    try:
        return footprint_of([(band.geobox, hull.result()) for band, hull in zip(scene.bands, hulls, strict=True)])
    except georef.GeoreferencingError as error:
        raise ReadError(str(error), granule=content.name) from error


def _lineage(product: Product, content: GranuleContent) -> str:
    names = ", ".join(path.name for path in content.files[:3]) + (" ..." if len(content.files) > 3 else "")
    of = f"{product.short_name} {product.version} ({names})"
    if product.files and not product.bands:
        return f"{of} taken in as it came"
    of += " written north up, unchanged but for fill values, to" if product.is_generic else " copied unchanged to"
    what = "Points of {} GeoParquet" if product.tables else "Pixels of {} one COG per band"
    return f"{what.format(of)} and verified"


def _versions() -> dict[str, str]:
    import rasterio

    return {"gdal": str(rasterio.__gdal_version__)}
