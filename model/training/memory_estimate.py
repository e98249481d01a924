"""Estimates the memory of a training, or of a part of it, before anything is allocated."""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nerv360.config import ModelConfig
from nerv360.decoding import decoding_bytes
from nerv360.networks import Encoder, count_parameters
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.export import export_bytes
from nerv360.training.loss import DistortionLoss
from nerv360.training.optimiser import optimiser_bytes
from nerv360.training.settings import TrainingSettings

WIDEST_PITCH_DEG = 60.0
"""At this pitch a viewport of the presets depends on the largest part of the sphere."""
OPTIMISER_COPIES = 8
"""The parameters themselves, Adan's four states, and the memory allocated by its step."""

_WORKSPACE = 1.25
"""Factor for the memory of convolutions and the allocator, beside a step's tensors."""
_LIBRARIES = 150 * 2**20
"""Memory of libraries that are loaded after the clip is opened."""


@dataclass(frozen=True)
class TrainingNeeds:
    """Bytes that a whole training allocates: from its clip to its scene.

    Attributes:
        main: of main memory, beside what the process holds already.
        device: of the device's own memory; 0 on a CPU, whose is main memory.
    """

    main: int
    device: int


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


def predicted_bytes(
    part: str,
    config: ModelConfig,
    dtype: torch.dtype = torch.float32,
    settings: TrainingSettings | None = None,
) -> int:
    """Return the peak bytes of all tensors of ``part``, without allocating them.

    Workspaces of convolutions are not included.

    Args:
        part: ``encoding``, ``decoding`` or ``training`` (one picture, batch 1).
        dtype: precision of the networks; if not float32, under autocast.
        settings: of a training; without any it is a step of one look, on whole frames.
    """
    if part == "decoding":
        return decoding_bytes(config, dtype.itemsize) + 4 * count_parameters(config)
    if part == "encoding":
        network, copies, run = _encoding(config)
    else:
        network, copies, run = _training(config, settings or TrainingSettings())
    network.to("meta")
    if dtype is not torch.float32:
        _autocast(network, dtype)
    # Tensors on the meta device have shapes but no memory.
    with torch.device("meta"), LiveBytes() as counter:
        run()
    return counter.peak + copies * sum(4 * p.numel() for p in network.parameters())


def training_needs(
    config: ModelConfig,
    settings: TrainingSettings,
    device: torch.device,
    *,
    pictures: int,
    reading: int,
) -> TrainingNeeds:
    """Predict the peak of a training: reading, steps, evaluation or storing the scene.

    Args:
        pictures: number of the clip's different pictures, all in memory.
        reading: additional bytes for reading the clip.
    """
    picture = 3 * config.frame_height * config.frame_width
    # The still panorama and what is compared with it, in float32, and a second loss.
    over_still = 4 * 2 * picture if config.still_panorama else 0
    plain = config.replace(still_panorama=False)
    step, loss, judging, states = _parts(
        plain, settings.viewports, settings.optimiser, settings.crops
    )
    step += over_still + (loss if config.still_panorama else 0)
    judging += over_still + 4 * 2 * picture
    kept = over_still + states
    working, storing = round(_WORKSPACE * max(step, judging)), export_bytes(config, pictures)
    held = pictures * picture + _LIBRARIES
    if device.type == "cpu":
        return TrainingNeeds(held + kept + max(reading, working, storing + judging), 0)
    return TrainingNeeds(held + max(reading, storing), kept + working)


@functools.lru_cache(maxsize=8)
def _parts(
    config: ModelConfig, viewports: int, optimiser: str, crops: bool
) -> tuple[int, int, int, int]:
    """Return the bytes of a step, of another loss, of an evaluation and of the optimiser's states.

    Finding them takes a second, which trainings in chapters would spend on each.
    """
    settings = TrainingSettings(viewports=viewports, optimiser=optimiser, crops=crops)
    return (
        predicted_bytes("training", config, settings=settings),
        _loss_bytes(config, settings),
        predicted_bytes("encoding", config) + predicted_bytes("decoding", config),
        optimiser_bytes(Autoencoder(config).to("meta"), settings),
    )


def _loss_bytes(config: ModelConfig, settings: TrainingSettings) -> int:
    """Estimate the memory that the distortion of a step's pictures keeps for its gradient."""
    height, width = Autoencoder(config, crops=settings.crops).target_size
    loss = DistortionLoss(height, width).to("meta")
    with torch.device("meta"), LiveBytes() as counter:
        pictures = torch.empty(settings.viewports, 3, height, width, requires_grad=True)
        loss(pictures, torch.empty_like(pictures)).backward()
    return counter.peak


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


def _training(config: ModelConfig, settings: TrainingSettings) -> Prepared:
    network = Autoencoder(config, crops=settings.crops)
    loss = DistortionLoss(*network.target_size).to("meta")

    def run() -> None:
        frame, time = _frame(config), torch.empty(1, dtype=torch.float64)
        values = [[0.0, math.radians(WIDEST_PITCH_DEG), 0.0, math.radians(config.hfov_deg)]]
        look = torch.tensor(values * settings.viewports, dtype=torch.float64, device="cpu")
        loss(network(frame, time, look), network.target(frame, look)).backward()

    return network, OPTIMISER_COPIES, run


def _frame(config: ModelConfig) -> Tensor:
    return torch.empty(1, 3, config.frame_height, config.frame_width)
