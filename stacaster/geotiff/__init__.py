"""GeoTIFFs: written, verified, read for cubes."""
