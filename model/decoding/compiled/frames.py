"""Frames of a decoder in the host's memory, and the selected one on the GPU."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from nerv360.decoding.compiled.gpu import Gpu
from nerv360.networks import frame_times
from nerv360.scene import Decoder


class FramesData(NamedTuple):
    """Times of frames, and n×h×w×c maps of them in pinned memory that is never rewritten."""

    times: list[float]
    maps: list[Tensor]


class Frames:
    """Embeddings, motion maps and times of all frames, and a copy of one frame's on the GPU.

    Finer embeddings of a long clip would take gigabytes of the GPU's memory. Here they are in
    pinned memory that is never rewritten, so a copy may run long after `select` has enqueued it.
    Replays that were enqueued before read the earlier frame.

    Attributes:
        data: of all frames.
        inputs: of the selected frame, on the GPU, always in the same memory: its time, float64 1;
            its embeddings, 1×d×h×w channels-last, coarsest first; and with a still panorama its
            motion map, 1×1×h×w uint8.
    """

    def __init__(self, decoder: Decoder, gpu: Gpu, dtype: torch.dtype) -> None:
        """Copy the embeddings of ``decoder`` to pinned memory, in ``dtype``."""
        self._gpu, self._dtype = gpu, dtype
        self.data = self.data_of(decoder)
        self._selected = [torch.empty_like(rows[:1], device=gpu.device) for rows in self.data.maps]
        time = torch.zeros(1, dtype=torch.float64, device=gpu.device)
        self.inputs = (time, *(rows.permute(0, 3, 1, 2) for rows in self._selected))
        self.select(0)

    def __len__(self) -> int:
        return len(self.data.times)

    def data_of(self, decoder: Decoder) -> FramesData:
        """Return the frames of a decoder of the same configuration, to assign to `data`."""
        maps = [self._pinned(each, self._dtype) for each in decoder.maps(slice(None))]
        if decoder.config.still_panorama and decoder.still is not None:
            maps.append(self._pinned(decoder.still.motion[:, None], torch.uint8))
        return FramesData(frame_times(decoder.frames).tolist(), maps)

    def select(self, frame: int) -> None:
        """Enqueue the change of `inputs` to those of ``frame``, on the current stream."""
        self.inputs[0].fill_(self.data.times[frame])
        for rows, selected in zip(self.data.maps, self._selected, strict=True):
            self._gpu.upload(rows[frame : frame + 1], selected)

    def _pinned(self, maps: Tensor, dtype: torch.dtype) -> Tensor:
        """Copy n×c×h×w maps to pinned memory as n×h×w×c."""
        rows = maps.permute(0, 2, 3, 1)
        return self._gpu.pinned(tuple(rows.shape), dtype).copy_(rows)
