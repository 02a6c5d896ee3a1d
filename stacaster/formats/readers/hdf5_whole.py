"""HDF5 files that are kept whole: what they are, and the orbit. No image is read."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from stacaster.errors import ReadError
from stacaster.formats.granule_files import only_file
from stacaster.formats.hdf5.files import OpenHdf5, identification, plain
from stacaster.formats.metadata.sidecars import read_umm_sidecar, verify_against_umm
from stacaster.model import GranuleContent, StateVector

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EPOCH = re.compile(r"seconds since (\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)")
_MOST = 10_000


def open_files(files: Sequence[Path]) -> WholeHdf5:
    """Open one HDF5 file.

    Raises:
        ReadError: There is more than one file, or the file is damaged or truncated.
    """
    return WholeHdf5(only_file(files, "an HDF5 granule is one file"))


class WholeHdf5(OpenHdf5):
    """An open HDF5 file; see ``model.OpenGranule``. Attributes: ``identification/*`` and ``orbit``."""

    content: GranuleContent

    def __init__(self, path: Path) -> None:
        record = read_umm_sidecar(path.with_name(f"{path.stem}.cmr.json"))
        if record is not None:
            verify_against_umm(path, record, origin="its .cmr.json sidecar")
        super().__init__(path)
        try:
            self.content = GranuleContent(
                reader="hdf5_whole", files=(path,), layers={}, groups=self._products(),
                attributes={**identification(self.file), "orbit": self._orbit()},
                sidecars={} if record is None else {"umm": record},
            )  # fmt: skip
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            self.close()
            raise self.failure("its structure cannot be read", error) from error

    def read_layer(self, path: str) -> NDArray[Any]:
        """Raise: no layer is offered."""
        raise ReadError("the images of this file are not read", granule=path)

    def read_part(self, path: str, part: tuple[int | slice, ...]) -> NDArray[Any]:
        """Return a part of a layer; see ``model.OpenGranule``."""
        pixels: NDArray[Any] = self.read_layer(path)[part]
        return pixels

    def strips(self, path: str, _: tuple[slice, slice]) -> Iterator[NDArray[Any]]:
        """Raise: no layer is offered."""
        raise ReadError("the images of this file are not read", granule=path)

    def _products(self) -> dict[str, str]:
        science = self.file.get("science")
        bands = [band for band in science.values() if isinstance(band, h5py.Group)] if science is not None else []
        return {
            f"{band.name.strip('/')}/{name}": "product" for band in bands for name in band
            if isinstance(band[name], h5py.Group)
        }  # fmt: skip

    def _orbit(self) -> tuple[StateVector, ...]:
        """Return the state vectors; none where the file has none."""
        for name in self._products():
            orbit = self.file.get(f"{name}/metadata/orbit")
            if isinstance(orbit, h5py.Group) and {"time", "position", "velocity"} <= set(orbit):
                return _vectors(orbit)
        return ()


def _vectors(orbit: h5py.Group) -> tuple[StateVector, ...]:
    match = _EPOCH.match(str(plain(orbit["time"].attrs.get("units", b""))))
    if match is None or orbit["time"].size > _MOST:
        return ()
    epoch = dt.datetime.fromisoformat(match[1]).replace(tzinfo=dt.UTC)
    seconds = np.asarray(orbit["time"][()], dtype="float64")
    places, speeds = (np.asarray(orbit[name][()], dtype="float64") for name in ("position", "velocity"))
    rows = zip(seconds, places, speeds, strict=True)
    return tuple(StateVector(epoch + dt.timedelta(seconds=float(s)), tuple(p), tuple(v)) for s, p, v in rows)
