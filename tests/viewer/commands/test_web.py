"""``nerv360 export-web`` and ``serve``: options, addresses, and an end that leaves nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from nerv360.scene import write_scene
from nerv360.viewer.cli import main
from nerv360.viewer.sharing import decoder_file
from tests.support.clips import encode, ramp
from tests.support.scenes import tiny_scene

WAIT_S = 60.0


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("scene") / "pier.safetensors"
    write_scene(file, tiny_scene("hnerv"))
    return file


def test_a_scene_is_exported(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "page"
    assert main(["export-web", str(scene), "-o", str(folder)]) == 0
    assert re.fullmatch(r".*page: \d\.\d\d MiB, its page is index.html\n", capsys.readouterr().out)
    assert json.loads((folder / "scene.json").read_text())["title"] == "Pier"
    (folder / "mine.txt").touch()
    assert main(["export-web", str(scene), "-o", str(folder)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"nerv360: -o: {folder} holds the file mine.txt, which is not from an")
    assert said.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "ignored"),
    [
        (signal.SIGINT, False),
        (signal.SIGINT, True),
        (signal.SIGTERM, False),
        (signal.SIGHUP, False),
    ],
    ids=["ctrl-c", "ctrl-c in a script's background", "a request to end", "a closed terminal"],
)
def test_a_scene_is_served_until_a_signal(
    scene: Path, tmp_path: Path, number: signal.Signals, ignored: bool
) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "nerv360.viewer", "serve", str(scene)]
    command += ["--port", "0", "--no-browser"]
    if ignored:
        command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]
    process = subprocess.Popen(
        command, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    overdue = threading.Timer(WAIT_S, process.kill)
    overdue.start()
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        address = re.match(r"http://127\.0\.0\.1:\d+/", said)
        assert address is not None, said
        with urllib.request.urlopen(address[0] + "page.js", timeout=WAIT_S) as answer:
            assert answer.headers.get_content_type() == "text/javascript"
        assert list(tmp_path.glob("nerv360-*/page/index.html"))
        process.send_signal(number)
        out, err = process.communicate(timeout=WAIT_S)
    finally:
        overdue.cancel()
        process.kill()
        process.communicate()
    assert (process.returncode, out) == (0, "")
    assert re.fullmatch(r"(making a page of pier\.safetensors, .*\n)*", err), "a slow machine's"
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_a_sentence(
    scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["serve", str(scene), "--port", str(port), "--no-browser"]) == 2
    assert capsys.readouterr().err.startswith(f"nerv360: --port: {port} is taken")


def test_a_clip_is_served(tmp_path: Path) -> None:
    file = encode(tmp_path / "clip.mp4", [ramp(k) for k in range(3)])
    command = [sys.executable, "-m", "nerv360.viewer", "serve", str(file), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--no-browser"], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    overdue = threading.Timer(WAIT_S, process.kill)
    overdue.start()
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        with urllib.request.urlopen(address + "scene.json", timeout=WAIT_S) as answer:
            described = json.load(answer)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=WAIT_S)
    finally:
        overdue.cancel()
        process.kill()
        process.communicate()
    assert process.returncode == 0, err
    assert (described["title"], described["frames"]) == ("clip.mp4", 3)
    assert [decoder["name"] for decoder in described["decoders"]] == ["original"]
    assert described["live"]["prefers"] == "here"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--decode", "there"], "--decode there: give auto, here or browser"),
        (["--host", "203.0.113.9"], "--host: 203.0.113.9 is not a name or address of this machine"),
        (["--engine", "none"], "--engine"),
        (["--device", "tpu"], "--device"),
        (["--decode", "browser", "--device", "cpu"], "--decode browser: --device"),
        (
            ["--decode", "browser", "--engine", "eager", "--device", "cpu"],
            "--decode browser: --engine and --device",
        ),
    ],
)
def test_an_option_that_cannot_be_is_a_sentence(
    options: list[str], said: str, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(scene), "--port", "0", "--no-browser", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"nerv360: {said}")
    assert error.count("\n") == 1


def test_a_decoder_that_no_page_can_draw_is_refused_before_a_visit(
    scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_file, "_SIDES", (4,))
    options = ["--decode", "browser", "--port", "0", "--no-browser"]
    assert main(["serve", str(scene), *options]) == 2
    error = capsys.readouterr().err
    assert re.match(r"nerv360: .* cannot be shown on a page: .*\n$", error), error


def test_a_clip_is_decoded_here_by_its_codec(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(encode(tmp_path / "clip.mp4", [ramp(k) for k in range(3)]))
    for options, said in (
        (["--decode", "browser"], "--decode browser: a clip is decoded by its codec, here"),
        (["--engine", "eager"], "--engine: a clip is decoded by its codec, not by eager"),
        (["--device", "cpu"], "--device: a clip is decoded by its codec, not on cpu"),
    ):
        assert main(["serve", file, "--port", "0", "--no-browser", *options]) == 2
        assert capsys.readouterr().err.startswith(f"nerv360: {said}")
