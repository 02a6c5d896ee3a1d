"""What the reader driver does not read itself."""


class UnsupportedError(Exception):
    """A file, or a request, that this reader leaves to rasterio; the text says why."""
