"""From a catalog and a recipe to tasks: which scenes which tile needs, and what that costs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.catalog import open_catalog
from stacaster.config import __version__, catalog_place
from stacaster.errors import CatalogError, NothingFoundError
from stacaster.files.atomic import complete_file
from stacaster.geo.area_input import Place, read_place
from stacaster.model.checked import checked
from stacaster.tiles.grids import Grid, MgrsGrid, Tile, make_grid
from stacaster.tiles.ledger import Ledger
from stacaster.tiles.recipe import Recipe, read_recipe
from stacaster.tiles.scenes import Scenes
from stacaster.tiles.zarr_region import plan_layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = 1
"""Version of what a task computes; raised when the same recipe would give other files."""

RUN, TASKS, LEDGER, OUTPUTS = "run.json", "tasks.ndjson", "ledger.sqlite", "tiles"

_RATE = 8e6
"""Input pixels a second and process, from file to written tile: ``scripts/bench tiles``, 780 million in 95 s."""
_PIXELS_A_DEGREE = 120_000
"""Pixels of a metre that a degree has in grids of degrees: 30 m are 1/4000 degree, 90 m are 1/1300."""
_WHOLE = 1e-6
_WORK_BYTES = 16
"""Bytes that an input pixel takes while a tile is computed."""


@dataclass(frozen=True, kw_only=True)
class TilePlan:
    """A plan of tiles."""

    recipe: Recipe
    """What is computed."""
    grid: Grid | MgrsGrid
    """Where."""
    catalog: str
    """Folder of the catalog."""
    tasks: Sequence[Mapping[str, Any]]
    """One a tile with scenes: ``tile``, ``items`` (pairs of collection and id), ``fingerprint`` and what it costs."""
    without: int
    """Tiles without any scene."""
    layout: Mapping[str, Any] | None = None
    """Of a Zarr: where the pixels of all tiles lie."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """The area, as it was asked for."""

    @property
    def estimates(self) -> dict[str, Any]:
        """What the run will cost: scenes, pixels to read, bytes to write, memory of a worker, hours of one process."""
        pixels = [int(task["pixels"]) for task in self.tasks]
        return {
            "tiles": len(self.tasks),
            "tiles_without_scenes": self.without,
            "scenes_read": sum(len(task["items"]) for task in self.tasks),
            "input_pixels": sum(pixels),
            "output_bytes_uncompressed": sum(int(task["bytes"]) for task in self.tasks),
            "memory_of_a_worker_bytes": max((int(task["memory"]) for task in self.tasks), default=0),
            "core_hours": round(sum(pixels) / _RATE / 3600, 3),
        }

    def __repr__(self) -> str:
        return f"<TilePlan: {len(self.tasks)} tiles of {self.grid.pixels} x {self.grid.pixels} in {self.grid.crs}>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{key}</td><td>{value:,}</td></tr>" for key, value in self.estimates.items())
        return f"<p>{repr(self)[1:-1]}</p><table>{rows}</table>"

    def write(self, output: str | os.PathLike[str]) -> Path:
        """Write the plan into the folder of a run, and take it into its ledger.

        Tiles that were done and whose scenes and settings did not change stay done.

        Args:
            output: Folder; made when missing.

        Returns:
            The folder.

        Raises:
            CatalogError: The folder holds something else, or results of another recipe.
            ExportError: A file cannot be written.
        """
        folder = Path(output)
        self._check(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with complete_file(folder / TASKS) as part, part.open("w", encoding="utf-8") as file:
            for task in self.tasks:
                file.write(json.dumps(task, separators=(",", ":")) + "\n")
        document = {
            "format": FORMAT,
            "software": {"stacaster": __version__, **software_versions()},
            "catalog": _relative(self.catalog, folder),
            "recipe": self.recipe.to_dict(),
            "area": dict(self.asked),
            "grid": {"crs": self.grid.crs, "tile_size": self.grid.tile_size, "resolution": self.grid.resolution},
            "estimates": self.estimates,
        }
        if self.layout is not None:
            document["layout"] = self.layout
        with complete_file(folder / RUN) as part:
            part.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        Ledger(folder / LEDGER).plan((str(task["tile"]["id"]), str(task["fingerprint"])) for task in self.tasks)
        return folder

    def _check(self, folder: Path) -> None:
        if not folder.exists():
            return
        if not folder.is_dir() or (any(folder.iterdir()) and not (folder / RUN).exists()):
            raise CatalogError(f"{folder.name} holds something else; name a new folder for the run")
        if (folder / RUN).exists():
            known = read_run(folder)
            other = {key: known["recipe"].get(key) for key in ("grid", "tile_size", "resolution", "format", "name")}
            mine = {key: self.recipe.to_dict().get(key) for key in other}
            if other != mine:
                raise CatalogError(f"{folder.name} holds tiles of another grid or format; name a new folder")


def _relative(catalog: str, folder: Path) -> str:
    return catalog if "://" in catalog else os.path.relpath(catalog, folder)


def read_run(folder: Path) -> dict[str, Any]:
    """Return what ``run.json`` says.

    Raises:
        CatalogError: The folder holds no run.
    """
    try:
        found: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogError(f"{folder.name} holds no run of tiles; 'stacaster tiles plan' makes one") from error
    return found


def read_tasks(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the tasks of a run."""
    with (folder / TASKS).open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


