"""The examination: one line for each requirement of the program."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from nerv360.decoding import ENGINES
from nerv360.lab.worker import WorkerError, run_alone
from nerv360.viewer.commands.examination.decoding import decoding_facts
from nerv360.viewer.commands.examination.graphics import graphics_facts
from nerv360.viewer.commands.examination.machine import machine_facts

Facts = dict[str, Any]

_LIMIT_S = 120.0
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


@dataclass(frozen=True)
class Finding:
    """One line of the examination.

    Attributes:
        name: of the requirement.
        good: it is there and works.
        text: its description, or the problem and its remedy.
    """

    name: str
    good: bool
    text: str


def examine() -> list[Finding]:
    """Check everything that the program needs; parts that may crash run in another process."""
    machine = _asked(machine_facts)
    decoding = _asked(decoding_facts)
    graphics = _asked(partial(graphics_facts, decoding.get("device", "cpu")))
    return findings(machine, decoding, graphics)


def findings(machine: Facts, decoding: Facts, graphics: Facts) -> list[Finding]:
    """Return a line for each requirement.

    Facts that could not be found hold only ``failed``, the reason.
    """
    return [
        Finding("Python", True, f"{platform.python_version()}, {sys.executable}"),
        _torch(decoding),
        _card(machine, decoding),
        _compiler(machine),
        _opengl(graphics),
        _interop(decoding, graphics),
        _browser(machine),
        *_engines(decoding, graphics),
    ]


def _asked(question: Callable[[], Facts], environment: Mapping[str, str] | None = None) -> Facts:
    """Return the facts that another process finds, or the reason why it finds none."""
    try:
        return run_alone(question, _LIMIT_S, environment)
    except (WorkerError, OSError) as error:
        return {"failed": str(error)}


def _torch(decoding: Facts) -> Finding:
    if "failed" in decoding:
        return Finding("torch", False, f"cannot be asked: {decoding['failed']}")
    built = f"built for CUDA {decoding['cuda']}" if decoding["cuda"] else "built without CUDA"
    return Finding("torch", True, f"{decoding['torch']}, {built}")


def _card(machine: Facts, decoding: Facts) -> Finding:
    driver = machine.get("driver") or "no NVIDIA driver"
    card = decoding.get("card")
    if card is not None:
        return Finding("card", True, f"{card}; {driver}")
    if "failed" in machine:
        driver = f"the driver cannot be asked: {machine['failed']}"
    refusal = decoding.get("card_refusal")
    return Finding("card", False, refusal or driver)


def _compiler(machine: Facts) -> Finding:
    if "failed" in machine:
        return Finding("compiler", False, f"cannot be looked for: {machine['failed']}")
    triton = f"Triton {machine['triton']}" if machine["triton"] else "no Triton"
    if machine["tools"] is not None:
        return Finding("compiler", False, f"{machine['tools']}; {triton}")
    return Finding("compiler", True, f"{machine['compiler']}, {machine['header']}; {triton}")


def _opengl(graphics: Facts) -> Finding:
    if "failed" in graphics:
        lacks = sys.platform.startswith("linux") and not any(map(os.environ.get, _DISPLAYS))
        text = "there is no screen here" if lacks else graphics["failed"]
        return Finding("OpenGL", False, text)
    how = ", on the CPU" if graphics["software"] else ""
    return Finding("OpenGL", True, f"{graphics['opengl']}, {graphics['renderer']}{how}")


def _interop(decoding: Facts, graphics: Facts) -> Finding:
    if "failed" in graphics:
        return Finding("interop", False, "needs a window")
    if graphics["interop"] is not None:
        return Finding("interop", False, graphics["interop"])
    return Finding("interop", True, f"pictures go from {decoding['card']} into its textures")


def _browser(machine: Facts) -> Finding:
    browser = machine.get("browser")
    if browser is None:
        text = "none is found; `nerv360 serve --no-browser` prints the page's address"
        return Finding("browser", False, text)
    return Finding("browser", True, browser)


def _engines(decoding: Facts, graphics: Facts) -> list[Finding]:
    """Return a line for each engine of the table."""
    reasons = decoding.get("engines", {})
    lines = []
    for kind in ENGINES.values():
        if kind.name == "gl":
            reason = "needs a window" if "failed" in graphics else graphics["gl"]
        elif "failed" in decoding:
            reason = "needs torch"
        else:
            reason = reasons[kind.name]
        ready = "ready; it compiles at its first start" if kind.compiles else "ready"
        lines.append(Finding(f"{kind.name} engine", reason is None, reason or ready))
    return lines
