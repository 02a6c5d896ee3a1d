"""What is computed of cubes and points."""
