"""Rate and layouts of all sound here, and speeds at which it is played."""

RATE = 48_000
"""Samples a second."""

LAYOUTS = {2: "stereo", 4: "4.0"}
"""FFmpeg's names of two channels and of first-order ambisonics."""

SLOWEST, FASTEST = 0.5, 2.0
"""Clip seconds a second; other speeds are silent."""
