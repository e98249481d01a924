"""The harbour town: an animated equirectangular scene with sound."""

from nerv360.lab.synthetic.renderer import HarbourTown
from nerv360.lab.synthetic.sounds import HarbourSound

__all__ = [
    "HarbourSound",
    "HarbourTown",
]
