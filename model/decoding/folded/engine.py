"""The folded engine: needs no compiler, and passes over memory less often than the eager one."""

from __future__ import annotations

import torch
from torch import Tensor

from nerv360.decoding.alpha import StillAlpha
from nerv360.decoding.folded.program import folded_program
from nerv360.decoding.folded.tiles import TileMaps
from nerv360.decoding.looks import look_tensor
from nerv360.decoding.uncompiled import UncompiledEngine
from nerv360.geometry import Look
from nerv360.scene import Decoder


class FoldedEngine(UncompiledEngine):
    """Engine of a folded program.

    Affines are folded into the weights of the convolutions after them, and pixel shuffles move
    whole runs of channels. For a viewport only the part of the frame that the look samples is
    expanded. Decoders of one configuration take turns in the maps of its layers.
    """

    name = "folded"
    takes_turns = True

    def __init__(
        self,
        decoder: Decoder,
        device: torch.device,
        size: tuple[int, int],
        precision: torch.dtype = torch.float32,
        maps: TileMaps | None = None,
    ) -> None:
        """Fold the decoder.

        Args:
            precision: of its convolutions, float32 or bfloat16.
            maps: of an engine that it takes turns with.
        """
        super().__init__(decoder, device, size, precision)
        if precision is torch.bfloat16:
            self.name = "folded-bfloat16"
        with torch.inference_mode():
            alpha = StillAlpha.of(self.network, decoder)
            self._tile_maps = TileMaps() if maps is None else maps
            self._program = folded_program(self.network, precision, alpha, self._tile_maps)

    def beside(self, decoder: Decoder) -> FoldedEngine:
        """See `TurnTaking.beside`."""
        return FoldedEngine(decoder, self.device, self.size, self.precision, self._tile_maps)

    def _pixels(self, look: Look, frame: int) -> tuple[Tensor, float]:
        return self._program(frame, *self._code(frame), look_tensor(look, self.times.device))
