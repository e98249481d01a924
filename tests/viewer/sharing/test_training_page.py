"""`nerv360 train --serve`: a page of the training while it runs, which the training never heeds."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest
import torch

from nerv360.scene import read_scene
from nerv360.training import ChapterCourse, StepReport
from nerv360.video.writing import FolderWriter
from nerv360.viewer.cli import main
from nerv360.viewer.sharing import Address
from nerv360.viewer.sharing.training_page import Course
from tests.support.serving import PATIENCE_S, answer, get, status

TINY = [
    "--preset=demo", "--device=cpu", "--set=channels=16", "--set=viewport_width=96",
    "--set=viewport_height=64", "--set=held_out=2", "--seed=1",
]  # fmt: skip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    with FolderWriter(tmp_path / "clip") as writer:
        for _ in range(3):
            writer.write(torch.randint(256, (64, 128, 3), dtype=torch.uint8, generator=generator))
    return tmp_path / "clip"


async def seen(url: str) -> list[dict[str, Any]]:
    """Visit a training as the page does; return its courses, up to one with another network."""
    ask = {
        "id": 1, "generation": 1, "decoder": "nerv360", "frame": 1, "look": [0, 0, 0, 1.3],
        "width": 96,
    }  # fmt: skip
    courses: list[dict[str, Any]] = []
    pictures: list[bytes] = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url + "live", headers={"Origin": url.rstrip("/")}) as opened,
    ):
        assert "hello" in await opened.receive_json(timeout=PATIENCE_S)
        await opened.send_json({"ask": ask})
        while len(set(pictures)) < 2 or len(courses) < 3 or not courses[-1]["psnr"]:
            message = await opened.receive(PATIENCE_S)
            if message.type == aiohttp.WSMsgType.BINARY:
                length = int.from_bytes(message.data[:4], "little")
                number = json.loads(message.data[4 : 4 + length])["number"]
                pictures.append(message.data[4 + length :])
                await opened.send_json({"seen": number})
                continue
            news = json.loads(message.data)
            if "course" in news:
                courses.append(news["course"])
            elif "renewed" in news:
                await opened.send_json({"ask": ask})
            else:
                raise AssertionError(news)
    return courses


@pytest.mark.slow
def test_a_training_is_seen_while_it_runs(clip: Path, tmp_path: Path) -> None:
    target, temporary = tmp_path / "s.safetensors", tmp_path / "temporary"
    temporary.mkdir()
    command = [
        sys.executable, "-m", "nerv360.viewer", "train", str(clip), "-o", str(target),
        "--serve=0", "--epochs=100000", "--set=evaluate_every=5", *TINY,
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = next(line for line in process.stdout if "shows the training" in line)
        url = said.split()[0]
        courses = asyncio.run(asyncio.wait_for(seen(url), 2 * PATIENCE_S))
        port = int(url.rsplit(":", 1)[1].strip("/"))
        assert b'id="course"' in answer(port, get("/", "localhost"))
        assert status(answer(port, get("/nerv360.safetensors", "localhost"))) == 404
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 130, errors
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in errors
    assert "page is closed" not in errors
    steps = [course["step"] for course in courses]
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]
    assert all(course["steps"] == 300000 for course in courses)
    assert courses[-1]["loss"][-1][1] < courses[-1]["loss"][0][1]
    assert list(read_scene(target).decoders) == ["nerv360"]
    with pytest.raises(ConnectionError):
        answer(port, get("/", "localhost"))
    assert list(temporary.glob("nerv360-*")) == []


@pytest.mark.slow
def test_the_page_changes_nothing_in_the_training(clip: Path, tmp_path: Path) -> None:
    scenes = []
    for number, options in enumerate([[], ["--serve=0"]]):
        target = tmp_path / f"{number}.safetensors"
        assert main(["train", str(clip), "-o", str(target), "--steps=12", *TINY, *options]) == 0
        scenes.append(read_scene(target).decoders["nerv360"])
    for name, weight in scenes[0].weights.items():
        assert torch.equal(weight, scenes[1].weights[name])
    assert torch.equal(scenes[0].embeddings, scenes[1].embeddings)


def test_a_port_that_is_taken_is_refused(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = Address()
    target = tmp_path / "s.safetensors"
    command = ["train", str(clip), "-o", str(target), "--steps=1", *TINY]
    assert main([*command, f"--serve={taken.port}"]) == 2
    [said] = [line for line in capsys.readouterr().err.splitlines() if "nerv360:" in line]
    assert re.search(rf"--serve.*{taken.port} is taken", said)
    assert main([*command, "--serve=70000"]) == 2
    capsys.readouterr()
    with patch.object(ChapterCourse, "suits", return_value=True):
        assert main([*command, f"--serve={taken.port}"]) == 2
    assert re.search(rf"--serve.*{taken.port} is taken", capsys.readouterr().err)
    assert [file.name for file in tmp_path.iterdir()] == ["clip"]
    taken.socket.close()


def test_a_long_course_has_few_points() -> None:
    course = Course()
    for step in range(1, 20001):
        quality = 20 + step // 1000
        course.add(StepReport(1, step, 20000, step, 1 / step, quality, quality, None))
    found = json.loads(course.packed())
    assert (found["step"], found["steps"], found["moving"]) == (20000, 20000, [])
    assert 100 <= len(found["loss"]) <= 256
    steps = [step for step, _ in found["loss"]]
    assert steps == sorted(steps)
    assert steps[-1] > 19000
    assert [value for _, value in found["psnr"]] == list(range(20, 41))
    assert len(course.packed()) < 10_000
