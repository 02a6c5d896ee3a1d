"""Temperature-emissivity separation: closed loops, published numbers, limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stacaster.analysis.emissivity import MMD_COEFFICIENTS, separate
from stacaster.instruments.radiometry import WAVELENGTHS, planck_radiance

WAVE = np.array(list(WAVELENGTHS.values()))


def seen(emissivity: Any, kelvin: float, sky_kelvin: float = 260.0, cover: float = 0.25) -> tuple[Any, Any]:
    """Return radiance that leaves a surface, and the sky's irradiance."""
    sky = cover * np.pi * planck_radiance(sky_kelvin, wavelength=WAVE)
    leaving = emissivity * planck_radiance(kelvin, wavelength=WAVE) + (1 - emissivity) * sky / np.pi
    return leaving[:, None], sky[:, None]


def on_the_regression(shape: Any) -> Any:
    """Return a spectrum of a shape whose smallest value is that of the published regression."""
    ratio = np.array(shape) / np.mean(shape)
    a, b, c = MMD_COEFFICIENTS
    return ratio * (a - b * (ratio.max() - ratio.min()) ** c) / ratio.min()


@pytest.mark.parametrize("kelvin", [245.0, 273.15, 300.0, 335.0])
@pytest.mark.parametrize(
    "emissivity",
    [
        np.full(5, 0.994),
        on_the_regression([0.82, 0.83, 0.80, 0.955, 0.96]),
        on_the_regression([0.70, 0.72, 0.68, 0.94, 0.95]),
        on_the_regression([0.965, 0.965, 0.945, 0.970, 0.972]),
        on_the_regression([0.985, 0.984, 0.985, 0.986, 0.985]),
    ],
    ids=["grey", "quartz", "sandstone", "clay", "leaves"],
)
def test_closed_loop(emissivity: Any, kelvin: float) -> None:
    found, spectrum, mmd = separate(*seen(emissivity, kelvin))
    assert abs(found[0] - kelvin) < 0.1
    assert np.abs(spectrum[:, 0] - emissivity).max() < 0.01
    ratio = emissivity / emissivity.mean()
    assert abs(mmd[0] - (ratio.max() - ratio.min())) < 0.005


def test_published_regression() -> None:
    # Gillespie et al. (1998): quartz-rich rocks with MMD 0.2 have a smallest emissivity of 0.784.
    a, b, c = MMD_COEFFICIENTS
    assert round(a - b * 0.2**c, 3) == 0.784 and (a, b, c) == (0.994, 0.687, 0.737)


def test_what_has_no_answer_is_nan() -> None:
    leaving, sky = seen(np.full(5, 0.97), 300.0)
    stack = np.repeat(leaving, 3, axis=1)
    stack[2, 1] = np.nan
    stack[:, 2] = -1.0
    kelvin, emissivity, mmd = separate(stack, np.repeat(sky, 3, axis=1))
    assert np.isfinite(kelvin[0]) and np.isnan(kelvin[1:]).all()
    assert np.isnan(emissivity[:, 1:]).all() and np.isnan(mmd[1:]).all()


def test_each_pixel_stands_for_itself() -> None:
    spectra = [np.full(5, 0.994), on_the_regression([0.82, 0.83, 0.80, 0.955, 0.96])]
    parts = [seen(spectrum, kelvin) for spectrum, kelvin in zip(spectra, (280.0, 310.0), strict=True)]
    leaving, sky = (np.concatenate([part[n] for part in parts], axis=1) for n in (0, 1))
    together = separate(leaving, sky)
    alone = [separate(*part) for part in parts]
    for number, found in enumerate(alone):
        assert np.allclose(together[0][number], found[0][0], atol=1e-3)
        assert np.allclose(together[1][:, number], found[1][:, 0], atol=1e-5)
