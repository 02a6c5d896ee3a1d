"""Transfers out of a bucket, part by part."""

from __future__ import annotations

from stacaster.access.fetch.control import Cancelled
from stacaster.access.fetch.partial import Partial, State
from stacaster.errors import IntegrityError

_S3_PART = 8 << 20


class S3Transfer(Partial):
    """Out of a bucket, part by part."""

    def _attempt(self, state: State) -> bool:
        found = self._context.buckets.open(self._file.href, credentials_href=self._job.credentials_href)
        total, tag = found.head()
        if self._file.size not in (None, total):
            text = f"{self._file.name}: the bucket holds {total} bytes, but the record says {self._file.size}"
            raise IntegrityError(text, href=self._file.href)
        if state.total is not None and (state.total, state.etag) != (total, tag):
            self._discard(state, fresh=False)
        offset = self._resume_at(state)
        state.total, state.etag = total, tag
        self._write_state(state)
        with self._part.open("ab", buffering=0) as part:
            while offset < total:
                if self._control.stopped.is_set():
                    raise Cancelled
                block = found.read(offset, min(offset + _S3_PART, total))
                part.write(block)
                offset += len(block)
                self._progress(offset, total)
        return True
