"""One step of a report, in a process of its own.

``python -m nerv360.viewer.commands.gpu_report.worker TASK`` takes plain JSON values, whose
``kind`` names one of `KINDS`, and prints one line of JSON: the result, or the reason as
``failed``, or as ``refused`` if this machine does not have what the step needs.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerv360.errors import InputError, UnavailableError
from nerv360.viewer.commands.examination import ChildError
from nerv360.viewer.commands.gpu_report.suite import run_cuda_tests, run_soak
from nerv360.viewer.commands.gpu_report.viewing import run_view, run_view_until_fast

if TYPE_CHECKING:
    from nerv360.config import ModelConfig
    from nerv360.scene import Decoder

Values = dict[str, Any]

FPS = 30.0
_FRAMES = 8
_PR_SET_PDEATHSIG = 1
_DECODERS = ("nerv360", "hnerv", "hnerv-boost")


def facts(task: Values) -> Values:
    """Tell of the machine, and why engines cannot decode here, by decoder and engine."""
    import importlib.metadata
    import importlib.util

    import torch

    from nerv360.decoding import ENGINES
    from nerv360.devices import choose_device
    from nerv360.lab.benchmarks import machine_facts

    device = choose_device(task["device"])
    cuda = device.type == "cuda"
    triton = importlib.util.find_spec("triton") is not None
    refusals: Values = {}
    for name in _DECODERS:
        config = _config(task, name)
        refusals[name] = {
            kind.name: None if kind.name == "gl" else kind.refusal(config, device)
            for kind in ENGINES.values()
            if kind.unsuited(config) is None and (kind.compiles or device.type in kind.devices)
        }
    return {
        **asdict(machine_facts(device)),
        "capability": list(torch.cuda.get_device_capability(device)) if cuda else None,
        "triton": importlib.metadata.version("triton") if triton else None,
        "refusals": refusals,
    }


def decode(task: Values) -> Values:
    """Measure speed and memory of one engine of one decoder."""
    from nerv360.devices import choose_device
    from nerv360.lab.benchmarks import engines_for, measure_engine
    from nerv360.viewer.commands.hidden_graphics import hidden_graphics

    device, name = choose_device(task["device"]), task["decoder"]
    decoder = _random(task, name)
    with ExitStack() as stack:
        if task["engine"] == "gl":
            stack.enter_context(hidden_graphics(reads=False, software=False))
        opener = engines_for(decoder, device)[task["engine"]]
        result = measure_engine(opener(), name, decoder.config, _FRAMES, task["pictures"])
    return asdict(result)


def part(task: Values) -> Values:
    """Measure one part of the paper's table 1."""
    from nerv360.devices import choose_device
    from nerv360.lab.benchmarks import measure_part_here

    config, device = _config(task, task["decoder"]), choose_device(task["device"])
    return asdict(measure_part_here(task["part"], config, device, task["pictures"]))


def uploads(task: Values) -> Values:
    """Time pictures from the device into a texture, with interop and without it."""
    from nerv360.decoding import picture_size
    from nerv360.devices import choose_device
    from nerv360.viewer.commands.bench_uploads import measure_uploads

    device = choose_device(task["device"])
    sizes = sorted({picture_size(_config(task, name)) for name in _DECODERS})
    ways = (True, False) if device.type == "cuda" else (False,)
    return {
        "uploads": [
            asdict(speed) for interop in ways for speed in measure_uploads(sizes, device, interop)
        ]
    }


def window(task: Values) -> Values:
    """Open a window as a user does, with a random decoder or the demo, and photograph it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments = ["--device", task["device"], "--wander"]
        arguments += ["--exit-after", str(task["seconds"]), "--screenshot", task["screenshot"]]
        arguments += ["--size", "1920x1080" if task["scale"] == "1" else "960x540"]
        if task["decoder"] is not None:
            arguments = [str(_random_scene(task, folder)), "--decoder", task["decoder"], *arguments]
        result = run_view(arguments, folder, {})
    return {**result, "screenshot": Path(task["screenshot"]).name}


def start(task: Values) -> Values:
    """Start the viewer twice, the first time with empty caches."""
    from nerv360.decoding import needs_compiler
    from nerv360.devices import choose_device

    compiles = needs_compiler("auto", choose_device(task["device"]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        caches = {
            "XDG_CACHE_HOME": folder / "cache",
            "TRITON_CACHE_DIR": folder / "triton",
            "TORCHINDUCTOR_CACHE_DIR": folder / "inductor",
            "CUDA_CACHE_PATH": folder / "cuda",
        }
        environment = {variable: str(path) for variable, path in caches.items()}
        arguments = ["--device", task["device"], "--size", "1280x720"]
        cold, warm = (
            run_view_until_fast(arguments, folder, environment, compiles) for _ in range(2)
        )
    return {"cold": cold, "warm": warm}


KINDS: dict[str, Callable[[Values], Values]] = {
    "facts": facts,
    "decode": decode,
    "part": part,
    "uploads": uploads,
    "window": window,
    "start": start,
    "tests": run_cuda_tests,
    "soak": run_soak,
}


def perform(task: Values) -> Values:
    """Perform ``task`` here; return its result, or ``failed`` or ``refused`` and the reason."""
    from nerv360.lab.benchmarks import reason_of

    try:
        return KINDS[task["kind"]](task)
    except UnavailableError as error:
        return {"refused": str(error)}
    except (InputError, ChildError) as error:
        return {"failed": str(error)}
    except Exception as error:
        traceback.print_exc()
        return {"failed": reason_of(error)}


def end_with_parent() -> None:
    """End this process and all that it starts, if the one that started it ends first (Linux)."""
    if sys.platform != "linux" or os.getpgrp() != os.getpid():
        return
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    """Perform the task that the command line describes as a JSON object."""
    end_with_parent()
    print(json.dumps(perform(json.loads(sys.argv[1]))), flush=True)


def _config(task: Values, decoder: str) -> ModelConfig:
    from nerv360.lab.benchmarks import comparison

    if task["preset"] == "paper-aligned":
        from nerv360.networks import preset

        return preset("paper-aligned")
    return comparison(task["preset"], Fraction(task["scale"]))[decoder]


def _random(task: Values, name: str) -> Decoder:
    from nerv360.lab.benchmarks import random_decoder

    return random_decoder(_config(task, name), _FRAMES)


def _random_scene(task: Values, folder: Path) -> Path:
    """Write a scene file with one decoder of random weights."""
    from nerv360.scene import Attribution, Scene, write_scene

    name = task["decoder"]
    decoder = _random(task, name)
    size = decoder.config.frame_width, decoder.config.frame_height
    attribution = Attribution(f"Random {name}", "none", "nobody", "none")
    path = folder / f"{name}.safetensors"
    write_scene(path, Scene(attribution, *size, FPS, _FRAMES, {name: decoder}))
    return path


if __name__ == "__main__":
    main()
