"""One granule to verified COGs and an item, inside a worker process. Nothing is registered here."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stacaster.ingest.convert.source import describe_sources
from stacaster.ingest.convert.task import ConvertTask


def convert(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Convert one granule; runs in a worker process, so that argument and result are plain data.

    Args:
        payload: A ``ConvertTask``.

    Returns:
        ``status`` (``ready``, ``skipped`` or ``planned``), ``product``, ``collection``, ``item_id``, ``notes``; for
        ``ready`` also ``item`` and ``folder``, the staged item folder.

    Raises:
        ReadError: The granule cannot be read or has no product.
        WriteError: A COG is not what it should be.
    """
    task = ConvertTask.from_json(payload)
    with ThreadPoolExecutor(1) as pool:
        # Hashing needs no package: it runs while a new worker imports the raster packages.
        sources = pool.submit(describe_sources, task)
        from stacaster.ingest.convert.granule import convert_granule

        return convert_granule(task, sources)
