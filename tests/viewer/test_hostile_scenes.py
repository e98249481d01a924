"""Files that are no scene, or a broken one, end in one sentence and exit code 2."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
import torch

from model.scene import write_scene
from tests.support.broken_scenes import (
    WEIGHT,
    Mutation,
    Parts,
    add_a_tensor,
    at,
    config,
    drop_the_scene,
    enclosed,
    lie_about_size,
    lose_a_tensor,
    overlap,
    tensor,
    without,
)
from tests.support.scenes import tiny_scene
from viewer.cli import main

MUTATIONS: dict[str, tuple[Mutation, str]] = {
    "unknown version": (
        at("version", value=99),
        "version 2; a newer version of the program wrote it",
    ),
    "earlier networks": (
        at("version", value=1),
        "format version is 1, this program reads version 2; train it again\n",
    ),
    "no version": (without("version"), "version is None"),
    "plain safetensors": (drop_the_scene, "not a scene"),
    "metadata of numbers": (
        lambda parts: parts.header.update(__metadata__={"nerv360": 1}),
        "metadata",
    ),
    "no frames": (at("scene", "frames", value=0), "frames must be between 1 and 100000"),
    "fractional frames": (at("scene", "frames", value=2.5), "frames must be a whole number"),
    "boolean frames": (at("scene", "frames", value=True), "frames must be a whole number"),
    "other frames": (at("scene", "frames", value=4), "has the shape"),
    "many frames": (at("scene", "frames", value=10**30), "a huge number"),
    "NaN fps": (at("scene", "fps", value=float("nan")), "NaN is not JSON"),
    "text fps": (at("scene", "fps", value="30"), "fps must be a number"),
    "huge width": (at("scene", "width", value=10**6), "width must be between"),
    "no licence": (without("scene", "material", "licence"), "lacks the field 'licence'"),
    "surrogate title": (at("scene", "material", "title", value="\ud800"), "title must be text"),
    "endless title": (at("scene", "material", "title", value="x" * 5000), "2000 characters"),
    "listed material": (at("scene", "material", value=[]), "material must be a map"),
    "unknown field": (at("scene", "colour", value="red"), "unknown field 'colour'"),
    "no decoders": (at("scene", "decoders", value={}), "no decoder"),
    "unknown decoder": (at("scene", "decoders", "nerf", value={}), "unknown decoder 'nerf'"),
    "impossible PSNR": (
        at("scene", "decoders", "nerv360", "training", "psnr_db", value=1e9),
        "psnr_db must be between",
    ),
    "unknown architecture": (config(architecture="nerf"), "architecture must be one of"),
    "other architecture": (config(architecture="hnerv"), "is configured as hnerv"),
    "wrong config type": (config(channels="many"), "channels must be a whole number"),
    "config overflow": (config(reduction=10**400), "decoder nerv360"),
    "wider config": (config(channels=16), "has the shape"),
    "deeper config": (config(blocks=[8, 8, 8, 8]), "is missing"),
    "missing tensor": (lose_a_tensor, "is missing"),
    "extra tensor": (add_a_tensor, "does not belong"),
    "overlapping tensors": (overlap, "damaged"),
    "sizes that lie": (lie_about_size, "damaged"),
    "negative offsets": (tensor(WEIGHT, data_offsets=[-8, 0]), "offsets"),
    "wrong shape": (tensor("nerv360.embeddings", shape=[3, 1, 4, 2]), "has the shape"),
    "unheard-of type": (tensor(WEIGHT, dtype="F8_E4M3"), "has the type 'F8_E4M3'"),
    "listed type": (tensor(WEIGHT, dtype=["F16"]), "has the type"),
    "NaN weight": (lambda parts: parts.put(WEIGHT, [float("nan")], "e"), "not finite"),
    "infinite weight": (lambda parts: parts.put(WEIGHT, [float("inf")], "e"), "not finite"),
    "infinite scale": (
        lambda parts: parts.put("nerv360.embeddings.scale", [float("inf")], "f"),
        "not finite",
    ),
    "overflowing scale": (
        lambda parts: parts.put("nerv360.embeddings.scale", [3e38] * 3, "f"),
        "embeddings of nerv360 are not finite",
    ),
}

ABSURD: dict[str, Mutation] = {
    "16384 pixels, 256 channels": config(
        frame_height=8192, frame_width=16384, encoder_strides=[1], embedding_channels=256
    ),
    "4096 channels": config(
        channels=4096, reduction=1.0, condition_channels=4096, kernels=[7] * 4, blocks=[8] * 4
    ),
    "stride 16 and 4096 channels": config(
        channels=4096, reduction=1.0, strides=[2, 2, 16], kernels=[7] * 3, blocks=[1] * 3,
        viewport_height=64, viewport_width=64,
    ),
    "100000 frames": at("scene", "frames", value=100_000),
}  # fmt: skip


def a_pickle() -> bytes:
    return pickle.dumps({"weights": [1, 2, 3]})


def a_checkpoint() -> bytes:
    buffer = io.BytesIO()
    torch.save({"weights": torch.zeros(3)}, buffer)
    return buffer.getvalue()


def a_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("scene.txt", "scene")
    return buffer.getvalue()


FOREIGN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "three bytes": (b"abc", "not a safetensors file"),
    "text": (b"time_s,frame,yaw_deg\n0,0,0\n", "not a safetensors file"),
    "random": (bytes(range(7, 256)) * 9, "not a safetensors file"),
    "pickle": (a_pickle(), "pickle"),
    "torch checkpoint": (a_checkpoint(), "pickle or torch checkpoint"),
    "zip": (a_zip(), "pickle or torch checkpoint"),
    "huge header": ((2**62).to_bytes(8, "little") + b"{}", "claims 4611686018427387904 bytes"),
    "header beyond the end": ((99).to_bytes(8, "little") + b"{}", "truncated"),
    "half JSON": (enclosed(b'{"a": '), "not JSON"),
    "not UTF-8": (enclosed(b'{"__metadata__": {"nerv360": "\xff\xfe"}}'), "not UTF-8"),
    "key given twice": (enclosed(b'{"a": 1, "a": 2}'), "given twice"),
    "endless nesting": (enclosed(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), "nested"),
    "number of many digits": (enclosed(b'{"a": ' + b"9" * 9000 + b"}"), "not JSON"),
    "no tensors": (enclosed(b"{}"), "not a scene"),
    "tensor that is a list": (enclosed(b'{"a": []}'), "not described"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("scene") / "good.safetensors"
    write_scene(path, tiny_scene())
    return path.read_bytes()


def assert_refused(path: Path, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith("\n")
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("nerv360: ")
    assert path.name in printed.err
    assert said in printed.err
    assert len(printed.err) < 400 + len(str(path))


def test_the_unchanged_file_is_accepted(
    tmp_path: Path, whole: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "good.safetensors"
    path.write_bytes(Parts(whole).bytes())
    assert main(["info", str(path)]) == 0
    assert "Apache-2.0" in capsys.readouterr().out


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_scene_is_refused(
    name: str, tmp_path: Path, whole: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    mutate, said = MUTATIONS[name]
    parts = Parts(whole)
    mutate(parts)
    path = tmp_path / "bad.safetensors"
    path.write_bytes(parts.bytes())
    assert_refused(path, said, capsys)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, said = FOREIGN[name]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    assert_refused(path, said, capsys)


@pytest.mark.parametrize("kept", [4, 8, 100, 0.3, 0.9, -1])
def test_a_truncated_scene_is_refused(
    kept: float, tmp_path: Path, whole: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    assert_refused(path, "cut.safetensors", capsys)


def test_a_scene_with_bytes_behind_it_is_refused(
    tmp_path: Path, whole: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "long.safetensors"
    path.write_bytes(whole + b"more")
    assert_refused(path, "its data end at", capsys)


def test_a_folder_a_missing_file_and_a_pipe_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(tmp_path, "is a folder", capsys)
    assert_refused(tmp_path / "none.safetensors", "does not exist", capsys)
    assert_refused(Path(os.devnull), "is not a regular file", capsys)


def test_a_file_name_of_two_lines_is_shown_on_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(tmp_path / "two\nlines\x1b[31m")]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert r"two\nlines\x1b[31m" in printed


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_absurd_sizes_are_refused_without_allocating_them(tmp_path: Path, whole: bytes) -> None:
    program = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        import torch._subclasses
        import model.scene
        from viewer.cli import main
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 512 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        sys.exit(sum(main(["info", path]) != 2 for path in sys.argv[1:]))
        """
    )
    paths = []
    for number, mutate in enumerate(ABSURD.values()):
        parts = Parts(whole)
        mutate(parts)
        paths.append(tmp_path / f"absurd{number}.safetensors")
        paths[-1].write_bytes(parts.bytes())
    result = subprocess.run(
        [sys.executable, "-c", program, *map(str, paths)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == len(paths)
    for line, path in zip(lines, paths, strict=True):
        assert path.name in line
