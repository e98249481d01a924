"""The harbour town: an animated equirectangular scene."""

from nerv360.lab.synthetic.renderer import HarbourTown

__all__ = [
    "HarbourTown",
]
