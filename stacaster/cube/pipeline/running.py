"""A plan carried out: at once with threads, or later by Dask, block by block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster import config
from stacaster.cube.lattice import meets
from stacaster.cube.pipeline.blocks import BlockReader, SceneFailedError
from stacaster.cube.pipeline.plan import BandPlan, CubePlan, SceneBand, SlicePlan
from stacaster.geotiff.driver.network import is_remote

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

# Pixels of a cube that one task works on.
_AT_A_TIME = 16 << 20
_FEWEST_ROWS = 256

Progress = Callable[[Iterable[Any]], Iterable[Any]]


class _Piece:
    """Rows of one slice of some bands."""

    def __init__(self, number: int, bands: tuple[BandPlan, ...], rows: slice) -> None:
        self.number, self.bands, self.rows = number, bands, rows


def read_now(plan: CubePlan, *, pool: Any = None, progress: Progress | None = None) -> dict[str, NDArray[Any]]:
    """Return the pixels of a cube by variable.

    Args:
        plan: The cube.
        pool: Threads, or their number.
        progress: Wraps the iteration over what is done.

    Raises:
        SceneFailedError: A file cannot be read, and the driver of the report does not go on.
    """
    shape = (len(plan.slices), *plan.geobox.shape.yx)
    arrays = {name: np.empty(shape, dtype) for name, dtype in plan.layers().items()}
    near = [_near(part, plan.geobox) for part in plan.slices]
    threads = pool if isinstance(pool, int) else config.threads(4)
    if pool is None and any(is_remote(scene.address) for part in near for scene in part.scenes.values()):
        threads = config.requests_at_once(24)
    groups = [plan.bands] if plan.is_joint or _share_masks(near) else [(band,) for band in plan.bands]
    pieces = [
        _Piece(number, bands, rows) for number in range(len(near)) for bands in groups
        for rows in _rows(plan.geobox.shape.yx, len(near) * len(groups), threads)
    ]  # fmt: skip
    failed: set[tuple[int, str]] = set()
    lock = threading.Lock()
    with plan.driver.inner.restore_env(plan.env, plan.state) as ctx:
        reader = BlockReader(plan, ctx, plan.driver.note, failed)

        def work(piece: _Piece) -> None:
            cols = slice(0, plan.geobox.shape.x)
            targets = {name: array[piece.number, piece.rows] for name, array in arrays.items()}
            while True:
                try:
                    reader.fill(near[piece.number], piece.bands, piece.rows, cols, targets)
                except SceneFailedError as error:
                    if not plan.driver.goes_on:
                        raise
                    with lock:
                        failed.add((error.position, error.scene.key))
                else:
                    return

        _run(work, pieces, pool if isinstance(pool, ThreadPoolExecutor) else threads, progress)
        # A scene that failed leaves no pixel, also not in what was read before it did.
        if failed:
            again = [
                piece
                for piece in pieces
                if any(
                    (position, band.key) in failed for position in near[piece.number].positions for band in piece.bands
                )
            ]
            for piece in again:
                work(piece)
    return arrays


def _share_masks(slices: Sequence[SlicePlan]) -> bool:
    """Tell whether bands are masked by the same pixels, so that one task had better work on all of them."""
    return any(step.inputs for part in slices for scene in part.scenes.values() for step in scene.masks)


def _rows(shape: tuple[int, int], parts: int, threads: int) -> list[slice]:
    rows, cols = shape
    wanted = max(-(-rows * cols // _AT_A_TIME), -(-threads // max(parts, 1)))
    step = max(min(_FEWEST_ROWS, rows), -(-rows // wanted))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def _run(
    work: Callable[[_Piece], None], pieces: Sequence[_Piece], pool: ThreadPoolExecutor | int, progress: Progress | None
) -> None:
    shown = progress or (lambda pieces: pieces)
    if isinstance(pool, int) and (pool <= 1 or len(pieces) <= 1):
        for piece in shown(pieces):
            work(piece)
        return
    own = ThreadPoolExecutor(pool) if isinstance(pool, int) else None
    futures = [(own or pool).submit(work, piece) for piece in pieces]  # type: ignore[union-attr]
    try:
        for future in shown(futures):
            future.result()
    finally:
        for future in futures:
            future.cancel()
        if own is not None:
            own.shutdown()


def _near(part: SlicePlan, box: GeoBox) -> SlicePlan:
    """Return a slice without the scenes that cannot reach a grid."""
    kept = {key: scene for key, scene in part.scenes.items() if scene.geobox is None or meets(scene.geobox, box)}
    return replace(part, scenes=kept)


def read_later(plan: CubePlan, chunks: tuple[int, int, int]) -> dict[str, Any]:
    """Return Dask arrays of a cube by variable.

    Args:
        plan: The cube.
        chunks: Times, rows and columns of a block.
    """
    import dask.array as da
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    token = tokenize(plan.driver.name, plan.geobox, chunks)
    times = _spans(len(plan.slices), chunks[0])
    down, across = (_spans(size, step) for size, step in zip(plan.geobox.shape.yx, chunks[1:], strict=True))
    lean = replace(plan, slices=())
    layers = plan.layers()
    groups = [plan.bands] if plan.is_joint else [(band,) for band in plan.bands]
    found = {}
    for bands in groups:
        names = [band.key for band in bands] if not plan.is_joint else list(layers)
        label = f"read-{'-'.join(names)[:60]}-{token}"
        shared = f"{label}-plan"
        graph: dict[Any, Any] = {shared: _Shared(lean, bands)}
        for t, time in enumerate(times):
            parts = tuple(_of_bands(part, bands, plan.geobox) for part in plan.slices[time])
            for y, rows in enumerate(down):
                for x, cols in enumerate(across):
                    inside = tuple(_near_block(part, plan.geobox, rows, cols) for part in parts)
                    checks = _checks(graph, shared, inside, label) if plan.driver.goes_on else []
                    graph[label, t, y, x] = (_block, shared, _Parts(inside), (rows, cols), checks)
        high = HighLevelGraph.from_collections(label, graph, dependencies=[])
        for name in names:
            own = f"{label}-{name}"
            picked: dict[Any, Any] = {(own, t, y, x): (_pick, (label, t, y, x), name) for t in range(len(times))
                      for y in range(len(down)) for x in range(len(across))}  # fmt: skip
            layered = HighLevelGraph({**high.layers, own: picked}, {**high.dependencies, own: {label}})
            sizes = tuple(tuple(span.stop - span.start for span in spans) for spans in (times, down, across))
            found[name] = da.Array(layered, own, sizes, dtype=layers[name])
    return found


class _Shared:
    """What all blocks of a layer need."""

    def __init__(self, plan: CubePlan, bands: tuple[BandPlan, ...]) -> None:
        self.plan, self.bands = plan, bands


class _Parts:
    """Scenes of a block, opaque to Dask."""

    def __init__(self, parts: tuple[SlicePlan, ...]) -> None:
        self.parts = parts


def _spans(size: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, size)) for start in range(0, size, max(step, 1))]


def _of_bands(part: SlicePlan, bands: Sequence[BandPlan], box: GeoBox) -> SlicePlan:
    keys = {band.key for band in bands}
    near = _near(part, box)
    return replace(near, scenes={place: scene for place, scene in near.scenes.items() if place[1] in keys})


def _near_block(part: SlicePlan, box: GeoBox, rows: slice, cols: slice) -> SlicePlan:
    """Return a slice with the scenes whose own grids reach a block; footprints in degrees are no help near 180."""
    return _near(part, box[rows, cols]) if part.scenes else part


def _block(shared: _Shared, parts: _Parts, place: tuple[slice, slice], checks: list[Any]) -> dict[str, NDArray[Any]]:
    plan = shared.plan
    rows, cols = place
    shape = (len(parts.parts), rows.stop - rows.start, cols.stop - cols.start)
    names = plan.layers() if plan.is_joint else {band.key: band.dtype for band in shared.bands}
    arrays = {name: np.empty(shape, dtype) for name, dtype in names.items()}
    failed = {place for place in checks if place is not None}
    with plan.driver.inner.restore_env(plan.env, plan.state) as ctx:
        reader = BlockReader(plan, ctx, plan.driver.note, failed)
        for number, part in enumerate(parts.parts):
            targets = {name: array[number] for name, array in arrays.items()}
            while True:
                try:
                    reader.fill(part, shared.bands, rows, cols, targets)
                except SceneFailedError as error:
                    if not plan.driver.goes_on:
                        raise error_of(error) from None
                    failed.add((error.position, error.scene.key))
                else:
                    break
    return arrays


def _pick(arrays: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    return arrays[name]


def _checks(graph: dict[Any, Any], shared: str, parts: Sequence[SlicePlan], label: str) -> list[Any]:
    """Return the keys of tasks that tell whether the scenes of a block can be read as a whole."""
    keys = []
    for part in parts:
        for (position, band), scene in part.scenes.items():
            key = (f"check-{label}", position, band)
            graph.setdefault(key, (_check, shared, position, _Scene(scene)))
            keys.append(key)
    return keys


class _Scene:
    """A scene, opaque to Dask."""

    def __init__(self, scene: SceneBand) -> None:
        self.scene = scene


def _check(shared: _Shared, position: int, opaque: _Scene) -> tuple[int, str] | None:
    """Read a scene on the whole cube for nothing; return its place when that fails, so that all blocks leave it out."""
    plan, scene = shared.plan, opaque.scene
    band = next(band for band in plan.bands if band.key == scene.key)
    part = SlicePlan(positions=(position,), scenes={(position, scene.key): scene})
    rows_at_a_time = max(1, _AT_A_TIME // max(plan.geobox.shape.x, 1) // 4)
    lean = replace(plan, source=False, n_obs=False, kept_masks=())
    with plan.driver.inner.restore_env(plan.env, plan.state) as ctx:
        reader = BlockReader(lean, ctx, plan.driver.note, set())
        for rows in _spans(plan.geobox.shape.y, rows_at_a_time):
            if scene.geobox is not None and not meets(scene.geobox, plan.geobox[rows, slice(0, plan.geobox.shape.x)]):
                continue
            target = np.empty((rows.stop - rows.start, plan.geobox.shape.x), band.dtype)
            try:
                reader.fill(part, (band,), rows, slice(0, plan.geobox.shape.x), {band.key: target})
            except SceneFailedError as error:
                return error.position, error.scene.key
    return None


def error_of(error: SceneFailedError) -> Exception:
    """Return the error that people see: item, band, file and reason."""
    from stacaster.cube.report import problem_of
    from stacaster.errors import LoadError
    from stacaster.network.http import without_queries

    scene, cause = error.scene, error.__cause__
    reason = problem_of(cause) if cause is not None else "it cannot be read"
    address = without_queries(scene.address)
    return LoadError(f"a file cannot be read: {scene.item_id} {scene.key}: {reason} ({address})", href=address)
