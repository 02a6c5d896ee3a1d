"""Compiled loops over photons; imported only where numba is. Equations and sources: ``surface`` and ``vegetation``."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

SPREAD_SHORT, TOO_FEW, MAX_ITERATIONS, OUT_OF_BOUNDS = 1, 2, 4, 8
"""Flags of a segment (SlideRule's ``pflags``)."""

_HALF_LIGHT = 149_896_229.0
_PULSE_RATE = 10_000.0
_SIGMA_TRANSMIT = 0.68e-9
_SIGMA_FOOTPRINT = 4.25
_QUARTILES = 1.349

_jit = numba.njit(cache=True, nogil=True)


@_jit
def quartiles(r: Any, low: float, rate: float, signal: float) -> Any:
    """Return the places of the quartiles of the signal, what lies below them as background taken off."""
    count = r.size
    first, last = count, -1
    for i in range(count):
        if i + 1.5 >= 0.25 * signal + (r[i] - low) * rate:
            first = i
            break
    for i in range(count - 1, -1, -1):
        if i - 0.5 <= 0.75 * signal + (r[i] - low) * rate:
            last = i
            break
    if last < first:
        first, last = int(count / 2 - signal / 4 + 0.5) - 1, int(count / 2 + signal / 4 + 0.5)
    return first, last


@_jit
def spread(r: Any, low: float, high: float, background: float, most: float) -> Any:
    """Return half the distance of the quartiles of ordered residuals, as a standard deviation, and a flag."""
    signal = r.size - background
    if signal <= 1.0:
        return min((high - low) / r.size, most), 0
    rate = background / (high - low) if high > low else 0.0
    first, last = quartiles(r, low, rate, signal)
    if first < 0 or last >= r.size:
        return 0.0, OUT_OF_BOUNDS
    return min((r[last] - r[first]) / _QUARTILES, most), 0


@_jit
def line(x: Any, h: Any) -> Any:
    """Return intercept, slope, sums of x and of its squares, and the determinant of a least-squares line."""
    count = x.size
    sx, sxx, sh, sxh = x.sum(), (x * x).sum(), h.sum(), (x * h).sum()
    det = count * sxx - sx * sx
    if det <= 0.0:
        return sh / count, 0.0, sx, sxx, 0.0
    return (sxx * sh - sx * sxh) / det, (count * sxh - sx * sh) / det, sx, sxx, det


@_jit
def next_window(r: Any, turn: int, window: float, slope: float, density: float, least: float, most: float) -> Any:
    """Return the height of the window for the next turn, and a flag."""
    ordered = np.sort(r)
    low, high = ordered[0], ordered[-1]
    if turn > 0:
        low, high = -window / 2, window / 2
    robust, flag = spread(ordered, low, high, density * (high - low), most)
    expected = math.sqrt((_HALF_LIGHT * _SIGMA_TRANSMIT) ** 2 + (_SIGMA_FOOTPRINT * slope) ** 2)
    return max(least, 6 * expected, 6 * robust, 0.75 * window), flag


@_jit
def fit_segment(away: Any, h: Any, density: float, wanted: Any) -> Any:
    """Return the photons that are kept, window, flags, and the last line of the photons of one segment."""
    ats, cnt, iterations, least, most = wanted[0], wanted[1], int(wanted[4]), wanted[5], wanted[6]
    keep = np.arange(away.size)
    window, flags = 0.0, 0
    found = line(away, h)
    for turn in range(iterations):
        found = line(away[keep], h[keep])
        r = h[keep] - found[0] - found[1] * away[keep]
        window, flag = next_window(r, turn, window, found[1], density, least, most)
        flags |= flag
        inside = keep[np.abs(r) < window / 2]
        is_done = inside.size == keep.size
        if inside.size < cnt:
            flags, is_done = flags | TOO_FEW, True
        elif away[inside[-1]] - away[inside[0]] < ats:
            flags, is_done = flags | SPREAD_SHORT, True
        elif not is_done and turn == iterations - 1:
            flags, is_done = flags | MAX_ITERATIONS, True
        if is_done:
            break
        keep = inside
    return keep, window, flags, found


@_jit
def described(away: Any, h: Any, more: Any, keep: Any, found: Any, window: float, flags: int) -> Any:
    """Return the row of a segment; what else photons have is weighted as the height at its centre is."""
    a, b, sx, sxx, det = found
    row = np.zeros(7 + more.shape[1])
    squares, weights = 0.0, 0.0
    for i in keep:
        misfit = h[i] - a - b * away[i]
        squares += misfit * misfit
        share = (sxx - sx * away[i]) / det if det > 0 else 1.0 / keep.size
        weights += share * share
        row[7:] += share * more[i]
    rms = math.sqrt(squares / keep.size)
    row[:7] = np.array([a, b, rms * math.sqrt(weights), rms, float(keep.size), window, float(flags)])
    return row


@_jit
def fit_track(x: Any, h: Any, more: Any, density: Any, wanted: Any) -> Any:
    """Fit all segments of a track; ``more`` has what else photons have, shape (photons, values).

    The last columns of a row: its first photon, the one behind its last, the first at or behind its centre.
    """
    ats, cnt, length, step, keeps_all = wanted[0], wanted[1], wanted[2], wanted[3], wanted[7] > 0
    segments = int((x[-1] - x[0]) / step) + 1
    width = 7 + more.shape[1]
    rows = np.empty((segments, width + 3))
    used, begin = 0, 0
    for number in range(segments):
        start = x[0] + number * step
        while begin < x.size and x[begin] < start:
            begin += 1
        end = begin
        while end < x.size and x[end] < start + length:
            end += 1
        flags = 0
        if end - begin < cnt:
            flags |= TOO_FEW
        elif x[end - 1] - x[begin] < ats:
            flags |= SPREAD_SHORT
        if end > begin and (flags == 0 or keeps_all):
            centre = start + length / 2
            away, part = x[begin:end] - centre, h[begin:end]
            keep, window, more_flags, found = fit_segment(away, part, density[begin], wanted)
            rows[used, :width] = described(away, part, more[begin:end], keep, found, window, flags | more_flags)
            middle = begin
            while middle < end - 1 and x[middle] < centre:
                middle += 1
            rows[used, width], rows[used, width + 1], rows[used, width + 2] = begin, end, middle
            used += 1
    return rows[:used]


@_jit
def weigh(x: Any, h: Any, begin: int, end: int, win_x: float, win_h: float, near: int) -> Any:
    """Return the weight of each photon of a segment: of its nearest neighbours in a window."""
    weights = np.zeros(end - begin)
    low = begin
    while low > 0 and x[begin] - x[low - 1] <= win_x / 2:
        low -= 1
    for i in range(begin, end):
        while x[i] - x[low] > win_x / 2:
            low += 1
        high = i
        while high < x.size and x[high] - x[i] <= win_x / 2:
            high += 1
        gaps = np.abs(h[low:high] - h[i])
        gaps[i - low] = win_h
        gaps = np.sort(gaps[gaps <= win_h / 2])[:near]
        weights[i - begin] = (win_h / 2 - gaps).sum()
    return weights


@_jit
def score_track(x: Any, h: Any, win_x: float, win_h: float, least: int, length: float) -> Any:
    """Return the score of each photon of a track, relative to the most that its segment can have."""
    scores = np.zeros(x.size, dtype=np.uint8)
    begin = 0
    while begin < x.size:
        limit = x[0] + (math.floor((x[begin] - x[0]) / length) + 1) * length
        end = begin
        while end < x.size and x[end] < limit:
            end += 1
        near = int(max(math.sqrt(end - begin), least))
        weights = weigh(x, h, begin, end, win_x, win_h, near)
        for i in range(begin, end):
            scores[i] = np.uint8(min(255.0, 255.0 * weights[i - begin] / (win_h / 2 * near)))
        begin = end
    return scores
