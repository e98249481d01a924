"""Still objects: quays, houses, signs."""

from nerv360.lab.synthetic.town.layout import (
    CAROUSEL,
    FLAGPOLE,
    LIGHTHOUSE,
    PIER_POSTS,
    WINDMILL,
    town,
)

__all__ = [
    "CAROUSEL",
    "FLAGPOLE",
    "LIGHTHOUSE",
    "PIER_POSTS",
    "WINDMILL",
    "town",
]
