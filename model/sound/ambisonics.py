"""First-order ambisonics: rotation by a look, and decoding to two ears.

Channels are W, Y, Z, X (ACN) with SN3D weights, as AmbiX and the ``SA3D`` box have them: X is ahead
at yaw 0, Y to the left, Z up.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nerv360.geometry import Look

Mix = npt.NDArray[np.float32]
"""Gains of the channels of a block in the two ears, channels×2."""

STEREO: Mix = np.eye(2, dtype=np.float32)
_EAR_YAW = math.radians(70)
"""Direction of each ear's cardioid: a little ahead, so that sounds behind are quieter."""


def rotation(look: Look) -> npt.NDArray[np.float64]:
    """Return the 4×4 matrix that turns W, Y, Z, X of the world into those of a look."""
    right, up, ahead = look.rotation().T
    turned = np.eye(4)
    # The world's axes are ahead, up and left (see `Look`).
    turned[1:, 1:] = np.stack([-right, up, ahead])[:, [2, 1, 0]]
    return turned


def ear_gains(look: Look) -> Mix:
    """Return the gains of W, Y, Z, X in the left and the right ear of a look, 4×2.

    Each ear hears a cardioid. Sound that comes from everywhere is as loud at any look.
    """
    aside, ahead = math.sin(_EAR_YAW), math.cos(_EAR_YAW)
    ears = 0.5 * np.array([[1.0, aside, 0.0, ahead], [1.0, -aside, 0.0, ahead]])
    return (ears @ rotation(look)).T.astype(np.float32)


def mixed(block: npt.NDArray[np.float32], before: Mix, after: Mix) -> npt.NDArray[np.float32]:
    """Return what two ears hear of a block, samples×2, by gains that change along it.

    Args:
        block: samples×channels.
        before, after: gains at the beginning and at the end of the block, each channels×2.
    """
    if before is after:
        return block @ after
    share = np.linspace(0, 1, len(block) + 1, dtype=np.float32)[1:, None]
    heard: npt.NDArray[np.float32] = (block @ before) * (1 - share) + (block @ after) * share
    return heard
