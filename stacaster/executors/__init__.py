"""Where tasks run: one file each."""
