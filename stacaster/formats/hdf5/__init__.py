"""HDF5 files and their chunks."""
