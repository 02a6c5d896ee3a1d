"""Baselines of orbits whose geometry can be worked out by hand."""

from __future__ import annotations

import datetime as dt
import math
from itertools import pairwise

import numpy as np
import pytest
from pyproj import Transformer

from stacaster.analysis.stacks import Baseline, Scene, baselines_of, nearest_pairs, perpendicular_baseline
from stacaster.analysis.stacks.baselines import ground_point, state_at, zero_doppler
from stacaster.model import StateVector

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
EQUATOR = 6_378_137.0
HEIGHT, SIDE = 700_000.0, 400_000.0
SPEED = 7_500.0


def straight(up: float, east: float, *, late: float = 0.0, step: float = 10.0) -> tuple[StateVector, ...]:
    """Return a flight due north past the point at latitude and longitude 0, at a height and to its east."""
    return tuple(
        StateVector(
            START + dt.timedelta(seconds=late + second),
            (EQUATOR + up, east, SPEED * second),
            (0.0, 0.0, SPEED),
        )
        for second in np.arange(-2, 3) * step
    )


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("up", "out"), [(100.0, 0.0), (0.0, 100.0), (-50.0, 30.0), (0.0, 0.0)])
def test_parts_of_a_baseline(side: int, up: float, out: float) -> None:
    """The satellite stands at (height, side); sight = (-height, -side) / range; across it, upwards, (side, -height)."""
    reference = straight(HEIGHT, side * SIDE)
    other = straight(HEIGHT + up, side * (SIDE + out))
    far = math.hypot(HEIGHT, SIDE)
    found = perpendicular_baseline(reference, other, (0.0, 0.0))
    assert found == pytest.approx(((up * SIDE - out * HEIGHT) / far, -(up * HEIGHT + out * SIDE) / far), abs=1e-6)


def test_textbook_signs() -> None:
    """B cos(look) for a horizontal baseline towards the side that is looked at, B sin(look) for one upwards."""
    look = math.atan2(SIDE, HEIGHT)
    reference = straight(HEIGHT, -SIDE)
    assert perpendicular_baseline(reference, straight(HEIGHT, -SIDE + 80), (0.0, 0.0))[0] == pytest.approx(  # type: ignore[index]
        80 * math.cos(look)
    )
    assert perpendicular_baseline(reference, straight(HEIGHT + 80, -SIDE), (0.0, 0.0))[0] == pytest.approx(  # type: ignore[index]
        80 * math.sin(look)
    )


def test_time_along_the_path_does_not_matter() -> None:
    """The other satellite passes at another second: both are taken where the place lies beside them."""
    reference, late = straight(HEIGHT, SIDE), straight(HEIGHT + 100, SIDE, late=3.7)
    found = perpendicular_baseline(reference, late, (0.0, 0.0))
    assert found == pytest.approx((100 * SIDE / math.hypot(HEIGHT, SIDE), -100 * HEIGHT / math.hypot(HEIGHT, SIDE)))
    place, speed = zero_doppler(late, ground_point(0, 0))  # type: ignore[misc]
    assert place[2] == pytest.approx(0, abs=1e-6) and speed[2] == pytest.approx(SPEED)


def test_height_of_the_ground() -> None:
    reference, other = straight(HEIGHT, SIDE), straight(HEIGHT + 100, SIDE)
    far = math.hypot(HEIGHT - 2000, SIDE)
    assert perpendicular_baseline(reference, other, (0, 0), 2000.0)[0] == pytest.approx(100 * SIDE / far)  # type: ignore[index]


def test_orbits_that_end_too_early_give_nothing() -> None:
    reference = straight(HEIGHT, SIDE)
    away = tuple(
        StateVector(v.time, (v.position[0], v.position[1], v.position[2] + 1_000_000), v.velocity) for v in reference
    )
    assert perpendicular_baseline(reference, away, (0.0, 0.0)) is None
    assert perpendicular_baseline(reference, reference[:1], (0.0, 0.0)) is None


def test_interpolation_on_a_circle() -> None:
    """Ten seconds of a circular orbit: the cubic stays within a millimetre of the circle."""
    radius, rate = 7_071_000.0, 2 * math.pi / 5_924.0

    def vector(second: float) -> StateVector:
        a = rate * second
        return StateVector(START + dt.timedelta(seconds=second), (radius * math.cos(a), radius * math.sin(a), 0.0),
                           (-radius * rate * math.sin(a), radius * rate * math.cos(a), 0.0))  # fmt: skip

    vectors = [vector(second) for second in (0, 10, 20)]
    for second in (0.0, 3.3, 5.0, 10.0, 17.1, 20.0):
        place, speed = state_at(vectors, second)
        meant = vector(second)
        assert np.abs(place - meant.position).max() < 1e-3 and np.abs(speed - meant.velocity).max() < 1e-3


@pytest.mark.parametrize("place", [(0.0, 0.0), (138.5, -31.0), (-179.9, 65.0), (20.0, 89.9)])
def test_ground_point_is_that_of_proj(place: tuple[float, float]) -> None:
    meant = Transformer.from_crs(4979, 4978, always_xy=True).transform(*place, 321.0)
    assert ground_point(*place, 321.0) == pytest.approx(meant, abs=1e-6)


def scene(day: float, up: float | None = 0.0) -> Scene:
    moved = () if up is None else straight(HEIGHT + up, SIDE)
    return Scene(id=f"s{day:g}", start=START + dt.timedelta(days=day), vectors=moved, place=(0.0, 0.0))


def test_stack_with_a_gap() -> None:
    found = baselines_of([scene(24, None), scene(0), scene(12, 50.0)])
    assert [(b.id, b.temporal) for b in found] == [("s0", 0), ("s12", 12), ("s24", 24)]
    assert found[1].perpendicular == pytest.approx(50 * SIDE / math.hypot(HEIGHT, SIDE), abs=1e-6)
    assert found[2].perpendicular is None and found[2].reason == "the metadata hold no state vectors"
    assert baselines_of([scene(0, None), scene(12)])[1].perpendicular == pytest.approx(0, abs=1e-9)
    with pytest.raises(Exception, match="no acquisition of the stack is called 'x'"):
        baselines_of([scene(0)], reference="x")
    assert baselines_of([]) == []


def baseline(day: float, across: float | None = 0.0) -> Baseline:
    return Baseline(
        id=f"s{day:g}", start=START + dt.timedelta(days=day), temporal=day, perpendicular=across, parallel=0
    )


def test_pairs() -> None:
    days = [baseline(day) for day in (36, 0, 12, 24)]
    names = [(p.reference, p.secondary) for p in nearest_pairs(days, neighbours=1)]
    assert names == list(pairwise(["s0", "s12", "s24", "s36"]))
    assert len(nearest_pairs(days, neighbours=3)) == 6 and len(nearest_pairs(days, neighbours=9)) == 6
    assert len(nearest_pairs(days, neighbours=3, max_days=24)) == 5
    # Twelve days and some seconds are twelve days.
    assert len(nearest_pairs([baseline(0), baseline(12.0003)], max_days=12)) == 1
    far = [baseline(0), baseline(12, 300.0), baseline(24, 340.0), baseline(36, None)]
    kept = nearest_pairs(far, neighbours=3, max_perpendicular=100)
    assert [(p.reference, p.secondary, p.perpendicular) for p in kept] == [("s12", "s24", 40.0)]
    assert nearest_pairs(far, neighbours=1)[-1].perpendicular is None
    for wrong in ({"neighbours": 0}, {"max_days": 0}, {"max_perpendicular": -1.0}):
        with pytest.raises(Exception, match="is needed"):
            nearest_pairs(days, **wrong)
