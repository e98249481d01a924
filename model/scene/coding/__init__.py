"""Coding of a scene's values: rounded to few whole numbers, then packed into a tensor's bytes."""

from nerv360.scene.coding.packing import (
    check_embeddings,
    check_series,
    packed_embeddings,
    packed_series,
    packed_weights,
    unpacked_embeddings,
    unpacked_series,
    unpacked_weights,
)
from nerv360.scene.coding.rounding import (
    FINE,
    LEVELS,
    WEIGHT_BITS,
    Coarseness,
    level_table,
    levels_of,
    nearest_levels,
    numbers_of,
    rounded_embeddings,
    rounded_weights,
)

__all__ = [
    "FINE",
    "LEVELS",
    "WEIGHT_BITS",
    "Coarseness",
    "check_embeddings",
    "check_series",
    "level_table",
    "levels_of",
    "nearest_levels",
    "numbers_of",
    "packed_embeddings",
    "packed_series",
    "packed_weights",
    "rounded_embeddings",
    "rounded_weights",
    "unpacked_embeddings",
    "unpacked_series",
    "unpacked_weights",
]
