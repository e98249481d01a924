"""Estimates the memory of a part of the comparison before anything is allocated."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from model.config import ModelConfig
from model.decoding import to_rgba
from model.geometry import pad_erp
from model.networks import Encoder, build_decoder, compared_panorama, motion_size
from model.training import Autoencoder, DistortionLoss

WIDEST_PITCH_DEG = 60.0
"""At this pitch a viewport of the presets depends on the largest part of the sphere."""
OPTIMISER_COPIES = 8
"""The parameters themselves, Adan's four states, and the memory allocated by its step."""


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all living tensors, including the backward pass."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = 0
        self.peak = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        self.peak = max(self.peak, self.live)
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self.live += storage.nbytes()
            weakref.finalize(storage, self._free, key)

    def _free(self, key: int) -> None:
        self.live -= self._sizes.pop(key)


def predicted_bytes(part: str, config: ModelConfig, dtype: torch.dtype = torch.float32) -> int:
    """Return the peak bytes of all tensors of ``part``, without allocating them.

    Workspaces of convolutions are not included.

    Args:
        part: ``encoding``, ``decoding`` or ``training`` (one picture, batch 1).
        dtype: precision of the networks; if not float32, under autocast.
    """
    prepare = {"encoding": _encoding, "decoding": _decoding, "training": _training}[part]
    network, copies, run = prepare(config)
    network.to("meta")
    if dtype is not torch.float32:
        _autocast(network, dtype)
    # Tensors on the meta device have shapes but no memory.
    with torch.device("meta"), LiveBytes() as counter:
        run()
    return counter.peak + copies * sum(4 * p.numel() for p in network.parameters())


def _autocast(network: nn.Module, dtype: torch.dtype) -> None:
    """Let layers multiply in ``dtype`` and normalise in float32, like autocast on CUDA.

    The meta device has no autocast.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.to(dtype).register_forward_pre_hook(_to(dtype))
        elif isinstance(module, nn.LayerNorm):
            module.register_forward_pre_hook(_to(torch.float32))


def _to(dtype: torch.dtype) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    return lambda _, inputs: tuple(x.to(dtype) for x in inputs)


Prepared = tuple[nn.Module, int, Callable[[], None]]
"""A network, the number of copies of its parameters, and the function to run."""


def _encoding(config: ModelConfig) -> Prepared:
    encoder = Encoder(config)

    @torch.no_grad()
    def run() -> None:
        encoder(_frame(config))

    return encoder, 1, run


def _decoding(config: ModelConfig) -> Prepared:
    network = build_decoder(config, "meta")
    coverage, still = network.coverage, _frame(config).to("meta")
    compared, there = still[..., :0], motion_size(config.frame_height, config.frame_width)
    if coverage is not None:
        whole = network.full_frame
        compared = coverage.compared_frame(still) if whole else compared_panorama(still)

    @torch.no_grad()
    def run() -> None:
        embedding, *finer = (torch.empty(1, *shape) for shape in config.embedding_shapes)
        panorama, motion = torch.empty_like(compared), torch.empty(1, 1, *there)
        time, look = _time_and_look()
        picture, alpha = network(embedding, time, look, finer=finer), None
        if coverage is not None:
            if network.full_frame:
                cells = (panorama.shape[-2], panorama.shape[-1])
                motion = coverage.frame_motion(motion, cells)
            else:
                size = (picture.shape[-2], picture.shape[-1])
                panorama = coverage.compared_viewports(panorama, look, size)
                motion = coverage.compared_viewports(pad_erp(motion, 1), look, size)
            alpha = coverage(picture, panorama, motion)
        to_rgba(picture, alpha)

    return network, 1, run


def _training(config: ModelConfig) -> Prepared:
    network = Autoencoder(config)
    loss = DistortionLoss(*network.target_size).to("meta")

    def run() -> None:
        frame, (time, _) = _frame(config), _time_and_look()
        values = [[0.0, math.radians(WIDEST_PITCH_DEG), 0.0, math.radians(config.hfov_deg)]]
        look = torch.tensor(values, dtype=torch.float64, device="cpu")
        loss(network(frame, time, look), network.target(frame, look)).backward()

    return network, OPTIMISER_COPIES, run


def _frame(config: ModelConfig) -> Tensor:
    return torch.empty(1, 3, config.frame_height, config.frame_width)


def _time_and_look() -> tuple[Tensor, Tensor]:
    return torch.empty(1, dtype=torch.float64), torch.empty(1, 4, dtype=torch.float64)
