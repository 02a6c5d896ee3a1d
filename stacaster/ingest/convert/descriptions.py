"""What a product says of a granule, worked out once for the same options."""

from __future__ import annotations

from stacaster.model import GranuleContent, Product, ReadOptions, Scene


class Descriptions:
    """Scenes of one granule by the options that they were asked with.

    Args:
        product: What the granule is.
        content: What it holds.
    """

    def __init__(self, product: Product, content: GranuleContent) -> None:
        self._product, self._content = product, content
        self._known: list[tuple[ReadOptions, Scene]] = []

    def __call__(self, options: ReadOptions) -> Scene:
        """Return the scene for some options; errors as of ``Product.describe``."""
        for known, scene in self._known:
            if known == options:
                return scene
        scene = self._product.describe(self._content, options)
        self._known.append((options, scene))
        return scene
