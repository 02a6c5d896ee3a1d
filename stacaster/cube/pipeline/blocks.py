"""A block of a cube: source pixels, masks, units, resampling, fusion. Eager and lazy cubes are made by this alone."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from stacaster.cube.pipeline.plan import (
    COUNT,
    MASK_PREFIX,
    SOURCE,
    BandPlan,
    CubePlan,
    SceneBand,
    SlicePlan,
    safe_name,
)
from stacaster.cube.pipeline.scene_block import SceneBlock, fill_of, plain_words, tells_nothing
from stacaster.cube.pipeline.shared_files import SharedFiles
from stacaster.geotiff.driver.codecs import DamagedTileError
from stacaster.geotiff.odc_private import nodata_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

Note: TypeAlias = "Callable[[SceneBand, str | None, str | None], None]"
"""Told of one file: what is wrong, and why rasterio read it."""


class SceneFailedError(Exception):
    """A file cannot be read.

    Args:
        position: Position of the item.
        scene: The band.
    """

    def __init__(self, position: int, scene: SceneBand) -> None:
        super().__init__(position, scene.key)
        self.position, self.scene = position, scene


class BlockReader:
    """Makes blocks of one cube.

    Args:
        plan: The cube.
        ctx: What the readers of a load share, of the driver.
        note: Told of each file.
        failed: Positions and keys of what is left out, as it could not be read.
    """

    def __init__(self, plan: CubePlan, ctx: Any, note: Note, failed: Collection[tuple[int, str]]) -> None:
        self._plan, self._ctx, self._note, self._failed = plan, ctx, note, failed

    def fill(
        self,
        part: SlicePlan,
        bands: Collection[BandPlan],
        rows: slice,
        cols: slice,
        targets: Mapping[str, NDArray[Any]],
    ) -> None:
        """Write some rows and columns of one slice.

        Args:
            part: The slice.
            bands: Bands to write.
            rows: Rows of the cube.
            cols: Columns.
            targets: Arrays by variable; everything in them is written.

        Raises:
            SceneFailedError: A file cannot be read; the cause says why.
        """
        with SharedFiles(self._plan.env) as shared:
            if self._plan.is_joint:
                self._fill_jointly(part, rows, cols, targets, shared)
            else:
                for band in bands:
                    self._fill_band(part, band, rows, cols, targets[band.key], shared)
            for scene, fallback in shared.looked_at.values():
                self._note(scene, None, plain_words(fallback))

    def _scenes(self, part: SlicePlan, band: BandPlan) -> list[tuple[int, SceneBand]]:
        return [turned for position in part.positions for turned in self._turned(part, position, band)]

    def _turned(self, part: SlicePlan, position: int, band: BandPlan) -> list[tuple[int, SceneBand]]:
        """Return a scene once for each turn of longitudes that brings it to the cube; mostly once."""
        scene = part.scenes.get((position, band.key))
        if scene is None or (position, band.key) in self._failed:
            return []
        if len(scene.turns) == 1:
            return [(position, scene)]
        return [(position, replace(scene, turns=(turn,))) for turn in scene.turns]

    def _fill_band(
        self, part: SlicePlan, band: BandPlan, rows: slice, cols: slice, target: NDArray[Any], shared: SharedFiles
    ) -> None:
        scenes = self._scenes(part, band)
        if band.fuser is not None or (len(scenes) > 1 and not tells_nothing(band)):
            self._merge_band(scenes, band, rows, cols, target, shared)
            return
        by_rasterio: set[int] = set()
        while not self._filled(scenes, band, rows, cols, target, shared, by_rasterio):
            pass

    def _filled(
        self, scenes: list[tuple[int, SceneBand]], band: BandPlan, rows: slice, cols: slice, target: NDArray[Any],
        shared: SharedFiles, by_rasterio: set[int],
    ) -> bool:  # fmt: skip
        """Try to write, the first valid value first; False when a file turned out to be damaged on the way."""
        is_empty = True
        for position, scene in scenes:
            work = SceneBlock(self._plan, self._ctx, scene, band, (rows, cols), shared)
            try:
                if work.read(target, keep=not is_empty, by_rasterio=position in by_rasterio):
                    is_empty = False
                    self._note(scene, None, work.fallback)
            except DamagedTileError as error:
                if position in by_rasterio or not work.is_plain:
                    raise self._failure(position, scene, error, work) from error
                by_rasterio.add(position)
                return False
            except Exception as error:
                if work.is_damaged and position not in by_rasterio:
                    by_rasterio.add(position)
                    return False
                raise self._failure(position, scene, error, work) from error
        if is_empty:
            target[...] = band.outside
        return True

    def _failure(self, position: int, scene: SceneBand, error: Exception, work: SceneBlock) -> SceneFailedError:
        from stacaster.cube.report import problem_of

        self._note(scene, problem_of(error), work.fallback)
        return SceneFailedError(position, scene)

    def _temporary(
        self, position: int, scene: SceneBand, band: BandPlan, rows: slice, cols: slice, shared: SharedFiles
    ) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
        """Return one scene alone, and where it has a value; None when it has none in the block."""
        shape = (rows.stop - rows.start, cols.stop - cols.start)
        values = np.empty(shape, dtype=band.dtype)
        for by_rasterio in (False, True):
            work = SceneBlock(self._plan, self._ctx, scene, band, (rows, cols), shared)
            try:
                if not work.read(values, keep=False, by_rasterio=by_rasterio):
                    return None
                self._note(scene, None, work.fallback)
                valid = work.covered() if not tells_nothing(band) else ~nodata_mask(values, fill_of(band))
            except Exception as error:
                if work.is_damaged and not by_rasterio:
                    continue
                raise self._failure(position, scene, error, work) from error
            else:
                return (values, valid) if valid.any() else None
        raise AssertionError("read by rasterio or failed")

    def _merge_band(
        self, scenes: list[tuple[int, SceneBand]], band: BandPlan, rows: slice, cols: slice, target: NDArray[Any],
        shared: SharedFiles,
    ) -> None:  # fmt: skip
        target[...] = band.outside
        written = np.zeros(target.shape, dtype=bool)
        for position, scene in scenes:
            found = self._temporary(position, scene, band, rows, cols, shared)
            if found is not None:
                _merge(band, target, written, *found)

    def _fill_jointly(
        self, part: SlicePlan, rows: slice, cols: slice, targets: Mapping[str, NDArray[Any]], shared: SharedFiles
    ) -> None:
        """Write all bands scene by scene, and what is said of each scene's pixels."""
        plan = self._plan
        shape = (rows.stop - rows.start, cols.stop - cols.start)
        written = {}
        for band in plan.bands:
            targets[band.key][...] = band.outside
            written[band.key] = np.zeros(shape, dtype=bool)
        for name, empty in ((SOURCE, -1), (COUNT, 0)):
            if name in targets:
                targets[name][...] = empty
        for name in plan.kept_masks:
            targets[MASK_PREFIX + safe_name(name)][...] = False
        for position in part.positions:
            has_value = self._add_scene(part, position, (rows, cols), targets, written, shared)
            if COUNT in targets:
                targets[COUNT][...] += has_value
            if SOURCE in targets:
                np.copyto(targets[SOURCE], np.int32(position), where=has_value & (targets[SOURCE] < 0))

    def _add_scene(
        self, part: SlicePlan, position: int, block: tuple[slice, slice], targets: Mapping[str, NDArray[Any]],
        written: Mapping[str, NDArray[np.bool_]], shared: SharedFiles,
    ) -> NDArray[np.bool_]:  # fmt: skip
        """Write all bands of one scene where nothing is yet, and return where any of them has a value."""
        plan = self._plan
        has_value = np.zeros((block[0].stop - block[0].start, block[1].stop - block[1].start), dtype=bool)
        for band in plan.bands:
            for _, scene in self._turned(part, position, band):
                found = self._temporary(position, scene, band, *block, shared)
                if found is not None:
                    has_value |= found[1]
                    _merge(band, targets[band.key], written[band.key], *found)
                for step in scene.masks:
                    if step.name in plan.kept_masks:
                        kept = targets[MASK_PREFIX + safe_name(step.name)]
                        kept |= SceneBlock(plan, self._ctx, scene, band, block, shared).mask(step)
        return has_value


def _merge(
    band: BandPlan, target: NDArray[Any], written: NDArray[np.bool_], values: NDArray[Any], valid: NDArray[np.bool_]
) -> None:
    if band.fuser is not None:
        module, _, name = band.fuser.rpartition(".")
        getattr(importlib.import_module(module), name)(target, values)
        return
    np.copyto(target, values, where=valid & ~written)
    written |= valid
