"""Write points as GeoParquet 1.1, row group by row group, and compare the file with what was written.

Source: GeoParquet specification 1.1.0 (metadata, ``covering`` by a struct of bounds).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stacaster.errors import SpaceError, WriteError, is_space_error
from stacaster.files.checksums import digest_file, multihash

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

GROUP_ROWS = 1 << 17
"""Rows of a row group: what a search in space reads at least."""

REPEATED = frozenset({"spot", "rgt", "cycle", "region", "podppd_flag", "segment_id"})
"""Columns that are written with a dictionary."""

_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")])


def points_as_wkb(x: NDArray[Any], y: NDArray[Any]) -> pa.BinaryArray:
    """Return points as well-known binary, without an object for each."""
    rows = np.empty(x.size, dtype=_POINT)
    rows["order"], rows["kind"], rows["x"], rows["y"] = 1, 1, x, y
    offsets = np.arange(0, (x.size + 1) * _POINT.itemsize, _POINT.itemsize, dtype=np.int32)
    return pa.Array.from_buffers(pa.binary(), x.size, [None, pa.py_buffer(offsets), pa.py_buffer(rows)])


def bounds_struct(x: NDArray[Any], y: NDArray[Any]) -> pa.StructArray:
    """Return the bounds of points as a struct of float32, rounded outwards."""
    parts = []
    for values, way in ((x, -np.inf), (y, -np.inf), (x, np.inf), (y, np.inf)):
        near = values.astype(np.float32)
        wrong = near > values if way < 0 else near < values
        parts.append(pa.array(np.where(wrong, np.nextafter(near, np.float32(way)), near)))
    return pa.StructArray.from_arrays(parts, names=["xmin", "ymin", "xmax", "ymax"])


class PointWriter:
    """Writes a GeoParquet file of points; a context manager. Nothing stays behind when it fails.

    Args:
        path: File to write; replaced when it exists.
        schema: Columns beside ``geometry`` and ``bbox``.
        epsg: CRS of the points.
        metadata: Further metadata of the file.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, epsg: int, metadata: Mapping[str, str] | None = None) -> None:
        self.path, self.rows = path, 0
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self._bounds = [np.inf, np.inf, -np.inf, -np.inf]
        self._digest = hashlib.sha256()
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="hash")
        self._epsg = epsg
        bounds = pa.struct([(name, pa.float32()) for name in ("xmin", "ymin", "xmax", "ymax")])
        whole = schema.append(pa.field("bbox", bounds)).append(pa.field("geometry", pa.binary()))
        self._schema = whole.with_metadata(dict(metadata or {}))
        # What repeats itself: names, and the small numbers that all points of a beam share.
        words = [field.name for field in schema if pa.types.is_string(field.type) or field.name in REPEATED]
        # Bytes of one rank side by side: places along a track share most of them.
        split = [field.name for field in schema if pa.types.is_float64(field.type)]
        self._writer = pq.ParquetWriter(
            self._part, self._schema, compression="zstd", compression_level=1, use_dictionary=words or False,
            use_byte_stream_split=[*split, *(f"bbox.{part.name}" for part in bounds)], version="2.6",
        )  # fmt: skip

    def __enter__(self) -> PointWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hashing.shutdown(wait=True, cancel_futures=True)
        self._writer.close()
        self._part.unlink(missing_ok=True)

    def add(self, columns: Sequence[pa.Array], x: NDArray[Any], y: NDArray[Any]) -> None:
        """Write rows.

        Args:
            columns: Arrays in the order of the schema.
            x: Longitudes.
            y: Latitudes.

        Raises:
            WriteError: They cannot be written.
            SpaceError: The disk is full.
        """
        if not x.size:
            return
        self._bounds = [min(self._bounds[0], x.min()), min(self._bounds[1], y.min()),
                        max(self._bounds[2], x.max()), max(self._bounds[3], y.max())]  # fmt: skip
        table = pa.Table.from_arrays([*columns, bounds_struct(x, y), points_as_wkb(x, y)], schema=self._schema)
        hashed = self._hashing.submit(_update, self._digest, table.to_batches(GROUP_ROWS))
        try:
            self._writer.write_table(table, row_group_size=GROUP_ROWS)
        except (OSError, pa.ArrowException) as error:
            kind = SpaceError if is_space_error(error) else WriteError
            raise kind(f"{self.path.name} cannot be written: {error}", href=self.path.name) from error
        hashed.result()
        self.rows += x.size

    def finish(self) -> tuple[int, str]:
        """Complete the file, read it back, compare, and put it into place.

        Returns:
            Bytes, and multihash (sha2-256) of the file.

        Raises:
            WriteError: The file is not what was written.
            SpaceError: The disk is full.
        """
        try:
            self._writer.add_key_value_metadata({"geo": json.dumps(self._geo())})
            self._writer.close()
            again = hashlib.sha256()
            with pq.ParquetFile(self._part) as file:
                count = 0
                waiting: Future[None] = self._hashing.submit(lambda: None)
                for number in range(file.num_row_groups):
                    # The next group is read while this one is hashed.
                    group = file.read_row_group(number)
                    waiting.result()
                    waiting = self._hashing.submit(_update, again, group.combine_chunks().to_batches())
                    count += group.num_rows
                waiting.result()
            if count != self.rows or again.digest() != self._digest.digest():
                raise WriteError(f"{self.path.name} is not what was written", href=self.path.name)
            digest = hashlib.sha256()
            size = digest_file(self._part, digest)
            self._part.replace(self.path)
        except (OSError, pa.ArrowException) as error:
            kind = SpaceError if is_space_error(error) else WriteError
            raise kind(f"{self.path.name} cannot be written: {error}", href=self.path.name) from error
        return size, multihash(digest.hexdigest())

    def _geo(self) -> dict[str, Any]:
        from pyproj import CRS

        covering = {name: ["bbox", name] for name in ("xmin", "ymin", "xmax", "ymax")}
        column = {
            "encoding": "WKB", "geometry_types": ["Point"], "crs": CRS.from_epsg(self._epsg).to_json_dict(),
            "bbox": [float(value) for value in self._bounds], "covering": {"bbox": covering},
        }  # fmt: skip
        return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def _update(digest: Any, batches: Iterable[pa.RecordBatch]) -> None:
    """Add the values of batches to a hash; what lies under a null does not count."""
    for batch in batches:
        for column in batch.columns:
            _column(digest, column)


def _column(digest: Any, column: pa.Array) -> None:
    if column.null_count:
        digest.update(np.packbits(column.is_null().to_numpy(zero_copy_only=False)).data)
    if pa.types.is_struct(column.type):
        for part in column.flatten():
            _column(digest, part)
    elif pa.types.is_fixed_size_list(column.type):
        _column(digest, column.flatten() if not column.null_count else column.drop_null().flatten())
    elif pa.types.is_binary(column.type) or pa.types.is_string(column.type) or pa.types.is_dictionary(column.type):
        plain = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        offsets = np.frombuffer(plain.buffers()[1], dtype=np.int32)[plain.offset : plain.offset + len(plain) + 1]
        digest.update(np.diff(offsets).data)
        digest.update(memoryview(plain.buffers()[2])[offsets[0] : offsets[-1]])
    else:
        present = column.drop_null() if column.null_count else column
        digest.update(np.ascontiguousarray(present.to_numpy(zero_copy_only=False)).view(np.uint8).data)
