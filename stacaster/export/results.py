"""Results as a catalog of their own: one COG a variable and time, one STAC item a time."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.catalog import stac
from stacaster.catalog.commit import StagedItem, commit_items, settle
from stacaster.catalog.store import CatalogStore
from stacaster.config import __version__
from stacaster.cube.selection import moment_of
from stacaster.errors import ExportError
from stacaster.export.made import Progress, ProvenancedCube
from stacaster.export.planes import Plane, grid_of, planes_of, strips_of
from stacaster.files.checksums import multihash
from stacaster.files.names import item_folder, safe_id
from stacaster.geo import georef
from stacaster.geotiff.cog import write_cog
from stacaster.model import Band, CogAsset, SceneBand, as_json, format_datetime

if TYPE_CHECKING:
    import pystac

FORMAT = 1
"""Version of what is written for a result; raised when the same cube would give another item or other pixels."""

_ATTRIBUTES = {
    "citation": "sci:citation", "composite": "stacaster:composite", "weights": "stacaster:weights",
    "input_units": "stacaster:input_units", "constants": "stacaster:constants", "mask_rules": "stacaster:masks",
}  # fmt: skip


def write_results(
    made: ProvenancedCube, root: Path, *, name: str, title: str, progress: Progress | None = None
) -> Path:
    """Write a cube as COGs and STAC items into a catalog, one commit a time.

    Items that are there already, made of the same scenes in the same way, are not computed again: an export that was
    interrupted is finished by the same call.

    Args:
        made: The cube and its scenes.
        root: Folder of the catalog; made when missing, added to when it is one of ours.
        name: Id of the collection.
        title: Title of the collection.
        progress: Called after every picture.

    Returns:
        The folder.

    Raises:
        CatalogError: The folder holds something else.
        SpaceError: The disk is full.
        WriteError: A file cannot be written.
        ExportError: The cube has no grid, or no times and no scenes.
    """
    store = CatalogStore(root)
    store.prepare()
    results = _results(made, name)
    document = collection_of(made, title)
    done, total = 0, sum(len(result.planes) for result in results)
    for result in results:
        place = item_folder(name, result.moment, result.id)
        if _mark_of(root / place / f"{result.id}.json") != result.mark:
            with store.staging() as staging:
                folder = staging / result.id
                folder.mkdir()
                for plane in result.write(folder, (store.root / place).as_posix()):
                    done += 1
                    if progress is not None:
                        progress(done, total, f"{result.id} {plane.name}")
                entry = StagedItem(item=result.document, folder=folder)
                commit_items(store, [entry], documents={name: document})
        else:
            done += len(result.planes)
            if progress is not None:
                progress(done, total, result.id)
    settle(store)
    return root


def stage_results(made: ProvenancedCube, folder: Path, *, home: Path, name: str, grid_code: str) -> dict[str, Any]:
    """Write a cube as folders of COGs and an item each, for a catalog that takes them in later.

    Args:
        made: The cube and its scenes.
        folder: Where to write.
        home: Folder that the catalog will have, for relative links.
        name: Id of the collection.
        grid_code: Name of the tile.

    Returns:
        Document of the collection.

    Raises:
        SpaceError: The disk is full.
        WriteError: A file cannot be written.
    """
    for result in _results(made, name, grid_code):
        place = home / item_folder(name, result.moment, result.id)
        inner = folder / result.id
        inner.mkdir()
        list(result.write(inner, place.as_posix()))
    return collection_of(made, name)


def _results(made: ProvenancedCube, name: str, grid_code: str | None = None) -> list[_Result]:
    grid = grid_of(made.cube)
    planes = list(planes_of(made.cube))
    results = [_Result(made, grid, position, group, name, grid_code) for position, group in _by_time(planes)]
    if len({result.id for result in results}) < len(results):
        raise ExportError("several times of the cube are the same moment, so that their items cannot be told apart")
    return results


def _by_time(planes: Sequence[Plane]) -> Iterator[tuple[int, list[Plane]]]:
    for position in sorted({plane.position for plane in planes}):
        yield position, [plane for plane in planes if plane.position == position]


def _mark_of(path: Path) -> str | None:
    try:
        found: str = json.loads(path.read_text(encoding="utf-8"))["properties"]["stacaster:fingerprint"]
    except (OSError, ValueError, KeyError):
        return None
    return found


class _Result:
    """One item of results: what it is called and what it says."""

    document: dict[str, Any]
    """The STAC item, once it was written."""

    def __init__(
        self, made: ProvenancedCube, grid: Any, position: int, planes: Sequence[Plane], name: str, grid_code: str | None
    ) -> None:
        self._grid, self.planes, self._collection, self._grid_code = grid, planes, name, grid_code
        self._recipe = {key: value for key, value in made.recipe.items() if key != "catalog"}
        self.scenes: Sequence[pystac.Item] = made.scenes[position] if position < len(made.scenes) else ()
        moments = sorted(moment_of(item) for item in self.scenes)
        time = planes[0].time
        if not moments and time is None:
            raise ExportError("a result needs a time: the cube has none, and its scenes are not known")
        self.moment: dt.datetime = moments[0] if time is None else _moment(time)
        self._ends = (moments[0], moments[-1]) if moments else (self.moment, self.moment)
        place = hashlib.sha256(json.dumps([str(grid.crs), list(grid.transform)[:6], list(grid.shape)]).encode())
        fraction = f"{self.moment:%f}".rstrip("0")
        self.id = safe_id(f"{name}-{self.moment:%Y%m%dT%H%M%S}{fraction}-{place.hexdigest()[:8]}")
        known = {
            "format": FORMAT, "id": self.id, "recipe": self._recipe, "sources": self._sources(),
            "bands": {plane.name: _plain(plane.values.attrs) for plane in planes},
        }  # fmt: skip
        self.mark = multihash(hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode()).hexdigest())

    def _sources(self) -> list[dict[str, Any]]:
        """Return the scenes with the checksums of their files."""
        found = []
        for item in self.scenes:
            sums = {key: asset.extra_fields.get("file:checksum") for key, asset in sorted(item.assets.items())}
            found.append({"collection": item.collection_id, "id": item.id, "checksums": sums})
        return found

    def write(self, folder: Path, place: str) -> Iterator[Plane]:
        """Write the COGs, one plane after the other, then the item, whose JSON will lie in ``place``."""
        assets: dict[str, CogAsset] = {}
        for plane in self.planes:
            path = folder / f"{plane.name}.tif"
            # Of a lazy plane some rows at a time are in memory.
            pixels = (plane.read(rows) for rows in strips_of(plane.values)) if plane.values.chunks else plane.read()
            assets[plane.name] = write_cog(pixels, path, scene_band=_scene_band(plane, self._grid))
            yield plane
        self.document = self._item(assets, place)
        (folder / f"{self.id}.json").write_bytes(as_json(self.document))

    def _item(self, assets: Mapping[str, CogAsset], folder: str) -> dict[str, Any]:
        """Return the STAC item whose JSON will lie in a folder."""
        rows, cols = (int(size) for size in self._grid.shape)
        outer = np.array([[0, 0], [cols, 0], [cols, rows], [0, rows]], dtype=float)
        geometry, bbox = georef.footprint([(self._grid, outer)])
        described = {plane.name: self._asset(plane, assets[plane.name]) for plane in self.planes}
        times: dict[str, Any] = {"datetime": format_datetime(self.moment)}
        if self._ends[0] != self._ends[1] or self._ends[0] != self.moment:
            times |= {"start_datetime": format_datetime(self._ends[0]), "end_datetime": format_datetime(self._ends[1])}
        names = sorted({item.collection_id for item in self.scenes if item.collection_id is not None})
        code = {} if self._grid_code is None else {"grid:code": self._grid_code}
        extensions = ["file", "processing", "projection", "raster", *(["grid"] if code else [])]
        return {
            "type": "Feature",
            "stac_version": stac.STAC_VERSION,
            "stac_extensions": stac.extension_uris(extensions),
            "id": self.id,
            "geometry": geometry,
            "bbox": bbox,
            "properties": {
                **times,
                **code,
                "title": self.id,
                "processing:software": {"stacaster": __version__},
                "processing:lineage": f"ProvenancedCube of {len(self.scenes)} scenes of {', '.join(names) or 'a cube'}",
                "stacaster:recipe": _plain(self._recipe),
                "stacaster:scenes": len(self.scenes),
                "stacaster:fingerprint": self.mark,
            },
            "links": [
                {"rel": "root", "href": "../../../catalog.json", "type": "application/json"},
                {"rel": "parent", "href": "../catalog.json", "type": "application/json"},
                {"rel": "collection", "href": "../../collection.json", "type": "application/json"},
                *(_link(item, folder) for item in self.scenes),
            ],
            "assets": described,
            "collection": self._collection,
        }

    def _asset(self, plane: Plane, written: CogAsset) -> dict[str, Any]:
        described = stac.band_asset(_scene_band(plane, self._grid), written)
        attrs = plane.values.attrs
        if "expression" in attrs:
            described["processing:expression"] = {"format": "stacaster", "expression": attrs["expression"]}
        described |= {key: _plain(attrs[name]) for name, key in _ATTRIBUTES.items() if name in attrs}
        if plane.unit is not None:
            described["unit"] = plane.unit
        return described


def _moment(time: np.datetime64) -> dt.datetime:
    return dt.datetime.fromisoformat(str(time.astype("datetime64[us]"))).replace(tzinfo=dt.UTC)


def _link(item: pystac.Item, folder: str) -> dict[str, Any]:
    """Return the link to a source: relative on the same disk, so that both catalogs can be moved together."""
    own = next((link.href for link in item.links if link.rel == "self"), None) or f"{item.id}.json"
    href = own if "://" in own else posixpath.relpath(own, folder)
    return {"rel": "derived_from", "href": href, "type": stac.ITEM_TYPE, "title": item.id}


def _scene_band(plane: Plane, grid: Any) -> SceneBand:
    title = plane.values.attrs.get("long_name") or plane.name
    pixel = abs(grid.transform.a * grid.transform.e - grid.transform.b * grid.transform.d) ** 0.5
    is_number = plane.values.dtype.kind == "f"
    band = Band(
        name=plane.name, description=str(title), data_type=plane.data_type, nodata=plane.nodata, group="result",
        resolution=round(pixel, 9), kind="continuous" if is_number else "categorical", unit=plane.unit,
    )  # fmt: skip
    return SceneBand(band=band, layer=plane.name, geobox=grid)


def collection_of(made: ProvenancedCube, title: str) -> dict[str, Any]:
    """Return the document of the collection that results of a cube belong to."""
    first = {plane.name: plane for plane in planes_of(made.cube)}
    assets, renders = {}, {}
    for key, plane in first.items():
        described: dict[str, Any] = {
            "type": stac.COG_TYPE,
            "title": str(plane.values.attrs.get("long_name") or key),
            "roles": ["data"],
            "data_type": plane.data_type,
            "bands": [{"name": key}],
        }
        if plane.nodata is not None:
            described["nodata"] = stac.nodata_of(plane.nodata)
        assets[key] = described
        shown = plane.values.attrs.get("display_range") or plane.values.attrs.get("valid_range")
        if shown is not None:
            renders[key] = {"title": described["title"], "assets": [key], "rescale": [[float(v) for v in shown]],
                            "colormap_name": "viridis"}  # fmt: skip
    sources = sorted({str(item.collection_id) for group in made.scenes for item in group})
    document = {
        "stac_extensions": stac.extension_uris(["render"] if renders else []),
        "title": title,
        "description": f"{title}, made of {', '.join(sources) or 'a cube'} by stacaster",
        "license": "other",
        "keywords": ["stacaster", *sources],
        "item_assets": assets,
    }
    return document | ({"renders": renders} if renders else {})


def _plain(value: Any) -> Any:
    """Return a value as plain data for JSON."""
    return json.loads(json.dumps(value, default=lambda other: getattr(other, "tolist", lambda: str(other))()))
