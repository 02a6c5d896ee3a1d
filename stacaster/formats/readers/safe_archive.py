"""Zip archives of products in the SAFE format: metadata, and images read where they lie in the archive."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from stacaster.errors import ReadError
from stacaster.formats.archives import check_members, verify_member
from stacaster.formats.granule_files import Closing, only_file
from stacaster.formats.metadata.safe import Annotation, Manifest, parse_annotation, parse_manifest
from stacaster.formats.metadata.sidecars import read_umm_sidecar, verify_against_umm
from stacaster.model import GranuleContent, Layer

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_MEMBER_BYTES = 16 << 30
"""Largest file in an archive; one that declares more is damaged or hostile."""

_MAX_TEXT = 64 << 20
_ROWS = 512


def open_files(files: Sequence[Path]) -> SafeArchive:
    """Open one archive.

    Raises:
        ReadError: There are several files, the archive is damaged, or files that its manifest names are missing.
    """
    return SafeArchive(only_file(files, "a product in the SAFE format is one archive"))


class SafeArchive(Closing):
    """An open archive; see ``model.OpenGranule``. Attributes: ``manifest``, ``annotations`` (by place)."""

    content: GranuleContent

    def __init__(self, path: Path) -> None:
        self._path = path
        record = read_umm_sidecar(path.with_name(f"{path.stem}.cmr.json"))
        if record is not None:
            verify_against_umm(path, record, origin="its .cmr.json sidecar")
        try:
            with zipfile.ZipFile(path) as archive:
                members = [entry for entry in archive.infolist() if not entry.is_dir()]
                check_members(members, path.name, MAX_MEMBER_BYTES)
                self._root = next(e.filename for e in members if e.filename.endswith(".SAFE/manifest.safe"))[:-13]
                self._sizes = {e.filename.removeprefix(self._root): e.file_size for e in members}
                manifest = parse_manifest(self._text(archive, "manifest.safe"))
                self._check(manifest)
                annotations = {name: parse_annotation(self._text(archive, name), name=name) for name in self._notes()}
                if manifest.product_type == "GRD":
                    # Pixels are read without a look at their checksums: this one look is for all of them.
                    for entry in members:
                        verify_member(archive, entry, path.name)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
            text = f"is a damaged zip archive: {error}; download it again"
            raise ReadError(text, granule=path.name) from error
        except ReadError as error:
            raise ReadError(error.message, granule=path.name) from error
        self.content = GranuleContent(
            reader="safe_archive", files=(path,), layers=self._layers(annotations),
            attributes={"manifest": manifest, "annotations": annotations},
            sidecars={} if record is None else {"umm": record},
        )  # fmt: skip

    def read_layer(self, path: str) -> NDArray[Any]:
        """Return all pixels of a layer in their stored type; see ``model.OpenGranule``."""
        import numpy as np

        rows, cols = self.content.layers[path].shape
        return np.concatenate(list(self.strips(path, (slice(0, rows), slice(0, cols)))))

    def strips(self, path: str, window: tuple[slice, slice]) -> Iterator[NDArray[Any]]:
        """Yield rows of a window of an image, some at a time; see ``model.OpenGranule``."""
        rows, cols = window
        try:
            with self._open(path) as dataset:
                for top in range(rows.start, rows.stop, _ROWS):
                    height = min(_ROWS, rows.stop - top)
                    yield dataset.read(1, window=Window(cols.start, top, cols.stop - cols.start, height))
        except RasterioError as error:
            raise ReadError(f"the pixels cannot be read: {error.__cause__ or error}", granule=path) from error

    def _open(self, name: str) -> Any:
        return rasterio.open(f"/vsizip/{{{self._path}}}/{self._root}{name}", driver="GTiff")

    def _text(self, archive: zipfile.ZipFile, name: str) -> str:
        if self._sizes.get(name, 0) > _MAX_TEXT:
            raise ReadError(f"{name} is larger than any metadata file")
        return archive.read(self._root + name).decode("utf-8", "replace")

    def _check(self, manifest: Manifest) -> None:
        """Compare what is there with what the manifest names."""
        for name, (size, _) in manifest.files.items():
            if name not in self._sizes:
                raise ReadError(f"lacks {name}, which its manifest names: it is not whole, download it again")
            if size >= 0 and self._sizes[name] != size:
                raise ReadError(f"{name} has {self._sizes[name]} bytes, but the manifest says {size}")

    def _notes(self) -> list[str]:
        found = [n for n in self._sizes if n.startswith("annotation/") and n.count("/") == 1 and n.endswith(".xml")]
        if not found:
            raise ReadError("holds no annotation")
        return sorted(found)

    def _layers(self, annotations: dict[str, Annotation]) -> dict[str, Layer]:
        """Return the images, which are called like their annotation."""
        found = {}
        for name, note in annotations.items():
            place = f"measurement/{PurePosixPath(name).stem}.tiff"
            if place not in self._sizes:
                raise ReadError(f"lacks {place}, which belongs to {name}", granule=self._path.name)
            try:
                with self._open(place) as dataset:
                    shape, kind = (dataset.height, dataset.width), str(dataset.dtypes[0])
            except RasterioError as error:
                text = f"{place} cannot be opened: {error.__cause__ or error}"
                raise ReadError(text, granule=self._path.name) from error
            if shape != note.shape:
                text = f"{place} has {shape[0]} x {shape[1]} pixels, but {name} says {note.shape[0]} x {note.shape[1]}"
                raise ReadError(text, granule=self._path.name)
            found[place] = Layer(path=place, name=place, group=note.swath, shape=shape, data_type=kind,
                                 attributes={"annotation": note})  # fmt: skip
        return found