@checked
def plan_tiles(
    recipe: Recipe | Mapping[str, Any] | str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    bbox: str | Sequence[float] | None = None,
    region: str | None = None,
    intersects: Any | None = None,
) -> TilePlan:
    """Say which scenes which tile needs; nothing is read but the item table.

    Args:
        recipe: What is to be computed, as for ``read_recipe``.
        catalog: Folder of the catalog.
        bbox: West, south, east, north in degrees.
        region: Named region.
        intersects: Polygons, or a file with such. Without any of these the tiles are those around the scenes.

    Raises:
        NothingFoundError: No scene fits.
        UsageError: An argument is wrong.
    """
    recipe = read_recipe(recipe)
    opened = open_catalog(catalog_place(catalog))
    scenes = Scenes(opened, recipe)
    if recipe.resolution is None:
        recipe = replace(recipe, resolution=_default_pixel(recipe, scenes))
    place = read_place(bbox=bbox, region=region, intersects=intersects, needs_area=True)
    area = place.geometry if place.geometry is not None else scenes.area()
    grid = make_grid(recipe.grid, tile_size=recipe.tile, resolution=recipe.pixel, area=area)
    tiles = grid.covering(area)
    found = scenes.of(tiles)
    used = [(tile, numbers) for tile, numbers in zip(tiles, found, strict=True) if numbers.size]
    if not used:
        raise NothingFoundError(f"no scene of {opened.name} lies in the {len(tiles)} tiles")
    layout = None
    if recipe.format == "zarr":
        every = np.unique(np.concatenate([numbers for _, numbers in used]))
        layout = plan_layout(recipe, grid, [tile for tile, _ in used], scenes.times[every])
    known = {key: value for key, value in recipe.to_dict().items() if key != "name"}
    settings = json.dumps([FORMAT, known, recipe.title, __version__, *([layout] if layout else [])], sort_keys=True)
    tasks = [_task(recipe, scenes, tile, numbers, settings) for tile, numbers in used]
    address = opened.root.as_posix() if opened.objects is None else str(opened.objects.address)
    return TilePlan(
        recipe=recipe, grid=grid, catalog=address, tasks=tasks, without=len(tiles) - len(tasks), layout=layout,
        asked=_asked(place, region if intersects is None else None),
    )  # fmt: skip


def _default_pixel(recipe: Recipe, scenes: Scenes) -> float:
    """Return the pixel size of a grid; where the coarsest band has larger ones that fill a tile, theirs."""
    size = scenes.pixel_size()
    if size is None:
        return recipe.pixel
    if recipe.grid == "degree":
        # A whole number of hundreds of pixels a degree, so that tiles of degrees hold whole pixels.
        size = 1 / max(100, round(_PIXELS_A_DEGREE / size / 100) * 100)
    pixels = recipe.tile / size
    is_whole = recipe.grid == "mercator" or abs(pixels - round(pixels)) < _WHOLE * pixels
    return max(recipe.pixel, size) if is_whole else recipe.pixel


def _asked(place: Place, region: str | None) -> dict[str, Any]:
    """Return the area as plain data: no file of this machine, but what was in it."""
    if place.area is not None:
        return {"intersects": dict(place.area)}
    if place.bbox is None:
        return {}
    return {"bbox": list(place.bbox)} if region is None else {"region": region}


def software_versions() -> dict[str, str]:
    """Return versions of what reads, warps and computes."""
    from importlib.metadata import version

    import rasterio

    return {"gdal": str(rasterio.__gdal_version__), **{name: version(name) for name in ("numpy", "odc-stac", "xarray")}}


def _task(recipe: Recipe, scenes: Scenes, tile: Tile, numbers: NDArray[np.int64], settings: str) -> dict[str, Any]:
    area_pixels = tile.pixels * tile.pixels
    variables = len(recipe.index) or len(scenes.bands)
    times = 1 if recipe.composite and recipe.period is None else int(numbers.size)
    mark = hashlib.sha256(settings.encode())
    for number in numbers:
        mark.update(scenes.mark(number).encode())
    return {
        "tile": tile.to_dict(),
        "items": [scenes.key(number) for number in numbers],
        "fingerprint": mark.hexdigest(),
        "pixels": int(numbers.size) * len(scenes.bands) * area_pixels,
        "bytes": times * variables * area_pixels * 4,
        "memory": int(numbers.size) * len(scenes.bands) * area_pixels * _WORK_BYTES,
    }
