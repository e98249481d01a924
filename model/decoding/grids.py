"""Grids of one look's viewport at several sizes, computed once for each."""

from __future__ import annotations

from torch import Tensor

from model.geometry import erp_grid, sample_padded, viewport_angles


class ViewportGrids:
    """Sampling of ERP features by the latest look."""

    def __init__(self) -> None:
        self._look: Tensor | None = None
        self._angles: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def turn(self, look: Tensor) -> None:
        """Sample by ``look``, float64 1×4 of yaw, pitch, roll and horizontal field of view, from
        now on.
        """
        if self._look is None or not self._look.equal(look):
            self._look, self._angles = look, {}

    def project(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        """Bilinear samples 1×c×size of ERP features that were widened by one pixel a side.

        Angles are float32 here: finer embeddings and the still panorama are no larger than they can
        tell, and there are four times as many as of the coarsest.
        """
        assert self._look is not None
        if size not in self._angles:
            self._angles[size] = viewport_angles(self._look.float(), size)
        height, width = features.shape[-2:]
        grid = erp_grid(*self._angles[size], height - 2, width - 2)
        return sample_padded(features, grid)
