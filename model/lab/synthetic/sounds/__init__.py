"""Sound of the harbour town, as ambisonics."""

from nerv360.lab.synthetic.sounds.harbour import HarbourSound

__all__ = ["HarbourSound"]
