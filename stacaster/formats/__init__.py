"""File formats: bytes to content and pixels."""
