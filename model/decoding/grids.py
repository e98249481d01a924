"""Sampling grids of one look's viewport at several sizes, each computed once."""

from __future__ import annotations

from torch import Tensor

from nerv360.geometry import erp_grid, sample_padded, viewport_angles


class ViewportGrids:
    """Sampling of ERP features for the latest look."""

    def __init__(self) -> None:
        self._look: Tensor | None = None
        self._angles: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._tiles: tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None

    def turn(self, look: Tensor) -> None:
        """Set the look, float64 1×4 of yaw, pitch, roll and horizontal field of view."""
        if self._look is None or not self._look.equal(look):
            self._look, self._angles, self._tiles = look, {}, None

    def project(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        """Sample ERP features that were widened by one pixel a side, bilinearly: 1×c×size.

        Angles are float32 here. That is precise enough for finer embeddings and the still panorama,
        which have four times as many points as the coarsest embedding.
        """
        height, width = features.shape[-2:]
        grid = erp_grid(*self.angles(size), height - 2, width - 2)
        return sample_padded(features, grid)

    def angles(
        self, size: tuple[int, int], at: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return `viewport_angles` of the look; whole viewports and the latest tiles are kept."""
        assert self._look is not None
        known = self._angles.get(size)
        if at is None:
            if known is None:
                known = self._angles[size] = viewport_angles(self._look.float(), size)
            return known
        if known is None:
            if self._tiles is None or self._tiles[0] is not at:
                self._tiles = at, viewport_angles(self._look.float(), size, at)
            return self._tiles[1]
        place = (at[0][:, :, None] * size[1] + at[1][:, None]).flatten(0, 1)
        longitude, latitude = (each.flatten()[place][None] for each in known)
        return longitude, latitude
