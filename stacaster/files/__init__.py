"""Files that are whole or not there: names, checksums, tables of points."""
