"""Moving objects: boats, flags, gulls, the carousel."""

from model.synthetic.movers.harbour import movers
from model.synthetic.movers.mover import Mover

__all__ = [
    "Mover",
    "movers",
]
