"""Where things lie: areas, grids, footprints, swaths."""
