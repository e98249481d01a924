"""Progress of a command in a terminal and elsewhere."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import threading
import time

import pytest

from nerv360.progress import listening, stage, track
from nerv360.viewer import progress as shown
from nerv360.viewer.progress import NEXT_LINE_S, CommandProgress, duration

FIRST_LINE_S = 1.0


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(autouse=True)
def _lines_as_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "FIRST_LINE_S", FIRST_LINE_S)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nobody_need_listen() -> None:
    with stage("reading", 3) as opened:
        opened.advance()
        opened.describe("half")
        opened.become("coding", 0, None)
    assert list(track([1, 2], "counting")) == [1, 2]


def test_elsewhere_than_in_a_terminal_a_stage_that_lasts_has_lines(clock: Clock) -> None:
    stream = io.StringIO()
    progress = CommandProgress(stream, clock)
    with listening(progress), stage("reading clip.mp4", 40) as opened:
        progress.show_lines()
        assert stream.getvalue() == ""
        clock.seconds = FIRST_LINE_S
        progress.show_lines()
        opened.advance(10)
        for clock.seconds in (FIRST_LINE_S + 1, FIRST_LINE_S + NEXT_LINE_S):
            progress.show_lines()
        with stage("what stands still"):
            clock.seconds += FIRST_LINE_S
            progress.show_lines()
    progress.show_lines()
    assert stream.getvalue().splitlines() == [
        "reading clip.mp4, 0 of 40, 1 s",
        "reading clip.mp4, 10 of 40, 11 s, about 33 s left",
        "what stands still, 1 s",
    ]


def test_a_stage_that_goes_on_counts_from_where_it_was(clock: Clock) -> None:
    stream = io.StringIO()
    progress = CommandProgress(stream, clock)
    with listening(progress), stage("training", 100, done=60) as opened:
        opened.advance(20)
        opened.describe("31.2 dB")
        clock.seconds = 10
        progress.show_lines()
    assert stream.getvalue() == "training, 80 of 100, 31.2 dB, 10 s, about 10 s left\n"


def test_what_a_file_is_called_moves_no_cursor(clock: Clock) -> None:
    stream = io.StringIO()
    progress = CommandProgress(stream, clock)
    with listening(progress), stage("reading \x1b[2J.mp4"):
        clock.seconds = 2
        progress.show_lines()
    assert "\x1b" not in stream.getvalue()


def test_other_threads_are_not_shown(clock: Clock) -> None:
    stream = io.StringIO()
    progress = CommandProgress(stream, clock)

    def work() -> None:
        with stage("behind"):
            clock.seconds += 60
            progress.show_lines()

    with listening(progress):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_times_are_said_plainly(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_in_a_terminal_the_innermost_stage_is_a_bar() -> None:
    program = (
        "import time\n"
        "from nerv360.progress import listening, stage, track\n"
        "from nerv360.viewer.progress import CommandProgress\n"
        "with CommandProgress() as progress, listening(progress), stage('outer [b]'):\n"
        "    time.sleep(0.3)\n"
        "    for _ in track(range(4), 'inner'): time.sleep(0.1)\n"
        "print('done')\n"
    )
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(follower)
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            shown += os.read(leader, 4096)
        except OSError:  # the program has ended
            break
    os.close(leader)
    assert child.wait(10) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert "outer [b]" in text
    assert "inner" in text
    assert "/4" in text
    assert text.rstrip().endswith("done")
