"""Numbers over time: means of areas, their normals, anomalies and trends."""

from stacaster.analysis.timeseries.areas import Zones, read_zones
from stacaster.analysis.timeseries.series import time_series
from stacaster.analysis.timeseries.tables import anomalies, linear_trend, plot_series, resample_series, write_series

__all__ = [
    "Zones",
    "anomalies",
    "linear_trend",
    "plot_series",
    "read_zones",
    "resample_series",
    "time_series",
    "write_series",
]
