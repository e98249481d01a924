"""``python -m viewer`` is ``nerv360``."""

import sys

from viewer.cli import main

if __name__ == "__main__":
    sys.exit(main())
