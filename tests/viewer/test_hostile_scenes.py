"""Files that are no scene, or a broken one, end in one sentence and exit code 2."""

from __future__ import annotations

import io
import os
import pickle
import random
import struct
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from nerv360.errors import InputError
from nerv360.scene import Coarseness, coarsened, read_scene, write_scene
from nerv360.viewer.cli import main
from tests.support.broken_scenes import (
    WEIGHT,
    Mutation,
    Parts,
    add_a_tensor,
    at,
    bomb,
    config,
    drop_the_scene,
    enclosed,
    lie_about_size,
    lose_a_tensor,
    overlap,
    overwrite,
    shorten,
    tensor,
    without,
)
from tests.support.scenes import over_still_scene, tiny_scene


def nested(levels: int) -> list[object]:
    """Return lists in one another."""
    inner: list[object] = []
    for _ in range(levels - 1):
        inner = [inner]
    return inner


MUTATIONS: dict[str, tuple[Mutation, str]] = {
    "unknown version": (
        at("version", value=99),
        "versions 2 to 5; a newer version of the program wrote it",
    ),
    "earlier networks": (
        at("version", value=1),
        "format version is 1, this program reads versions 2 to 5; train it again\n",
    ),
    "no version": (without("version"), "version is None"),
    "plain safetensors": (drop_the_scene, "not a scene"),
    "metadata of numbers": (
        lambda parts: parts.header.update(__metadata__={"nerv360": 1}),
        "damaged",
    ),
    "no frames": (at("scene", "frames", value=0), "frames must be between 1 and 100000"),
    "fractional frames": (at("scene", "frames", value=2.5), "frames must be a whole number"),
    "boolean frames": (at("scene", "frames", value=True), "frames must be a whole number"),
    "other frames": (
        at("scene", "frames", value=4),
        "holds 25 bytes, fewer than the 33 that its shape needs",
    ),
    "fewer frames": (at("scene", "frames", value=2), "holds more bytes than the 17"),
    "many frames": (at("scene", "frames", value=10**30), "a huge number"),
    "frames beyond all floats": (at("scene", "frames", value=10**400), "frames must be between"),
    "a viewport beyond 8K": (
        config(viewport_height=16384, viewport_width=16384),
        "the viewport of 16384x16384 must have at most 33554432 pixels",
    ),
    "nested settings": (
        at("scene", "decoders", "nerv360", "training", "settings", value={"z": nested(40)}),
        "nested too deeply, in more than 32 levels",
    ),
    "settings nested beyond recursion": (
        at("scene", "decoders", "nerv360", "training", "settings", value={"z": nested(900)}),
        "nested too deeply",
    ),
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
    "negative offsets": (tensor(WEIGHT, data_offsets=[-8, 0]), "damaged"),
    "wrong shape": (tensor(WEIGHT, shape=[3, 12, 3, 3]), "damaged"),
    "unknown coding": (overwrite("nerv360.embeddings", b"\x02"), "coding is 2"),
    "levels beyond the table": (overwrite("nerv360.embeddings", b"\x01\x00"), "embeddings"),
    "infinite table": (
        overwrite("nerv360.embeddings", b"\x01\x17" + struct.pack("<f", float("inf"))),
        "its table is not finite",
    ),
    "many low bits": (
        bomb("nerv360.weights.head.conv.bias", b"\x09" + bytes(12)),
        "it has 9 low bits, at most 8 are known",
    ),
    "no stream": (overwrite("nerv360.embeddings", b"\x01" + bytes(2000)), "damaged"),
    "cut stream": (shorten("nerv360.embeddings", 9), "of the tensor 'nerv360.embeddings'"),
    "nothing coded": (shorten("nerv360.embeddings", 10**9), "its coding is none"),
    "a bomb": (bomb("nerv360.embeddings", bytes(5)), "holds more bytes than the 24"),
    "a bomb of what changes": (
        bomb("nerv360.embeddings", bytes(5), coding=3),
        "holds more bytes than the 9",
    ),
    "weights coded as a series": (
        bomb("nerv360.weights.head.conv.bias", bytes(13), coding=3),
        "its coding is 3, this program knows 1",
    ),
    "codes for biases": (bomb("nerv360.weights.head.conv.bias", bytes(13)), "holds more bytes"),
    "type of no scene": (tensor(WEIGHT, dtype="BF16"), "has the type BF16; a scene holds"),
    "listed type": (tensor(WEIGHT, dtype=["F16"]), "damaged"),
    "NaN weight": (lambda parts: parts.put(WEIGHT, [float("nan")], "e"), "not finite"),
    "infinite weight": (lambda parts: parts.put(WEIGHT, [float("inf")], "e"), "not finite"),
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
    "huge header": ((2**62).to_bytes(8, "little") + b"{}", "header claims"),
    "header beyond the end": ((99).to_bytes(8, "little") + b"{}", "truncated"),
    "half JSON": (enclosed(b'{"a": '), "invalid JSON"),
    "not UTF-8": (enclosed(b'{"__metadata__": {"nerv360": "\xff\xfe"}}'), "invalid UTF-8"),
    "key given twice": (enclosed(b'{"a": 1, "a": 2}'), "damaged"),
    "endless nesting": (
        enclosed(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
        "recursion limit",
    ),
    "number of many digits": (enclosed(b'{"a": ' + b"9" * 9000 + b"}"), "invalid JSON"),
    "no tensors": (enclosed(b"{}"), "not a scene"),
    "tensor that is a list": (enclosed(b'{"a": []}'), "damaged"),
}


def avif(width: int, height: int, kind: str = "AVIF") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "navy").save(buffer, kind)
    return buffer.getvalue()


