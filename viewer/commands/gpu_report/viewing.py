"""Runs ``nerv360 view`` as a user does, and reads its log."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nerv360.lab.worker import WorkerError
from nerv360.viewer.commands.gpu_report.values import Start, ViewLog, ViewRun
from nerv360.viewer.paths import PROGRAM

_TOLD = {
    "first_picture_s": re.compile(r"first picture ([\d.]+) s after"),
    "faster_engine_s": re.compile(r"a faster engine was built in ([\d.]+) s"),
    "shown": re.compile(r"(\d+) pictures shown"),
    "decoded": re.compile(r"pictures shown, (\d+) decoded"),
    "decode_ms": re.compile(r"the latest pictures took ([\d.]+) ms"),
    "engine": re.compile(r"the latest pictures took .* by the (\S+) engine"),
    "upload_ms": re.compile(r"engine, and ([\d.]+) ms by"),
    "upload": re.compile(r"engine, and [\d.]+ ms by (.+)$"),
    "no_faster_engine": re.compile(r"there is no faster engine: (.+)$"),
}
_WORDS = ("engine", "upload", "no_faster_engine")


def run_view(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> ViewRun:
    """Run the viewer until it closes, and return `told` of its log.

    Args:
        arguments: after ``nerv360 view``; ``--exit-after`` among them.
        folder: for its settings.
        environment: of the process.

    Raises:
        WorkerError: it failed.
    """
    started = time.perf_counter()
    with _view(arguments, folder, environment) as process:
        printed, _ = process.communicate()
    lines = printed.splitlines()
    sys.stderr.write(printed)
    if process.returncode:
        last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
        raise WorkerError(f"nerv360 view ended with exit code {process.returncode}: {last}")
    return {**told(lines), "seconds": round(time.perf_counter() - started, 2)}


def run_view_until_fast(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], compiles: bool
) -> Start:
    """Run the viewer until the first picture and the fastest engine are there.

    Args:
        compiles: a faster engine is being built behind the first one.
    """
    lines: list[str] = []
    started = time.perf_counter()
    wanted = {"first_picture_s", "faster_engine_s"} if compiles else {"first_picture_s"}
    fastest_s = None
    with _view(arguments, folder, environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stderr.write(line)
            lines.append(line.rstrip("\n"))
            known = told(lines)
            if wanted <= known.keys() or "no_faster_engine" in known:
                fastest_s = round(time.perf_counter() - started, 2)
                break
        process.kill()
    if fastest_s is None:
        raise WorkerError(f"nerv360 view showed no picture: {lines[-1] if lines else 'no word'}")
    known = told(lines)
    # The system's clock for starts of processes is a little off.
    return {**known, "fastest_engine_after_s": max(fastest_s, known.get("first_picture_s", 0.0))}


def told(lines: Sequence[str]) -> ViewLog:
    """Return numbers and words of a log of the viewer's, the latest of each."""
    values: Any = {}
    for line in lines:
        for name, pattern in _TOLD.items():
            if found := pattern.search(line):
                values[name] = found[1] if name in _WORDS else float(found[1])
    return values


def _view(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nerv360.viewer", "view", *arguments],
        cwd=PROGRAM,
        env={**os.environ, **environment, "XDG_CONFIG_HOME": str(folder / "settings")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
