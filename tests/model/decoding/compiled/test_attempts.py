"""A build that ends the process or its use of the GPU is not repeated at every start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from nerv360.decoding.compiled import attempts as attempts_module
from nerv360.decoding.compiled import engine as opening
from nerv360.decoding.compiled.attempts import Attempts, abandon_builds
from nerv360.decoding.compiled.cache import CacheFile
from nerv360.decoding.compiled.engine import open_compiled
from nerv360.errors import UnavailableError
from tests.support.scenes import CONFIGS, lively_decoder

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


class Gpu:
    """A GPU whose use ends with the first build that goes wrong badly, as CUDA's does.

    Attributes:
        lost: its use has ended, for this process.
        builds: how many were begun, over all processes.
    """

    def __init__(self) -> None:
        self.lost, self.builds = False, 0

    def build(self, *args: object, **options: object) -> str:
        """Build an engine, which ends the use of the GPU."""
        self.builds += 1
        self.lost = True
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def synchronize(self, device: object = None) -> None:
        """Wait for all work, as `torch.cuda.synchronize`."""
        if self.lost:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")


def start(gpu: Gpu, folder: Path, build: Callable[..., str]) -> str:
    """Open the compiled engine in a new process, so to speak."""
    gpu.lost = False
    with ExitStack() as stack:
        for owner, name, value in (
            (opening, "CudaGpu", lambda device: gpu),
            (opening, "cache_key", lambda *args: str(args[-1])),
            (opening, "CacheFile", lambda key: CacheFile(key, folder)),
            (opening, "CompileCache", lambda key: CacheFileThatLoads(key, folder)),
            (opening, "CompiledEngine", build),
            (torch.cuda, "synchronize", gpu.synchronize),
        ):
            stack.enter_context(patch.object(owner, name, value))
        opened: object = open_compiled(lively_decoder(CONFIGS["nerv360"]), CUDA, (24, 48))
        return str(opened)


class CacheFileThatLoads(CacheFile):
    """An empty stand-in for `CompileCache`."""

    def load(self) -> bool:
        return False

    def save(self) -> None:
        pass


def test_an_engine_that_ends_the_gpu_is_tried_twice_and_then_named(tmp_path: Path) -> None:
    gpu = Gpu()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="illegal memory access"):
            start(gpu, tmp_path, gpu.build)
    assert gpu.builds == 2, "in a process whose use of the GPU has ended nothing is built again"
    for _ in range(2):
        with pytest.raises(UnavailableError, match=r"compiled engine is not tried again.*delete /"):
            start(gpu, tmp_path, gpu.build)
    assert gpu.builds == 2


def test_success_and_ordinary_failures_forget_what_was(tmp_path: Path) -> None:
    gpu = Gpu()

    def memory(*args: object, **options: object) -> str:
        raise torch.OutOfMemoryError("20 GiB")

    with pytest.raises(RuntimeError, match="illegal"):
        start(gpu, tmp_path, gpu.build)
    assert start(gpu, tmp_path, lambda *args, **options: "engine") == "engine"
    for _ in range(4):
        with pytest.raises(torch.OutOfMemoryError):
            start(gpu, tmp_path, memory)
    assert start(gpu, tmp_path, lambda *args, **options: "engine") == "engine"
    with pytest.raises(RuntimeError, match="illegal"):
        start(gpu, tmp_path, gpu.build)


CRASH = """
import os, sys, torch
from pathlib import Path
from nerv360.decoding.compiled.attempts import Attempts, abandon_builds
from nerv360.decoding.compiled.cache import CacheFile
with Attempts(CacheFile("a", Path(sys.argv[1])), "fused").attempt(torch.device("cpu")):
    if sys.argv[2] == "abandon":
        abandon_builds()
    os._exit(0)
"""


@pytest.mark.slow
def test_a_process_that_ends_in_a_build_is_counted_unless_it_says_so(tmp_path: Path) -> None:
    file = CacheFile("a", tmp_path)
    for end, count in (("crash", 1), ("abandon", 0), ("crash", 1), ("crash", 2)):
        subprocess.run([sys.executable, "-c", CRASH, str(tmp_path), end], check=True)
        assert len(file.read() or b"") == count
    with pytest.raises(UnavailableError, match="fused"), Attempts(file, "fused").attempt(CPU):
        raise AssertionError("it is not tried")


def test_builds_that_are_abandoned_are_not_counted(tmp_path: Path) -> None:
    file = CacheFile("a", tmp_path)
    with Attempts(file, "compiled").attempt(CPU):
        assert file.read() == b"."
        abandon_builds()
        assert file.read() is None
    abandon_builds()
    assert attempts_module._underway == []
