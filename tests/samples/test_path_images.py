"""Images of path-oriented products are made some rows at a time, whatever their size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stacaster.samples import PATH_SCENES, landscape
from stacaster.samples.aster_paths import write_path_hdf
from stacaster.samples.path_images import PATH_PRODUCTS, Variant, path_images


@pytest.mark.parametrize("product", PATH_PRODUCTS)
def test_strips_are_the_image(product: str) -> None:
    scene = replace(PATH_SCENES[0], tir_shape=(60, 20))
    for image in path_images(scene, product, Variant()):
        whole = image.rows(slice(0, image.shape[0]))
        strips = list(image.strips())
        assert whole.shape == image.shape and whole.dtype == image.data_type
        assert np.array_equal(np.concatenate([values for _, values in strips]), whole)
        assert [start for start, _ in strips] == list(range(0, image.shape[0], 256))


@pytest.mark.parametrize("product", ["AST_07", "AST_09", "AST_L1B", "AST_09T"])
def test_no_band_is_made_at_once(product: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    usual = landscape.fractions

    def counted(lon: Any, lat: Any, *, day_of_year: float) -> Any:
        seen.append(len(lon))
        return usual(lon, lat, day_of_year=day_of_year)

    monkeypatch.setattr(landscape, "fractions", counted)
    scene = replace(PATH_SCENES[0], tir_shape=(300, 20))
    write_path_hdf(scene, product, tmp_path)
    assert 0 < max(seen) <= 256
