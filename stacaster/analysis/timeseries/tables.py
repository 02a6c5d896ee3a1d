"""What is done with a table of means: other periods, anomalies, trends, files, pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stacaster.analysis.bands import period_starts
from stacaster.analysis.pictures import new_figure
from stacaster.errors import UsageError
from stacaster.files.atomic import complete_file
from stacaster.files.csv_files import ISO_SECONDS, write_csv
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import pandas as pd

_KEYS = ["area", "band"]
_YEAR = np.timedelta64(31_556_952, "s")
"""Mean year of the Gregorian calendar."""


@checked
def resample_series(table: pd.DataFrame, period: str) -> pd.DataFrame:
    """Return means over periods.

    Args:
        table: From ``time_series``.
        period: ``day``, ``month``, ``season`` (from December on) or ``year``.

    Returns:
        One row for each area, band and period in which there is a date: ``time`` is its first day, ``mean`` the mean of
        the means of its dates, ``std`` their standard deviation (of the population), ``dates`` how many dates have a
        mean, ``count`` the valid pixels of all of them, ``valid_fraction`` the mean one.

    Raises:
        UsageError: There is no such period.
    """
    starts = period_starts(table["time"].to_numpy(), period)
    grouped = table.assign(time=starts).groupby(["area", "band", "time"], sort=False)
    found = grouped.agg(
        mean=("mean", "mean"),
        std=("mean", lambda values: values.std(ddof=0)),
        dates=("mean", "count"),
        count=("count", "sum"),
        valid_fraction=("valid_fraction", "mean"),
    )
    return found.reset_index()[["area", "time", "band", "mean", "std", "dates", "count", "valid_fraction"]]


@checked
def anomalies(table: pd.DataFrame, period: str = "month") -> pd.DataFrame:
    """Add how far each mean is from what is normal at its time of the year.

    Args:
        table: From ``time_series`` or ``resample_series``.
        period: ``month`` or ``season`` of the year over which all years are averaged; ``year`` takes all dates.

    Returns:
        The table with ``normal`` (mean of all years) and ``anomaly`` (mean minus normal).

    Raises:
        UsageError: There is no such period.
    """
    if period not in ("month", "season", "year"):
        raise UsageError(f"period is {period!r}, but anomalies are taken from month, season or year")
    starts = period_starts(table["time"].to_numpy(), period)
    phase = np.zeros(len(table), int) if period == "year" else starts.astype("datetime64[M]").astype(int) % 12
    normal = table.assign(phase=phase).groupby([*_KEYS, "phase"], sort=False)["mean"].transform("mean")
    return table.assign(normal=normal, anomaly=table["mean"] - normal)


@checked
def linear_trend(table: pd.DataFrame, column: str = "mean") -> pd.DataFrame:
    """Return the straight line through a series, by least squares.

    Args:
        table: From ``time_series``, ``resample_series`` or ``anomalies``.
        column: Column to look at.

    Returns:
        One row for each area and band: ``slope`` a mean year (of 365.2425 days), ``slope_error`` (its standard error,
        from the residuals with n - 2 degrees of freedom; NaN below three dates), ``intercept`` at the first date, and
        ``dates``.

    Raises:
        UsageError: The table has no such column.
    """
    import pandas as pd

    if column not in table.columns:
        raise UsageError(f"the table has no column {column!r}; there are {', '.join(table.columns)}")
    rows = []
    for (area, band), part in table.groupby(_KEYS, sort=False):
        valid = part[np.isfinite(part[column])]
        years = (valid["time"].values - part["time"].min().to_datetime64()) / _YEAR
        rows.append({"area": area, "band": band, **_line(years.astype(float), valid[column].to_numpy(float))})
    return pd.DataFrame(rows, columns=["area", "band", "slope", "slope_error", "intercept", "dates"])


def _line(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    nothing = {"slope": np.nan, "slope_error": np.nan, "intercept": np.nan, "dates": len(x)}
    if len(x) < 2 or np.ptp(x) == 0:
        return nothing
    spread = ((x - x.mean()) ** 2).sum()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / spread
    intercept = y.mean() - slope * x.mean()
    residuals = y - intercept - slope * x
    error = np.sqrt((residuals**2).sum() / (len(x) - 2) / spread) if len(x) > 2 else np.nan
    return {"slope": float(slope), "slope_error": float(error), "intercept": float(intercept), "dates": len(x)}


@checked
def write_series(table: pd.DataFrame, output: str | os.PathLike[str]) -> Path:
    """Write a table to ``.csv`` or ``.parquet``.

    Raises:
        UsageError: The name ends in something else.
        ExportError: The file cannot be written.
    """
    path = check_table(output)
    with complete_file(path) as part:
        if path.suffix.lower() == ".parquet":
            table.to_parquet(part, index=False, write_page_checksum=True)
        else:
            write_csv(table, part, date_format=ISO_SECONDS)
    return path


def check_table(output: str | os.PathLike[str]) -> Path:
    """Return the path of a table that can be written.

    Raises:
        UsageError: The name ends in something else than ``.csv`` or ``.parquet``.
    """
    path = Path(output)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"output is {path.name!r}, but a name ending in .csv or .parquet is needed")
    return path


def _series_title(table: pd.DataFrame, bands: list[str], areas: list[str]) -> str:
    """Return bands, areas, first and last day."""
    known = [text for text in table["time"].dt.strftime("%Y-%m-%d") if isinstance(text, str)]
    days = f"{min(known)} to {max(known)}" if known else ""
    what = ", ".join(bands) if len(bands) <= 4 else f"{len(bands)} bands"
    of = f"of {len(areas)} areas" if len(areas) != 1 else "of all pixels" if areas[0] == "all" else f"of {areas[0]}"
    return ", ".join(part for part in (f"{what} {of}", days) if part)


@checked
def plot_series(table: pd.DataFrame, output: str | os.PathLike[str], *, title: str = "") -> Path:
    """Draw the means over time, one line an area and one panel a band, with the scatter as bars, to a PNG file.

    Args:
        table: From ``time_series`` or ``resample_series``.
        output: ``.png`` file.
        title: What stands above; empty names bands, areas and days.

    Raises:
        UsageError: The name does not end in ``.png``.
        ExportError: matplotlib is missing, or the file cannot be written.
    """
    path = Path(output)
    if path.suffix.lower() != ".png":
        raise UsageError(f"plot is {path.name!r}, but a name ending in .png is needed")
    bands = list(dict.fromkeys(table["band"]))
    if not bands:
        raise UsageError("the table has no row to draw")
    figure = new_figure(9, 2 + 2.2 * len(bands))
    panels = np.atleast_1d(figure.subplots(len(bands), 1, sharex=True))
    for band, axes in zip(bands, panels, strict=True):
        for area, part in table[table["band"] == band].groupby("area", sort=False):
            ordered = part.sort_values("time")
            axes.errorbar(ordered["time"], ordered["mean"], ordered["std"], marker="o", markersize=3, linewidth=1,
                          elinewidth=0.5, capsize=2, label=str(area))  # fmt: skip
        axes.set_ylabel(f"mean of {band}")
        axes.grid(alpha=0.3)
    scatter = "the means of the dates" if "dates" in table.columns else "the pixels of the area"
    panels[-1].set_xlabel(f"time (UTC); bars: standard deviation of {scatter}")
    areas = list(dict.fromkeys(str(area) for area in table["area"]))
    if 1 < len(areas) <= 12:
        panels[0].legend(fontsize="small")
    figure.suptitle(title or _series_title(table, bands, areas))
    with complete_file(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})
    return path
