"""Text and records that granules bring: ODL, ECS, SAFE, orbits, UMM."""
