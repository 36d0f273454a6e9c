"""`python -m reconciler` is the command `reconciler`."""

import sys

from reconciler.cli import main

if __name__ == "__main__":
    sys.exit(main())
