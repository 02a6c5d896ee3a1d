"""Beams of HDF5 files along a track (ICESat-2, GEDI): datasets of one length for each beam, some rows at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from stacaster.formats.granule_files import only_file
from stacaster.formats.hdf5.files import OpenHdf5
from stacaster.model import BEAMS, GEDI_BEAMS, GranuleContent
from stacaster.network.remote import RemoteFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FACTS = ("orbit_info", "ancillary_data")
_MAX_VALUES = 64
_NUMBERS = "iufcb"
# What a file holds where it neither states a fill value nor was created with one: the largest number of the type, which
# no measurement reaches. Whole numbers without a sign have none: 255 is a weight.
_FILLS: dict[str, Any] = {
    "f4": np.float32(3.4028235e38), "f8": np.float64(1.7976931348623157e308), "i1": 127, "i2": 32_767,
    "i4": 2_147_483_647, "i8": 9_223_372_036_854_775_807,
}  # fmt: skip


def open_files(files: Sequence[Path]) -> TrackFile:
    """Open one HDF5 file.

    Raises:
        ReadError: There is more than one file, or the file is damaged or truncated.
    """
    return TrackFile(only_file(files, "an HDF5 granule is one file"))


def open_remote(remote: RemoteFile, groups: Sequence[str] = ()) -> TrackFile:
    """Open an HDF5 file over the network; only what is read is moved.

    Raises:
        ReadError: The file is damaged or no HDF5 file.
        AuthError, FetchError: The provider refuses.
    """
    del groups
    return TrackFile(Path(remote.name), remote)


class TrackFile(OpenHdf5):
    """An open file of tracks; see ``model.OpenTracks``.

    Args:
        path: The file.
        remote: Where its bytes come from, when it is not on this disk.
    """

    content: GranuleContent

    def __init__(self, path: Path, remote: RemoteFile | None = None) -> None:
        super().__init__(path, remote)
        self._variables: dict[str, Mapping[str, tuple[tuple[int, ...], str]]] = {}
        try:
            beams = [name for name in (*BEAMS, *GEDI_BEAMS) if isinstance(self.file.get(name), h5py.Group)]
            self.content = GranuleContent(
                reader="hdf5_tracks", files=(path,), layers={}, groups=dict.fromkeys(beams, "beam"),
                attributes=self._facts(beams),
            )  # fmt: skip
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            self.close()
            raise self.failure("its structure cannot be read", error) from error
        except BaseException:
            self.close()
            raise

    def groups(self) -> Sequence[str]:
        """Return the groups at the top of the file; see ``model.OpenTracks``."""
        top = {name: isinstance(self.file.get(name), h5py.Group) for name in self.file}
        return [*([""] if not all(top.values()) else []), *(name for name, is_group in top.items() if is_group)]

    def variables(self, beam: str) -> Mapping[str, tuple[tuple[int, ...], str]]:
        """Return shape and type of every dataset of a beam; see ``model.OpenTracks``."""
        if beam in self._variables:
            return self._variables[beam]
        found: dict[str, tuple[tuple[int, ...], str]] = {}

        def look(name: str, node: Any) -> None:
            if isinstance(node, h5py.Dataset) and node.shape:
                found[name] = (tuple(int(size) for size in node.shape), node.dtype.str.lstrip("<>|="))

        try:
            if beam:
                self.file[beam].visititems(look)
            else:
                for name, node in self.file.items():
                    look(name, node)
        except (OSError, RuntimeError, KeyError) as error:
            raise self.failure(f"the datasets of {beam} cannot be listed", error) from error
        self._variables[beam] = found
        return found

    def read(self, beam: str, path: str, rows: slice | None = None) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return rows of a dataset, and where they hold no value; see ``model.OpenTracks``."""
        try:
            dataset = self.file[f"{beam}/{path}"]
            whole = tuple(slice(0, size) for size in dataset.shape)
            window = whole if rows is None else (slice(rows.start, min(rows.stop, dataset.shape[0])), *whole[1:])
            if window[0].stop <= window[0].start:
                return np.empty((0, *dataset.shape[1:]), dataset.dtype.newbyteorder("=")), None
            if dataset.dtype.kind not in _NUMBERS:
                return np.asarray(dataset[window[0]]), None
            values = self.chunks.read(dataset, window)
            values = values.astype(values.dtype.newbyteorder("="), copy=False)
            return values, _empty(values, dataset)
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise self.failure(f"{beam}/{path} cannot be read", error) from error

    def text(self, beam: str, path: str) -> tuple[str | None, str | None]:
        """Return description and unit of a dataset; see ``model.OpenTracks``."""
        names = ("long_name", "description", "units")
        try:
            attributes = self.file[f"{beam}/{path}"].attrs
            words = [_plain(attributes[name]) if name in attributes else None for name in names]
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise self.failure(f"the attributes of {beam}/{path} cannot be read", error) from error
        return str(words[0] or words[1] or "") or None, None if words[2] is None else str(words[2])

    def _facts(self, beams: Sequence[str]) -> dict[str, Any]:
        """Return small values that say what the granule is, and the attributes of the beams."""
        found: dict[str, Any] = {"file": {name: _plain(value) for name, value in self.file.attrs.items()}}
        for group in _FACTS:
            inside = self.file.get(group)
            if not isinstance(inside, h5py.Group):
                continue
            for name, dataset in inside.items():
                if isinstance(dataset, h5py.Dataset) and dataset.size is not None and 0 < dataset.size <= _MAX_VALUES:
                    found[f"{group}/{name}"] = _plain(dataset[()])
        spans = [self.file[f"{beam}/delta_time"][...] for beam in beams if beam in GEDI_BEAMS and
                 f"{beam}/delta_time" in self.file]  # fmt: skip
        ends = [float(part) for values in spans if values.size for part in (values.min(), values.max())]
        found |= {"span": [min(ends), max(ends)]} if ends else {}
        inside = {name for beam in beams for name in self.file[beam]}
        found["inside"] = sorted(inside)
        found["beams"] = {
            beam: {name: _plain(value) for name, value in self.file[beam].attrs.items()} for beam in beams
        }
        return found


def _empty(values: NDArray[Any], dataset: h5py.Dataset) -> NDArray[Any] | None:
    """Return where there is no value, or None where there is one everywhere."""
    if values.dtype.kind not in "iuf":
        return None
    stated = dataset.attrs.get("_FillValue")
    fill: Any = None if stated is None else np.asarray(stated).ravel()[0]
    if fill is None:
        # The value that a file was created with is a fill only where someone chose one.
        made = dataset.fillvalue
        is_chosen = made is not None and np.ndim(made) == 0 and made != 0
        fill = made if is_chosen else _FILLS.get(values.dtype.str[1:])
    none = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
    if fill is not None:
        none |= values == np.asarray(fill).astype(values.dtype)
    return none if none.any() else None


def _plain(value: Any) -> Any:
    """Return a value of HDF5 as text, number or list of such."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 ")
    if isinstance(value, np.ndarray):
        found = [_plain(part) for part in value.ravel().tolist()]
        return found[0] if len(found) == 1 else found
    return value.item() if isinstance(value, np.generic) else value
