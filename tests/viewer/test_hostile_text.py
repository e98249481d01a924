"""Texts of files reach a terminal, a log, the window and a page escaped, and error lines short."""

from __future__ import annotations

import html
import json
import logging
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import glfw
import pytest

from nerv360.scene import write_scene
from nerv360.text import EscapingFormatter
from nerv360.viewer.cli import main
from nerv360.viewer.picture.window import Window
from tests.support.broken_scenes import Mutation, Parts
from tests.support.hostile import (
    DATA,
    ENDLESS,
    MARKUP,
    ORDERS,
    REFUSED_PATHS,
    REFUSED_SCENES,
    is_tame,
    with_texts,
)
from tests.support.scenes import over_still_scene, tiny_scene

LONGEST_LINE = 600 + len("nerv360: ")
HANDED = sorted((DATA / "hostile").glob("*.*")) if (DATA / "hostile").is_dir() else []

Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("scene") / "good.safetensors"
    write_scene(path, tiny_scene())
    return path.read_bytes()


@pytest.fixture
def good(tmp_path: Path, whole: bytes) -> str:
    path = tmp_path / "good.safetensors"
    path.write_bytes(whole)
    return str(path)


def changed(path: Path, whole: bytes, mutate: Mutation) -> str:
    parts = Parts(whole)
    mutate(parts)
    path.write_bytes(parts.bytes())
    return str(path)


def assert_tame(printed: Printed, *, lines: int | None = None) -> None:
    out, err = printed.readouterr()
    assert is_tame(out)
    assert is_tame(err)
    if lines is not None:
        assert out == ""
        assert len(err.splitlines()) == lines
        assert all(len(line) <= LONGEST_LINE for line in err.splitlines())


def commands_on_scenes(file: str, folder: Path) -> list[list[str]]:
    path = ["--trajectory", "jvet:balboa-vp0"]
    return [
        ["info", file],
        ["info", "--json", file],
        ["render", file, "-o", str(folder / "view.png")],
        ["export-web", file, "-o", str(folder / "page")],
        ["bench", file],
        ["evaluate", file, "--video", str(folder), *path, "-o", str(folder / "report")],
        ["train", str(folder), "--into", file],
        ["view", file, "--engine", "eager"],
    ]


@pytest.mark.parametrize("name", REFUSED_SCENES)
def test_every_command_refuses_a_scene_in_one_short_tame_line(
    name: str, tmp_path: Path, whole: bytes, capsys: Printed
) -> None:
    file = changed(tmp_path / "bad\x1b[2J.safetensors", whole, REFUSED_SCENES[name])
    for command in commands_on_scenes(file, tmp_path):
        assert main(command) == 2, command
        assert_tame(capsys, lines=1)
    assert [path.name for path in tmp_path.iterdir()] == ["bad\x1b[2J.safetensors"]


@pytest.mark.parametrize("name", REFUSED_PATHS)
def test_a_gaze_path_is_refused_in_one_short_tame_line(
    name: str, tmp_path: Path, good: str, capsys: Printed
) -> None:
    file = tmp_path / f"\x9b2J{name}"
    file.write_text(REFUSED_PATHS[name](), encoding="utf-8")
    for spec in (str(file), f"{file}#{ENDLESS}x"):
        view = str(tmp_path / "view.mp4")
        assert main(["render", good, "-o", view, "--trajectory", spec]) == 2
        assert_tame(capsys, lines=1)


@pytest.mark.parametrize("content", [b"", b"x" * 99, ENDLESS.encode()])
def test_a_clip_is_refused_in_one_short_tame_line(
    content: bytes, tmp_path: Path, good: str, capsys: Printed
) -> None:
    clip = tmp_path / "\u202egpj\x1b[2J.mp4"
    clip.write_bytes(content)
    for command in (
        ["train", str(clip), "-o", str(tmp_path / "new.safetensors")],
        ["view", str(clip)],
        ["view", good, "--video", str(clip)],
        ["bench", "paper-table-2", str(clip)],
    ):
        assert main(command) == 2, command
        assert_tame(capsys, lines=1)


