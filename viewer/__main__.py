"""``python -m nerv360.viewer`` is ``nerv360``."""

import sys

from nerv360.viewer.cli import main

if __name__ == "__main__":
    sys.exit(main())
