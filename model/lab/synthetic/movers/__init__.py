"""Moving objects: boats, flags, gulls, the carousel."""

from nerv360.lab.synthetic.movers.flyers import FLOCKS, Flock
from nerv360.lab.synthetic.movers.harbour import movers
from nerv360.lab.synthetic.movers.mover import Mover

__all__ = [
    "FLOCKS",
    "Flock",
    "Mover",
    "movers",
]
