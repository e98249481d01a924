"""Compiled code is kept between runs, and what is damaged counts as not kept."""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch

from nerv360.decoding import ENGINES, open_engine, with_compiler
from nerv360.decoding.compiled import engine as opening
from nerv360.decoding.compiled.cache import CacheFile, CompileCache, cache_key
from nerv360.decoding.compiled.engine import open_compiled
from nerv360.errors import InputError
from tests.support.scenes import CONFIGS, lively_decoder, tiny_scene

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
PAYLOAD = b"what the compiler made" * 40


@pytest.fixture
def kept(tmp_path: Path) -> CompileCache:
    """Return a file with compiled code."""
    cache = CompileCache("key", tmp_path / "cache")
    with patch("torch.compiler.save_cache_artifacts", return_value=(PAYLOAD, None)):
        cache.save()
    return cache


def test_what_was_saved_is_loaded(kept: CompileCache) -> None:
    with patch("torch.compiler.load_cache_artifacts") as load:
        assert kept.load()
    load.assert_called_once_with(PAYLOAD)
    assert [file.name for file in kept.folder.iterdir()] == ["key.bin"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"garbage" * 100,
        lambda content: content[:-1],
        lambda content: content[:-1] + b"x",
        lambda content: content.replace(b"cache 1", b"cache 0"),
    ],
)
def test_damaged_files_count_as_none(kept: CompileCache, damage: object) -> None:
    assert callable(damage)
    kept.file.write_bytes(damage(kept.file.read_bytes()))
    with patch("torch.compiler.load_cache_artifacts") as load:
        assert not kept.load()
    load.assert_not_called()


def test_what_torch_no_longer_reads_counts_as_none(kept: CompileCache) -> None:
    with patch("torch.compiler.load_cache_artifacts", return_value=None):
        assert not kept.load()


def test_nothing_kept_and_nothing_made_are_no_errors(tmp_path: Path) -> None:
    cache = CompileCache("other", tmp_path / "cache")
    assert not cache.load()
    with patch("torch.compiler.save_cache_artifacts", return_value=None):
        cache.save()
    assert not cache.file.exists()


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with patch("torch.compiler.save_cache_artifacts", return_value=(PAYLOAD, None)):
        CompileCache("key", tmp_path / "cache").save()


def test_the_oldest_files_go(kept: CompileCache) -> None:
    with patch("torch.compiler.save_cache_artifacts", return_value=(PAYLOAD, None)):
        for number in range(40):
            CompileCache(f"key{number}", kept.folder).save()
    assert len(list(kept.folder.iterdir())) == 32


def test_the_key_changes_with_all_that_matters() -> None:
    decoder = lively_decoder(CONFIGS["nerv360"])
    changes: list[dict[str, Any]] = [
        {"blocks": (1, 1, 1, 0)},
        {"level_channels": (0, 2)},
        {"still_panorama": True},
        {"still_panorama": True, "comparison_cell": 8},
    ]
    others = [lively_decoder(CONFIGS["nerv360"].replace(**change)) for change in changes]
    keys = [
        cache_key(decoder, CPU, (24, 48), torch.float16),
        cache_key(decoder, CPU, (24, 48), torch.float32),
        cache_key(decoder, CPU, (48, 48), torch.float16),
        *(cache_key(other, CPU, (24, 48), torch.float16) for other in others),
        cache_key(decoder, CPU, (24, 48), torch.float16, "fused"),
    ]
    with patch.object(torch, "__version__", "9.9"):
        keys.append(cache_key(decoder, CPU, (24, 48), torch.float16))
    assert len(set(keys)) == len(keys)
    longer = lively_decoder(CONFIGS["nerv360"], 4)
    assert cache_key(longer, CPU, (24, 48), torch.float16) == keys[0]
    assert keys[0] == cache_key(decoder, CPU, (24, 48), torch.float16)


@pytest.mark.parametrize("kind", ["compiled", "fused"])
def test_engines_for_gpus_are_refused_without_one(kind: str) -> None:
    with pytest.raises(InputError, match=f"the {kind} engine needs a CUDA device, not cpu"):
        open_engine(tiny_scene(), "nerv360", "cpu", kind=kind)


