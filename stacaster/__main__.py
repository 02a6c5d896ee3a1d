"""Run the command line with ``python -m stacaster``."""

from stacaster.cli import main

if __name__ == "__main__":
    main()
