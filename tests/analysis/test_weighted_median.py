"""Medians of one band: the middle between two observations where both are optimal."""

from __future__ import annotations

import numpy as np
import pytest

from stacaster.analysis.geomedian import geometric_median


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 10, 33])
def test_medians_of_one_band_are_those_of_numpy(count: int) -> None:
    values = np.random.default_rng(count).normal(size=(count, 1, 50)).astype(np.float32)
    assert geometric_median(values)[0] == pytest.approx(np.median(values[:, 0].astype(float), axis=0), abs=1e-6)


def test_weights_count_as_repetitions() -> None:
    generator = np.random.default_rng(5)
    values = generator.normal(size=(6, 1, 40)).astype(np.float32)
    weights = generator.integers(0, 4, size=(6, 40)).astype(np.float32)
    weights[0] += 1
    expected = [np.median(np.repeat(values[:, 0, n].astype(float), weights[:, n].astype(int))) for n in range(40)]
    assert geometric_median(values, weights)[0] == pytest.approx(np.array(expected), abs=1e-6)