OVER_STILL: dict[str, tuple[Mutation, str]] = {
    "still panorama of another size": (
        lambda parts: parts.replace("still", avif(48, 96)),
        "the still panorama has 48x96 pixels, not 96x48",
    ),
    "another kind of picture": (
        lambda parts: parts.replace("still", avif(96, 48, "PNG")),
        "the still panorama is not an AVIF picture",
    ),
    "no picture": (overwrite("still", bytes(40)), "the still panorama is not an AVIF picture"),
    "cut still panorama": (shorten("still", 60), "the still panorama is not an AVIF picture"),
    "empty still panorama": (shorten("still", 10**9), "the shape (0,), not 1 to"),
    "bomb of motion": (bomb("still.motion"), "holds more bytes"),
    "motion of no coding": (overwrite("still.motion", b"\xff"), "its coding is 255"),
    "motion of another kind": (tensor("still.motion", dtype="F16"), "damaged"),
    "another frame": (config(frame_height=96, frame_width=192), "that its shape needs"),
    "bomb of finer embeddings": (bomb("nerv360.embeddings.1", bytes(9)), "holds more bytes"),
}


@pytest.fixture(scope="module")
def over_still(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("still") / "good.safetensors"
    write_scene(path, over_still_scene())
    return path.read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("scene") / "good.safetensors"
    write_scene(path, tiny_scene())
    return path.read_bytes()


def assert_refused(path: Path, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(path), "-o", str(path.with_name("view.png"))]) == 2
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


@pytest.mark.parametrize("name", OVER_STILL)
def test_a_changed_scene_over_a_still_panorama_is_refused(
    name: str, tmp_path: Path, over_still: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    mutate, said = OVER_STILL[name]
    parts = Parts(over_still)
    mutate(parts)
    path = tmp_path / "bad.safetensors"
    path.write_bytes(parts.bytes())
    assert_refused(path, said, capsys)


@pytest.mark.slow
def test_damage_anywhere_ends_in_one_sentence_or_in_a_scene(
    tmp_path: Path, over_still: bytes
) -> None:
    coarse = tmp_path / "coarse.safetensors"
    write_scene(coarse, coarsened(over_still_scene("nerv360", "hnerv"), Coarseness(16, 8)))
    path, chance, refused = tmp_path / "bad.safetensors", random.Random(0), 0
    for content in (over_still, coarse.read_bytes()):
        for _ in range(300):
            bad = bytearray(content)
            for _ in range(chance.choice((1, 1, 4))):
                bad[chance.randrange(len(bad))] = chance.randrange(256)
            if chance.random() < 0.1:
                del bad[chance.randrange(len(bad)) :]
            path.write_bytes(bad)
            try:
                assert read_scene(path).decoders
            except InputError as error:
                assert "\n" not in str(error)
                refused += 1
    assert refused > 60


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
    assert_refused(path, "damaged or truncated", capsys)


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
        from nerv360.errors import InputError
        from nerv360.scene import read_scene

        def is_refused(path):
            try:
                read_scene(path)
            except InputError as error:
                print(f"nerv360: {error}", file=sys.stderr)
                return True
            return False

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 512 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        sys.exit(sum(not is_refused(path) for path in sys.argv[1:]))
        """
    )
    paths = []
    for number, mutate in enumerate(ABSURD.values()):
        parts = Parts(whole)
        mutate(parts)
        paths.append(tmp_path / f"absurd{number}.safetensors")
        paths[-1].write_bytes(parts.bytes())
    dimensions = b'{"a":{"dtype":"U8","shape":[' + b"1," * 30_000_000 + b'1],"data_offsets":[0,1]}}'
    paths.append(tmp_path / "dimensions.safetensors")
    paths[-1].write_bytes(len(dimensions).to_bytes(8, "little") + dimensions + b"0")
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
