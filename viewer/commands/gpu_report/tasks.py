"""Work of the steps of a report, each done in a process of its own.

Results are plain JSON values.
"""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nerv360.viewer.commands.gpu_report.values import Facts, Starts, WindowRun
from nerv360.viewer.commands.gpu_report.viewing import run_view, run_view_until_fast

if TYPE_CHECKING:
    import torch

    from nerv360.config import ModelConfig

Values = dict[str, Any]

_FRAMES = 8
DECODERS = ("nerv360", "hnerv", "hnerv-boost")


@dataclass(frozen=True)
class Subject:
    """Decoders with random weights on a device: a preset, a fraction of its sides, a device."""

    preset: str
    scale: str
    device: str

    def config(self, decoder: str) -> ModelConfig:
        """Return the configuration of one of `DECODERS`."""
        if self.preset == "paper-aligned":
            from nerv360.networks import preset

            return preset("paper-aligned")
        from nerv360.lab.benchmarks import comparison

        return comparison(self.preset, Fraction(self.scale))[decoder]

    def chosen(self) -> torch.device:
        """Return the device.

        Raises:
            InputError: there is no such device.
        """
        from nerv360.devices import choose_device

        return choose_device(self.device)


def facts(subject: Subject) -> Facts:
    """Tell of the machine, and why engines cannot decode here, by decoder and engine."""
    import importlib.metadata
    import importlib.util

    import torch

    from nerv360.decoding import ENGINES
    from nerv360.lab.benchmarks import machine_facts

    device = subject.chosen()
    cuda = device.type == "cuda"
    triton = importlib.util.find_spec("triton") is not None
    refusals: dict[str, dict[str, str | None]] = {}
    for name in DECODERS:
        config = subject.config(name)
        refusals[name] = {
            kind.name: None if kind.name == "gl" else kind.refusal(config, device)
            for kind in ENGINES.values()
            if kind.unsuited(config) is None and (kind.compiles or device.type in kind.devices)
        }
    known = {
        **asdict(machine_facts(device)),
        "capability": list(torch.cuda.get_device_capability(device)) if cuda else None,
        "triton": importlib.metadata.version("triton") if triton else None,
        "refusals": refusals,
    }
    return cast("Facts", known)


def decode(subject: Subject, name: str, engine: str, pictures: int) -> Values:
    """Measure speed and memory of one engine of one decoder."""
    from nerv360.lab.benchmarks import engines_for, measure_engine, random_decoder
    from nerv360.viewer.commands.hidden_graphics import hidden_graphics

    decoder = random_decoder(subject.config(name), _FRAMES)
    drawn = engine == "gl"
    with hidden_graphics(reads=False, software=False) if drawn else nullcontext():
        opened = engines_for(decoder, subject.chosen())[engine]()
        return asdict(measure_engine(opened, name, decoder.config, _FRAMES, pictures))


def part(subject: Subject, name: str, part: str, pictures: int) -> Values:
    """Measure one part of the paper's table 1."""
    from nerv360.lab.benchmarks import measure_part_here

    return asdict(measure_part_here(part, subject.config(name), subject.chosen(), pictures))


def uploads(subject: Subject) -> Values:
    """Time pictures from the device into a texture, with interop and without it."""
    from nerv360.decoding import picture_size
    from nerv360.viewer.commands.bench_uploads import measure_uploads

    device = subject.chosen()
    sizes = sorted({picture_size(subject.config(name)) for name in DECODERS})
    ways = (True, False) if device.type == "cuda" else (False,)
    return {
        "uploads": [
            asdict(speed) for interop in ways for speed in measure_uploads(sizes, device, interop)
        ]
    }


def window(subject: Subject, decoder: str | None, seconds: float, screenshot: Path) -> WindowRun:
    """Open a window as a user does, with a random decoder or the demo, and photograph it."""
    from nerv360.lab.benchmarks import random_scene
    from nerv360.scene import write_scene

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments = ["--device", subject.device, "--wander"]
        arguments += ["--exit-after", str(seconds), "--screenshot", str(screenshot)]
        arguments += ["--size", "1920x1080" if subject.scale == "1" else "960x540"]
        if decoder is not None:
            scene = folder / f"{decoder}.safetensors"
            write_scene(scene, random_scene(subject.config(decoder), _FRAMES))
            arguments = [str(scene), "--decoder", decoder, *arguments]
        return {**run_view(arguments, folder, {}), "screenshot": screenshot.name}


def start(subject: Subject) -> Starts:
    """Start the viewer twice, the first time with empty caches."""
    from nerv360.decoding import needs_compiler

    compiles = needs_compiler("auto", subject.chosen())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        caches = {
            "XDG_CACHE_HOME": folder / "cache",
            "TRITON_CACHE_DIR": folder / "triton",
            "TORCHINDUCTOR_CACHE_DIR": folder / "inductor",
            "CUDA_CACHE_PATH": folder / "cuda",
        }
        environment = {variable: str(path) for variable, path in caches.items()}
        arguments = ["--device", subject.device, "--size", "1280x720"]
        cold, warm = (
            run_view_until_fast(arguments, folder, environment, compiles) for _ in range(2)
        )
    return {"cold": cold, "warm": warm}
