"""Files of the system that a compiler needs are looked for first; what is missing is named."""

from __future__ import annotations

import logging
import sys
import sysconfig
from pathlib import Path

import pytest
import torch

from nerv360 import toolchain
from nerv360.decoding import ENGINES, check_engine, open_engine
from nerv360.errors import InputError, UnavailableError
from nerv360.lab.worker import reason_of
from nerv360.viewer.failures import describe
from tests.support.fake_driver import install_torch
from tests.support.scenes import TINY, tiny_scene

CUDA = torch.device("cuda")
CARD = ("NVIDIA GeForce RTX 4090", (8, 9))


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is all of PATH, with a C compiler, and one for Python's header in it."""
    add(tmp_path / "gcc")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    include = tmp_path / "include"
    include.mkdir()
    (include / "Python.h").write_text("")
    real = sysconfig.get_paths
    monkeypatch.setattr(sysconfig, "get_paths", lambda **k: {**real(**k), "include": str(include)})
    return tmp_path


def add(program: Path) -> None:
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


def as_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this Python be the distribution's own."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    names = {
        sys.executable: f"/usr/bin/python{version}",
        "/usr/bin/python3": f"/usr/bin/python{version}",
    }
    monkeypatch.setattr("os.path.realpath", lambda path: names.get(str(path), str(path)))


def test_with_a_compiler_and_the_header_nothing_is_missing(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_torch(monkeypatch, CARD)
    assert toolchain.missing_tools() is None
    assert ENGINES["compiled"].refusal(TINY, CUDA) is None
    assert ENGINES["fused"].refusal(TINY, CUDA) is None


@pytest.mark.parametrize("engine", ["compiled", "fused"])
@pytest.mark.parametrize(
    ("lacking", "named"), [("gcc", "a C compiler"), ("include/Python.h", "include/Python.h")]
)
def test_what_is_missing_is_one_sentence_with_the_remedy(
    engine: str, lacking: str, named: str, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_torch(monkeypatch, CARD)
    as_of_the_system(monkeypatch)
    add(tools / "apt")
    (tools / lacking).unlink()
    with pytest.raises(InputError) as refused:
        check_engine(engine, TINY, CUDA)
    sentence = str(refused.value)
    assert sentence.startswith(f"the {engine} engine needs ")
    assert named in sentence
    assert sentence.endswith("which is not installed: apt install gcc python3-dev")
    with pytest.raises(UnavailableError) as unavailable:
        ENGINES[engine].open(tiny_scene().decoders["nerv360"], CUDA, (24, 48))
    assert reason_of(unavailable.value) == describe(unavailable.value) == sentence


@pytest.mark.parametrize(
    ("installer", "remedy"),
    [("dnf", "dnf install gcc python3-devel"), ("pacman", "pacman -S gcc"), ("", "headers of")],
)
def test_the_remedy_is_the_systems_own(
    installer: str, remedy: str, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_of_the_system(monkeypatch)
    if installer:
        add(tools / installer)
    (tools / "gcc").unlink()
    assert remedy in str(toolchain.missing_tools())


def test_another_python_than_the_systems_is_not_mended_by_its_packages(tools: Path) -> None:
    add(tools / "apt")
    (tools / "include" / "Python.h").unlink()
    reason = str(toolchain.missing_tools())
    assert "apt" not in reason
    assert "that has its headers" in reason


def test_the_compiler_is_the_one_that_triton_takes(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tools / "clang")
    assert toolchain.c_compiler() == str(tools / "gcc")
    (tools / "gcc").unlink()
    assert toolchain.c_compiler() == str(tools / "clang")
    monkeypatch.setenv("CC", "icc")
    assert (
        toolchain.missing_tools()
        == "needs a C compiler, and CC names icc, which is not here: unset CC"
    )
    add(tools / "icc")
    assert toolchain.c_compiler() == str(tools / "icc")


def test_auto_says_so_and_decodes_uncompiled(
    tools: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install_torch(monkeypatch, CARD)
    (tools / "gcc").unlink()
    monkeypatch.setattr("nerv360.decoding.eager.EagerEngine", lambda *args: "eager")
    with caplog.at_level(logging.WARNING):
        opened: object = open_engine(tiny_scene(), "nerv360", CUDA)
    assert opened == "eager"
    (message,) = caplog.messages
    assert message.startswith(
        "pictures are decoded uncompiled: the compiled engine needs a C compiler, which is not"
    )


def test_cards_that_triton_makes_no_code_for_are_named(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_torch(monkeypatch, ("NVIDIA TITAN X", (6, 1)), codes="sm_60 sm_70 sm_80")
    reason = "needs a card of compute capability 7.0 or newer, and NVIDIA TITAN X has 6.1"
    assert ENGINES["compiled"].refusal(TINY, CUDA) == reason


def test_a_compiler_that_fails_is_named() -> None:
    from subprocess import CalledProcessError

    inner = CalledProcessError(1, ["/usr/bin/gcc", "/tmp/x/main.c", "-O3"])
    outer = RuntimeError("backend='compiler' raised:\nCalledProcessError: Command [...] returned")
    outer.inner_exception = inner  # type: ignore[attr-defined]
    for error in (inner, outer):
        said = "/usr/bin/gcc failed with exit code 1 while it compiled"
        assert reason_of(error) == describe(error) == said


def test_memory_that_ran_out_is_said_with_what_would_help() -> None:
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has")
    said = "the device is out of memory; close what else uses it"
    assert reason_of(error) == describe(error) == said
