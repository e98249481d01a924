"""Decoders of one configuration that take turns in a `CompiledEngine`: only weights change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from torch import Tensor

from nerv360.decoding.compiled.frames import FramesData
from nerv360.decoding.compiled.gpu import Gpu
from nerv360.decoding.compiled.program import DecoderPrograms
from nerv360.decoding.compiled.runner import weight_modules
from nerv360.decoding.engine import Engine, Picture, engine_repr
from nerv360.geometry import Look

if TYPE_CHECKING:
    from nerv360.scene import Decoder


class TurnData(NamedTuple):
    """A decoder in the host's memory.

    Attributes:
        weights: of its programs, flat, pinned and never rewritten.
        frames: its frames.
        still: as `Engine.still`.
    """

    weights: list[Tensor]
    frames: FramesData
    still: Tensor | None


class SharedEngine(Engine, Protocol):
    """The engine whose code, graphs and ring the decoders share."""

    def decode_turn(self, turn: TurnData | None, look: Look, frame: int) -> Picture:
        """Decode as `Engine.decode`, by the decoder of ``turn``."""

    def beside(self, decoder: Decoder) -> Turn:
        """Return an engine of another decoder; see `TurnTaking.beside`."""


class Turn:
    """Engine of one of the decoders; it has the code, graphs and ring of the shared engine."""

    __repr__ = engine_repr

    def __init__(self, shared: SharedEngine, data: TurnData) -> None:
        self._shared, self._data = shared, data
        self.name, self.device, self.size = shared.name, shared.device, shared.size
        self.hfov_range, self.full_frame = shared.hfov_range, shared.full_frame
        self.ring, self.precision = shared.ring, shared.precision
        self.still = data.still

    def decode(self, look: Look, frame: int) -> Picture:
        """Decode as `Engine.decode`; if another decoder was decoded, load the weights."""
        return self._shared.decode_turn(self._data, look, frame)

    takes_turns = True

    def beside(self, decoder: Decoder) -> Turn:
        """See `TurnTaking.beside`."""
        return self._shared.beside(decoder)


def pinned_weights(programs: DecoderPrograms, gpu: Gpu) -> list[Tensor]:
    """Copy the weights of programs to pinned memory, flat."""
    return [gpu.pinned((len(flat),), flat.dtype).copy_(flat) for flat in flat_weights(programs)]


def flat_weights(programs: DecoderPrograms) -> list[Tensor]:
    """Return views of all weights as they are in memory, in an order that the programs give."""
    modules = [programs.picture, *programs.crops]
    if programs.prepare is not None:
        modules.append(programs.prepare)
    more = weight_modules(programs.runner)
    assert more is not None, "its engine takes no turns"
    modules += more
    known = dict[tuple[int, torch.dtype], Tensor]()
    for module in modules:
        for weight in (*module.parameters(), *module.buffers()):
            flat = weight.as_strided((weight.numel(),), (1,))
            known.setdefault((flat.data_ptr(), flat.dtype), flat)
    return list(known.values())
