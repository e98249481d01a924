"""Limits of a graphics context that a plan must keep."""

from __future__ import annotations

from dataclasses import dataclass

from nerv360.errors import UnavailableError

MATRIX_BYTES = 64
"""Bytes of a 4×4 matrix of weights, float32."""


@dataclass(frozen=True)
class Limits:
    """Limits of one OpenGL context; the defaults are guaranteed by every WebGL 2.

    Attributes:
        targets: textures that one pass may draw into.
        side: largest width and height of a texture.
        layers: most layers of a texture array; features with more are split into two.
        block_bytes: size of a uniform block.
        vectors: uniforms of four numbers that one fragment shader may have.
        map_bytes: memory for banded maps; if more is needed, the picture is drawn in bands. Not a
            limit of OpenGL; exceeded if a single row needs more.
    """

    targets: int = 4
    side: int = 2048
    layers: int = 256
    block_bytes: int = 16384
    vectors: int = 224
    map_bytes: int = 512 * 2**20

    @property
    def block_matrices(self) -> int:
        """Number of matrices in a uniform block."""
        return self.block_bytes // MATRIX_BYTES


class LimitError(UnavailableError):
    """Error: a decoder exceeds the limits."""


def need(what: str, wanted: int, there: int) -> None:
    """Raise `LimitError` if ``wanted`` exceeds ``there``."""
    if wanted > there:
        raise LimitError(f"its shaders need {wanted} {what}, and the limit here is {there}")
