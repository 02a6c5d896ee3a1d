"""Find granules and download them."""
