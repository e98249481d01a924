"""Limits of what draws, within which a plan must stay."""

from __future__ import annotations

from dataclasses import dataclass

from model.errors import UnavailableError

MATRIX_BYTES = 64
"""Bytes of a 4×4 matrix of weights, float32."""


@dataclass(frozen=True)
class Limits:
    """Limits of one OpenGL context. The defaults are what every WebGL 2 grants.

    Attributes:
        targets: textures that one pass may draw into.
        side: largest width and height of a texture.
        layers: most layers of a texture array; features that have more lie in two.
        block_bytes: size of a uniform block.
        vectors: uniforms of four numbers that one fragment shader may have.
        map_bytes: memory for what lies between passes; where more were needed, the picture is
            drawn in bands. Not a limit of OpenGL's, and not kept where one row alone needs more.
    """

    targets: int = 4
    side: int = 2048
    layers: int = 256
    block_bytes: int = 16384
    vectors: int = 224
    map_bytes: int = 512 * 2**20

    @property
    def block_matrices(self) -> int:
        """Matrices that a uniform block holds."""
        return self.block_bytes // MATRIX_BYTES


class LimitError(UnavailableError):
    """A decoder needs more than what draws can do."""


def need(what: str, wanted: int, there: int) -> None:
    """Raise `LimitError` where ``wanted`` is more than ``there`` is."""
    if wanted > there:
        raise LimitError(f"its shaders need {what} of {wanted}, and {there} is the limit here")