@pytest.mark.parametrize(
    "option",
    [["info"], ["view"], ["view", "--decoder"], ["render", "-o"], ["view", "--trajectory"]],
)
def test_what_is_typed_comes_back_in_one_short_tame_line(
    option: list[str], capsys: Printed
) -> None:
    assert main([*option, ENDLESS[:100_000].replace("\0", "")]) == 2
    assert_tame(capsys, lines=1)


@pytest.mark.parametrize("text", [ORDERS, MARKUP])
def test_a_scene_that_is_read_is_described_tamely(
    text: str, tmp_path: Path, whole: bytes, capsys: Printed
) -> None:
    file = changed(tmp_path / "good\x1b.safetensors", whole, with_texts(text))
    assert main(["info", file]) == 0
    assert_tame(capsys)
    assert main(["info", "--json", file]) == 0
    printed = capsys.readouterr().out
    assert is_tame(printed)
    assert json.loads(printed)["scene"]["title"] == text


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.attributes += [name for name, _ in attrs]


def _elements(page: str) -> tuple[list[str], list[str]]:
    parser = _Elements()
    parser.feed(page)
    return parser.found, parser.attributes


@pytest.mark.parametrize("text", [ORDERS, MARKUP])
def test_a_page_shows_texts_and_runs_none(text: str, tmp_path: Path, capsys: Printed) -> None:
    file, plain = tmp_path / "good.safetensors", tmp_path / "plain.safetensors"
    write_scene(plain, over_still_scene())
    changed(file, plain.read_bytes(), with_texts(text))
    for scene in (plain, file):
        assert main(["export-web", str(scene), "-o", str(tmp_path / scene.stem)]) == 0
    pages = [(tmp_path / name / "index.html").read_text("utf-8") for name in ("plain", "good")]
    assert _elements(pages[0]) == _elements(pages[1])
    described = (tmp_path / "good" / "scene.json").read_text("utf-8")
    assert is_tame(pages[1])
    assert is_tame(described)
    assert_tame(capsys)
    title = json.loads(described)["title"]
    assert html.unescape(re.findall("<title>(.*)</title>", pages[1])[0]) == title


def test_a_log_is_tame() -> None:
    try:
        raise ValueError(ORDERS)
    except ValueError as error:
        failed = (type(error), error, error.__traceback__)
    record = logging.LogRecord("viewer", 30, "", 1, "%s is odd", (ORDERS,), failed)
    text = EscapingFormatter("nerv360: %(message)s").format(record)
    assert is_tame(text)
    assert text.startswith(r"nerv360: \x1b]0;owned\x07")
    assert [line for line in text.split("\n") if line.startswith("nerv360: all is well")] == []


def test_a_window_has_a_tame_title(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    titles: list[str] = []
    monkeypatch.setattr(glfw, "set_window_title", lambda _, title: titles.append(title))
    window.set_title(ORDERS)
    assert titles[0].isprintable()


@pytest.mark.skipif(not HANDED, reason="there is no ../shared/data/hostile")
@pytest.mark.parametrize("path", HANDED, ids=[path.name for path in HANDED])
def test_handed_files_print_tame_lines(path: Path, tmp_path: Path, capsys: Printed) -> None:
    file = tmp_path / path.name
    shutil.copy(path, file)
    scene, out = path.suffix == ".safetensors", str(tmp_path / "out.safetensors")
    commands = commands_on_scenes(str(file), tmp_path)[:2] if scene else []
    if path.suffix == ".json":
        commands = [["render", "-o", str(tmp_path / "a.mp4"), "--trajectory", str(file)]]
    if path.suffix == ".mp4":
        commands = [["train", str(file), "-o", out], ["view", str(file)]]
    for command in commands:
        code = main(command)
        assert code in (0, 2)
        assert_tame(capsys, lines=1 if code else None)
