"""Files of a granule that go into the catalog as they are, and the items of granules that are not converted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stacaster.errors import ReadError, SpaceError, WriteError, is_space_error
from stacaster.files.checksums import digest_file, multihash
from stacaster.files.system.disk import link_or_copy
from stacaster.model import FileAsset, Product, Scene


def keep_files(
    product: Product, scene: Scene, target: Path, sources: Sequence[Mapping[str, Any]]
) -> dict[str, FileAsset]:
    """Put the files that an item holds beside it; on one file system they are linked, so that they take no space.

    Args:
        product: Says what the files are.
        scene: Says where they lie.
        target: Folder of the item.
        sources: Name, size and checksum of the files of the granule.

    Returns:
        One asset a file, by key.

    Raises:
        ReadError: A file changed while it was read.
        WriteError: One cannot be written.
        SpaceError: The disk is full.
    """
    known = {str(source["name"]): source for source in sources}
    kinds = {kind.key: kind for kind in product.files}
    found = {}
    for key, path in scene.files.items():
        source, place = known[path.name], target / path.name
        try:
            is_copy = not link_or_copy(path, place)
            size = place.stat().st_size
        except OSError as error:
            kind = SpaceError if is_space_error(error) else WriteError
            raise kind(f"{path.name} cannot be taken in: {error.strerror or error}", href=path.name) from error
        if size != source["size"] or (is_copy and _checksum(place) != source["checksum"]):
            raise ReadError("changed while it was read", granule=path.name)
        found[key] = FileAsset(path=place, size=size, checksum=str(source["checksum"]), kind=kinds[key])
    return found


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    digest_file(path, digest)
    return multihash(digest.hexdigest())


def touches(scene: Scene, area: Mapping[str, Any]) -> bool:
    """Tell whether the outline of a scene meets an area, both GeoJSON in degrees."""
    import shapely

    if scene.footprint is None:
        return True
    shapes = [shapely.make_valid(shapely.geometry.shape(dict(part))) for part in (scene.footprint, area)]
    return bool(shapes[0].intersects(shapes[1]))
