"""The table of engines: names, devices, reasons against them, and how to open them.

Options, help, benchmarks, documents and the viewer's fallbacks use it. Importing it loads neither
torch nor a compiler; an opener loads what its engine needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from nerv360.errors import UnavailableError

if TYPE_CHECKING:
    import torch

    from nerv360.config import ModelConfig
    from nerv360.decoding.engine import Engine
    from nerv360.networks import Architecture
    from nerv360.scene import Decoder

_CALLED = {"cpu": "the CPU", "cuda": "a CUDA device", "mps": "a Metal device"}
_TRITON_CAPABILITY = (7, 0)
_FUSED_CAPABILITIES = (8, 9, 12)
"""Major compute capabilities.

Older cards lack the matrix units that Triton uses. For 10.0 Triton 3.7 compiles the kernels to code
that only traps, which would end the process's use of the GPU.
"""


@dataclass(frozen=True)
class EngineKind:
    """One entry of the table.

    Reasons are clauses that follow "the eager engine", such as "needs a CUDA device".

    Attributes:
        name: chosen by users and shown with results; also its engines' `Engine.name`.
        summary: a clause for documents.
        opener: makes an engine for a decoder, a device and pictures of a height and width.
        devices: types of devices it supports.
        unsuited: returns the reason why it does not suit a configuration here, or None.
        missing: returns the reason why it cannot run on a supported device, such as a missing
            compiler, or None.
        compiles: it needs a compiler: opening takes seconds to minutes, and may raise any error.
    """

    name: str
    summary: str
    opener: Callable[[Decoder, torch.device, tuple[int, int]], Engine]
    devices: tuple[str, ...] = ("cpu", "cuda", "mps")
    unsuited: Callable[[ModelConfig], str | None] = lambda config: None
    missing: Callable[[torch.device], str | None] = lambda device: None
    compiles: bool = False

    def suits(self, config: ModelConfig, device: torch.device) -> bool:
        """Return True if it suits this decoder and device, even if a tool it needs is missing."""
        return device.type in self.devices and self.unsuited(config) is None

    def refusal(self, config: ModelConfig, device: torch.device) -> str | None:
        """Return the first reason why it cannot decode there, or None if it can."""
        if (reason := self.unsuited(config)) is not None:
            return reason
        if device.type not in self.devices:
            return f"needs {' or '.join(_CALLED[name] for name in self.devices)}, not {device}"
        return self.missing(device)

    def open(self, decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
        """Open an engine for pictures of ``size``, height and width, from `picture_size`.

        Raises:
            UnavailableError: something that it needs is missing here.
            RuntimeError: memory runs out.
            Exception: a compiler failed.
        """
        if (reason := self.missing(device)) is not None:
            raise UnavailableError(f"the {self.name} engine {reason}")
        return self.opener(decoder, device, size)


def _open_eager(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    from nerv360.decoding.eager import EagerEngine

    return EagerEngine(decoder, device, size)


def _open_folded(
    decoder: Decoder, device: torch.device, size: tuple[int, int], precision: str = "float32"
) -> Engine:
    import torch

    from nerv360.decoding.folded import FoldedEngine

    return FoldedEngine(decoder, device, size, getattr(torch, precision))


def _open_compiled(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    from nerv360.decoding.preloading import load_compilers

    load_compilers()
    from nerv360.decoding.compiled import open_compiled

    return open_compiled(decoder, device, size)


def _open_fused(decoder: Decoder, device: torch.device, size: tuple[int, int]) -> Engine:
    from nerv360.decoding.preloading import load_compilers

    load_compilers()
    from nerv360.decoding.triton import open_fused

    return open_fused(decoder, device, size)


def _architecture(config: ModelConfig) -> type[Architecture]:
    from nerv360.networks import architecture_of

    return architecture_of(config)


def _unsuited_to_bfloat16(config: ModelConfig) -> str | None:
    from nerv360.devices import multiplies_bfloat16

    if not _architecture(config).suits_bfloat16:
        return f"is too coarse for {config.architecture}"
    return None if multiplies_bfloat16() else "needs a processor that multiplies bfloat16"


def _frames_in_crops(config: ModelConfig) -> str | None:
    if config.project_after and _architecture(config).full_frame:
        return f"cannot decode the crop that a look sees of a frame of {config.architecture}"
    return None


def _stages_of_viewports(config: ModelConfig) -> str | None:
    if _architecture(config).full_frame:
        return f"decodes viewports, and {config.architecture} whole frames"
    if config.project_after == len(config.strides):
        return (
            f"is for stages after the projection, and project_after {config.project_after} is all"
        )
    return None


def _missing_for_compiled(device: torch.device) -> str | None:
    import importlib.util

    import torch

    from nerv360.toolchain import missing_tools

    if importlib.util.find_spec("triton") is None:
        return "needs Triton, which is not installed: pip install triton"
    if torch.cuda.is_available() and torch.version.hip is None:
        capability = torch.cuda.get_device_capability(device)
        if capability < _TRITON_CAPABILITY:
            return (
                f"needs a card of compute capability 7.0 or newer, and "
                f"{torch.cuda.get_device_name(device)} has {capability[0]}.{capability[1]}"
            )
    return missing_tools()


def _missing_for_fused(device: torch.device) -> str | None:
    import torch

    if (reason := _missing_for_compiled(device)) is not None:
        return reason
    if not torch.cuda.is_available():
        return None
    if torch.cuda.get_device_capability(device)[0] not in _FUSED_CAPABILITIES:
        return f"has kernels that were not tried on {torch.cuda.get_device_name(device)}"
    return None


_UNDRAWN = EngineKind(
    "gl",
    "fragment shaders, on whatever draws the window",
    _open_eager,  # never called, because something is missing
    unsuited=_frames_in_crops,
    missing=lambda device: "needs graphics, which the viewer opens",
)

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
            unsuited=_frames_in_crops,
            missing=_missing_for_compiled,
            compiles=True,
        ),
        EngineKind(
            "fused",
            "as compiled, its stages in Triton kernels of the project's own",
            _open_fused,
            devices=("cuda",),
            unsuited=_stages_of_viewports,
            missing=_missing_for_fused,
            compiles=True,
        ),
        _UNDRAWN,
    )
}
"""By name, the plainest first. The first runs everywhere and is the fallback of the others."""


def draw_by(opener: Callable[[Decoder, tuple[int, int]], Engine] | None) -> None:
    """Let ``opener`` open the gl engine from now on; None if nothing can draw.

    An application has the graphics: it draws the plans of `nerv360.shaders`.

    Args:
        opener: makes an engine for pictures of a height and width; raises RuntimeError if they
            cannot be drawn.
    """
    if opener is None:
        ENGINES["gl"] = _UNDRAWN
        return
    ENGINES["gl"] = replace(
        _UNDRAWN,
        opener=lambda decoder, device, size: opener(decoder, size),
        missing=lambda device: None,
    )
