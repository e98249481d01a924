"""Still objects: quays, houses, signs."""

from model.synthetic.town.layout import CAROUSEL, FLAGPOLE, WINDMILL, town

__all__ = [
    "CAROUSEL",
    "FLAGPOLE",
    "WINDMILL",
    "town",
]
