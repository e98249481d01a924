"""Mutated scenes and clips end in an InputError or are read, within a bound of memory and time.

A process of its own reads them all, so that its memory can be limited.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from nerv360.decoding import open_engine
from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.scene import Coarseness, coarsened, read_glimpse, read_header, read_scene, write_scene
from nerv360.video import ClipReader, open_clip
from tests.support.clips import encode, projection, ramp, with_metadata
from tests.support.hostile import is_tame
from tests.support.mutations import damaged, with_odd_fields
from tests.support.scenes import over_still_scene, tiny_scene

ROOT = Path(__file__).parents[2]
SCENES, CLIPS = 160, 160
SLOWEST_S = 20.0
MORE_BYTES = 1536 * 2**20
LARGEST_PICTURE = 200_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's"),
]


@pytest.mark.parametrize("kind", ["scenes", "clips"])
def test_damage_ends_in_one_sentence_or_is_read(kind: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.viewer.test_fuzz", kind, str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    refused, read = map(int, done.stdout.split()[-2:])
    assert refused > 30
    assert read > 2


def _read_scene(path: Path) -> None:
    for look in (read_glimpse, read_header):
        look(path)
    scene = read_scene(path)
    for name in scene.decoders:
        engine = open_engine(scene, name, "cpu")
        if engine.size[0] * engine.size[1] <= LARGEST_PICTURE:
            engine.decode(Look.from_degrees(10, 5), scene.frames - 1)


def _read_clip(path: Path) -> None:
    clip = open_clip(path)
    for _, _ in zip(clip, range(60), strict=False):
        pass
    reader = ClipReader(clip)
    for index in (clip.info.frames - 1, 0):
        reader.frame(index)
    reader.close()


def _scene_files(folder: Path) -> list[Path]:
    scenes = {
        "over still": over_still_scene("nerv360", "hnerv"),
        "coarse": coarsened(over_still_scene(), Coarseness(16, 8)),
        "plain": tiny_scene("hnerv-boost"),
    }
    paths = [folder / f"{name}.safetensors" for name in scenes]
    for path, scene in zip(paths, scenes.values(), strict=True):
        write_scene(path, scene)
    return paths


def _clip_files(folder: Path) -> list[Path]:
    pictures = [ramp(index) for index in range(12)]
    clips = [encode(folder / name, pictures) for name in ("a.mp4", "b.mkv", "c.ts", "d.mov")]
    clips.append(encode(folder / "e.avi", pictures, "mpeg4", ""))
    clips.append(with_metadata(encode(folder / "f.mp4", pictures), projection("equi")))
    return clips


def _main(kind: str, folder: Path) -> None:
    sources = _scene_files(folder) if kind == "scenes" else _clip_files(folder)
    read: Callable[[Path], None] = _read_scene if kind == "scenes" else _read_clip
    read(sources[0])  # what is loaded for the first file is no part of the bound
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    ends: Counter[str] = Counter()
    for number in range(SCENES if kind == "scenes" else CLIPS):
        chance = Random(number)
        source = chance.choice(sources)
        content = source.read_bytes()
        odd = kind == "scenes" and chance.random() < 0.6
        content = with_odd_fields(content, chance) if odd else damaged(content, chance)
        path = folder / f"bad{source.suffix}"
        path.write_bytes(content)
        began = time.perf_counter()
        try:
            read(path)
            ends["read"] += 1
        except InputError as error:
            assert is_tame(str(error)), (number, str(error))
            ends["refused"] += 1
        except Exception as error:
            raise AssertionError(f"{source.name}, number {number}") from error
        assert time.perf_counter() - began < SLOWEST_S, number
    print(ends["refused"], ends["read"])


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
