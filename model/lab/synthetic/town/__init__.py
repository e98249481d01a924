"""Still objects: quays, houses, signs."""

from nerv360.lab.synthetic.town.layout import CAROUSEL, FLAGPOLE, WINDMILL, town

__all__ = [
    "CAROUSEL",
    "FLAGPOLE",
    "WINDMILL",
    "town",
]
