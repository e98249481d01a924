"""Rate of all sound here, and speeds at which it is played."""

RATE = 48_000
"""Samples a second."""

SLOWEST, FASTEST = 0.5, 2.0
"""Clip seconds a second; other speeds are silent."""
