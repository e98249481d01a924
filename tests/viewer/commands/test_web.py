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
