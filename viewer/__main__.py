"""``python -m nerv360.viewer`` is ``nerv360``."""

from nerv360.viewer.cli import program

if __name__ == "__main__":
    program()