def replaced(name: str, opener: Callable[..., object]) -> AbstractContextManager[object]:
    """Return the engine's entry with another opener, and all that it needs."""
    entry = replace(ENGINES[name], opener=opener, missing=lambda device: None)  # type: ignore[arg-type]
    return patch.dict(ENGINES, {name: entry})


@pytest.mark.parametrize("name", ["nerv360", "hnerv"])
def test_auto_is_compiled_on_cuda_and_fused_by_name_only(name: str) -> None:
    made: list[str] = []
    scene = tiny_scene("nerv360", "hnerv")
    with (
        patch("nerv360.devices.free_bytes", return_value=2**40),
        replaced("compiled", lambda *args: made.append("compiled")),
        replaced("fused", lambda *args: made.append("fused")),
    ):
        open_engine(scene, name, CUDA)
        if name == "nerv360":
            open_engine(scene, name, CUDA, kind="fused")
    assert made == ["compiled", "fused"][: len(made)]
    assert with_compiler("auto", CUDA) == "compiled"
    assert with_compiler("fused", CUDA) == "fused"


@pytest.mark.parametrize("kind", [RuntimeError, OSError, Exception])
def test_auto_runs_uncompiled_where_no_compiler_works(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*args: object) -> object:
        raise kind("no triton\nat line 1")

    with (
        patch("nerv360.devices.free_bytes", return_value=2**40),
        replaced("compiled", fails),
        replaced("eager", lambda *args: "eager"),
        caplog.at_level(logging.WARNING),
    ):
        opened: object = open_engine(tiny_scene(), "nerv360", CUDA)
    assert opened == "eager"
    assert len(caplog.records) == 1
    assert caplog.messages[0] == (
        "pictures are decoded uncompiled: the compiled engine cannot be built: no triton"
    )


@pytest.mark.parametrize("capability", [(7, 5), (10, 0)])
def test_the_fused_engine_is_kept_from_gpus_it_was_not_tried_on(capability: object) -> None:
    with (
        patch("torch.cuda.is_available", return_value=True),
        patch("torch.cuda.get_device_capability", return_value=capability),
        patch("torch.cuda.get_device_name", return_value="B200"),
    ):
        with pytest.raises(InputError, match="kernels that were not tried on B200"):
            open_engine(tiny_scene(), "nerv360", CUDA, kind="fused")
        with pytest.raises(RuntimeError, match="not tried on B200"):
            ENGINES["fused"].open(lively_decoder(CONFIGS["nerv360"]), CUDA, (24, 48))


def test_the_fused_engine_says_that_triton_is_missing() -> None:
    with (
        patch("importlib.util.find_spec", return_value=None),
        pytest.raises(InputError, match="fused engine needs Triton, which is not installed"),
    ):
        open_engine(tiny_scene(), "nerv360", CUDA, kind="fused")


@pytest.mark.parametrize("failure", [RuntimeError, Exception])
def test_kept_code_that_does_not_run_is_compiled_anew(
    failure: type[Exception], kept: CompileCache
) -> None:
    attempts: list[bool] = []
    halves: list[weakref.ref[torch.Tensor]] = []

    def build(*args: object, **options: object) -> str:
        assert [half for half in halves if half() is not None] == [], "memory for this attempt"
        half = torch.zeros(3)
        halves.append(weakref.ref(half))
        attempts.append(bool(torch.compiler.config.force_disable_caches))
        if len(attempts) == 1:
            raise failure("invalid device image")
        return "engine"

    measured = CacheFile("tiles", kept.folder)
    measured.write(b"measured")
    with (
        patch.object(opening, "CudaGpu"),
        patch.object(opening, "cache_key"),
        patch.object(opening, "CompileCache", lambda key: kept),
        patch.object(opening, "CompiledEngine", build),
    ):
        decoder = lively_decoder(CONFIGS["nerv360"])
        built: object = open_compiled(decoder, CPU, (24, 48), measured=[measured])
    assert built == "engine"
    assert attempts == [False, True]
    assert not kept.file.exists()
    assert measured.read() is None


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no modes there")
def test_code_that_others_can_put_there_is_not_executed(
    kept: CompileCache, caplog: pytest.LogCaptureFixture
) -> None:
    kept.folder.chmod(0o777)
    with patch("torch.compiler.load_cache_artifacts") as load:
        assert not kept.load()
    load.assert_not_called()
    assert "others can write to it" in caplog.text
