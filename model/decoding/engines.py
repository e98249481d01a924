"""The table of engines: names, where each can run or why not, and how it is opened.

Options, help, benchmarks and the viewer's fallbacks follow from it. Importing it loads neither
torch nor a compiler; an opener loads what its engine needs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from model.errors import InputError

if TYPE_CHECKING:
    import torch

    from model.config import ModelConfig
    from model.decoding.engine import Engine
    from model.networks.architecture import Architecture
    from model.scene import Decoder, Scene

log = logging.getLogger(__name__)

_CUDA = "a CUDA device"
_CALLED = {"cpu": "the CPU", "cuda": _CUDA, "mps": "a Metal device"}
_FUSED_CAPABILITIES = (8, 9, 12)
"""Major compute capabilities. Below are no matrix units that Triton uses; for 10.0 Triton 3.7 makes
code of the kernels that only traps, which would end the process's use of the GPU."""


@dataclass(frozen=True)
class EngineKind:
    """One entry of the table.

    Reasons are clauses that go on after "the eager engine", such as "needs a CUDA device".

    Attributes:
        name: chosen by users and shown with results; also its engines' `Engine.name`.
        summary: one line for help and documents.
        opener: makes an engine for a decoder, a device and pictures of a height and width.
        devices: types of devices that it is for.
        unsuited: reason why it is not for a configuration.
        missing: reason why it cannot run on a device that it is for, such as a compiler that is
            not installed.
        compiles: it needs a compiler: seconds to minutes, and errors of any kind.
    """

    name: str
    summary: str
    opener: Callable[[Decoder, torch.device, tuple[int, int]], Engine]
    devices: tuple[str, ...] = ("cpu", "cuda", "mps")
    unsuited: Callable[[ModelConfig], str | None] = lambda config: None
    missing: Callable[[torch.device], str | None] = lambda device: None
    compiles: bool = False

    def suits(self, config: ModelConfig, device: torch.device) -> bool:
        """It is for this decoder and device, whether or not all it needs is installed."""
        return device.type in self.devices and self.unsuited(config) is None

    def refusal(self, config: ModelConfig, device: torch.device) -> str | None:
        """The first reason why it cannot decode there; None where it can."""
        if (reason := self.unsuited(config)) is not None:
            return reason
        if device.type not in self.devices:
            return f"needs {' or '.join(_CALLED[name] for name in self.devices)}, not {device}"
        return self.missing(device)

    def open(self, decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
        """An engine for pictures of ``size``, height and width, as `picture_size` gives it.

        Raises:
            RuntimeError: something that it needs is missing here, or memory runs out.
            Exception: a compiler failed.
        """
        if (reason := self.missing(device)) is not None:
            raise RuntimeError(f"the {self.name} engine {reason}")
        return self.opener(decoder, device, size)


def _open_eager(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    from model.decoding.eager import EagerEngine

    return EagerEngine(decoder, device, size)


def _open_folded(
    decoder: Decoder, device: torch.device, size: tuple[int, int], precision: str = "float32"
) -> Engine:
    import torch

    from model.decoding.folded import FoldedEngine

    return FoldedEngine(decoder, device, size, getattr(torch, precision))


def _open_compiled(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    from model.decoding.compiled import open_compiled

    return open_compiled(decoder, device, size)


def _open_fused(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    from model.decoding.triton import open_fused

    return open_fused(decoder, device, size)


def _unsuited_to_bfloat16(config: ModelConfig) -> str | None:
    from model.devices import multiplies_bfloat16

    if not _architecture(config).suits_bfloat16:
        return f"is too coarse for {config.architecture}"
    return None if multiplies_bfloat16() else "needs a processor that multiplies bfloat16"


def _viewports_alone(config: ModelConfig) -> str | None:
    if _architecture(config).full_frame:
        return f"decodes viewports, and {config.architecture} whole frames"
    return None


def _missing_for_fused(device: torch.device) -> str | None:
    import importlib.util

    import torch

    if importlib.util.find_spec("triton") is None:
        return "needs Triton, which is not installed"
    if not torch.cuda.is_available():
        return None
    if torch.cuda.get_device_capability(device)[0] not in _FUSED_CAPABILITIES:
        return f"has kernels that were not tried on {torch.cuda.get_device_name(device)}"
    return None


ENGINES = {
    kind.name: kind
    for kind in (
        EngineKind("eager", "the network as it was trained, operator by operator", _open_eager),
        EngineKind("folded", "fewer passes over memory, without a compiler", _open_folded),
        EngineKind(
            "folded-bfloat16",
            "folded, its convolutions in bfloat16",
            partial(_open_folded, precision="bfloat16"),
            devices=("cpu",),
            unsuited=_unsuited_to_bfloat16,
        ),
        EngineKind(
            "compiled",
            "one CUDA graph of code by torch's compiler",
            _open_compiled,
            devices=("cuda",),
            compiles=True,
        ),
        EngineKind(
            "fused",
            "as compiled, its stages in Triton kernels of the project's own",
            _open_fused,
            devices=("cuda",),
            unsuited=_viewports_alone,
            missing=_missing_for_fused,
            compiles=True,
        ),
    )
}
"""By name, from the plainest on. The first runs everywhere, and is what others fall back to."""

PLAINEST = next(iter(ENGINES))

POLICIES = {
    "auto": "the fastest that can be had on the device",
    "fastest": "the faster of those that are compiled, measured once on a GPU",
}
"""What stands for an engine that is chosen when the device and the decoder are known."""

_AUTO_ON_CPU = ("folded-bfloat16", "folded")
"""Compiled code was slower there (docs/performance.md)."""


def engine_choices() -> tuple[str, ...]:
    """Names of policies and engines that `open_engine` knows."""
    return ("auto", *ENGINES, "fastest")


def engine_help() -> str:
    """The choices in one line, by the devices that they are for."""
    every = ", ".join(["auto", *(k.name for k in ENGINES.values() if len(k.devices) > 1)])
    on_cpu = ", ".join(k.name for k in ENGINES.values() if k.devices == ("cpu",))
    on_cuda = ", ".join([*(k.name for k in ENGINES.values() if k.devices == ("cuda",)), "fastest"])
    return f"How to decode: {every}; on the CPU also {on_cpu}; on CUDA also {on_cuda}."


def needs_compiler(kind: str, device: torch.device) -> bool:
    """Opening a choice on a device takes a compiler."""
    if kind in POLICIES:
        return any(k.compiles and device.type in k.devices for k in ENGINES.values())
    return ENGINES[kind].compiles


def without_compiler(kind: str, device: torch.device) -> str:
    """The choice that is there at once: ``kind`` itself, or the plainest engine in its place."""
    return PLAINEST if needs_compiler(kind, device) else kind


def check_engine(kind: str, config: ModelConfig, device: torch.device) -> None:
    """Check that a choice decodes a configuration on a device.

    Raises:
        InputError: there is no such choice, or no engine of it decodes that there.
    """
    if kind not in engine_choices():
        raise InputError(f"there is no engine {kind!r}, only {', '.join(engine_choices())}")
    if kind == "auto":
        return
    kinds = _compiling() if kind == "fastest" else [ENGINES[kind]]
    reasons = [each.refusal(config, device) for each in kinds]
    if None not in reasons:
        raise InputError(f"the {kind} engine {reasons[0]}")


def open_engine(
    scene: Scene,
    decoder: str,
    device: str | torch.device = "auto",
    size: tuple[int, int] | None = None,
    kind: str = "auto",
) -> Engine:
    """An engine for one decoder of a scene.

    Args:
        device: a torch device, or ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        size: height and width of a viewport in pixels, brought to the nearest multiple of the
            strides' product; the trained size by default. A full-frame decoder has only its own.
        kind: a name in `ENGINES` or `POLICIES`. ``fastest`` compares all engines that are compiled,
            once on a GPU. ``auto`` is that on CUDA, or eager where no compiler works; on the CPU
            folded, in bfloat16 where it suits decoder and processor; elsewhere eager.

    Raises:
        InputError: the scene has no such decoder, there is no such device, or no such engine
            decodes it there.
        RuntimeError: memory runs out.
        Exception: an engine that needs a compiler was asked for and cannot be built.
    """
    import torch

    from model.devices import choose_device

    stored = scene.decoder(decoder)
    chosen = device if isinstance(device, torch.device) else choose_device(device)
    check_engine(kind, stored.config, chosen)
    pixels = picture_size(stored.config, size)
    if kind == "auto":
        return _open_auto(stored, chosen, pixels)
    if kind == "fastest":
        return _open_fastest(stored, chosen, pixels)
    return ENGINES[kind].open(stored, chosen, pixels)


def _compiling() -> list[EngineKind]:
    return [kind for kind in ENGINES.values() if kind.compiles]


def _open_auto(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    if needs_compiler("auto", device):
        try:
            return _open_fastest(decoder, device, size)
        except Exception as error:  # compilers raise whatever they like
            from model.decoding.compiled import free_frames

            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            log.warning("the decoder cannot be compiled here and runs uncompiled: %s", reason)
            free_frames(error)
    names = _AUTO_ON_CPU if device.type == "cpu" else ()
    suitable = [n for n in names if ENGINES[n].refusal(decoder.config, device) is None]
    return ENGINES[suitable[0] if suitable else PLAINEST].open(decoder, device, size)


def _open_fastest(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    import torch

    from model.decoding.compiled import CacheFile, cache_key, open_fastest

    able = [k for k in _compiling() if k.refusal(decoder.config, device) is None]
    if len(able) == 1:
        return able[0].open(decoder, device, size)
    makers = {k.name: partial(k.open, decoder, device, size) for k in able}
    key = cache_key(decoder, device, size, torch.float16, "fastest")
    return open_fastest(makers, CacheFile(key))


def picture_size(config: ModelConfig, size: tuple[int, int] | None = None) -> tuple[int, int]:
    """Height and width that a decoder yields when asked for ``size``, or for the trained size."""
    if _architecture(config).full_frame:
        return config.frame_height, config.frame_width
    if size is None:
        return config.viewport_height, config.viewport_width
    height, width = (max(2, round(side / config.scale)) * config.scale for side in size)
    return height, width


def _architecture(config: ModelConfig) -> type[Architecture]:
    from model.networks.registry import architecture_of

    return architecture_of(config)
