"""Signals end a command cleanly, once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from nerv360.files import atomic_write
from nerv360.viewer import cli, process_end
from nerv360.viewer.cli import main
from nerv360.viewer.process_end import at_signals, interrupt

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


def send(name: str) -> None:
    os.kill(os.getpid(), signal.Signals[name])


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_a_command_that_is_ended_leaves_nothing_half_written(
    name: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.Signals[name])

    def writing(**_: object) -> None:
        with atomic_write(tmp_path / "view.png") as partial:
            partial.write_text("half")
            send(name)
        raise AssertionError("the signal has not ended it")

    monkeypatch.setattr(cli, "app", writing)
    assert main(["render"]) == code
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.Signals[name]) == before


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_a_real_command_tells_by_which_signal_it_ended(
    name: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nerv360.scene.read_scene", lambda *_, **__: send(name))
    assert main(["render", "-o", str(tmp_path / "film.mp4")]) == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_more_of_the_same_do_not_disturb_the_end(name: str) -> None:
    ended = []
    with pytest.raises(KeyboardInterrupt), at_signals(interrupt):
        try:
            send(name)
        finally:
            send(name)
            send(name)
            ended.append("cleanly")
    assert ended == ["cleanly"]


def test_a_second_ctrl_c_ends_at_once() -> None:
    asked: list[int] = []
    with pytest.raises(KeyboardInterrupt), at_signals(asked.append):
        send("SIGINT")
        assert asked == [signal.SIGINT]
        send("SIGINT")


def test_what_nohup_ignores_stays_ignored() -> None:
    asked: list[int] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with at_signals(asked.append):
            send("SIGHUP")
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert asked == []


def test_other_threads_have_no_signals() -> None:
    done: list[bool] = []

    def elsewhere() -> None:
        with at_signals(interrupt):
            done.append(True)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert done == [True]


def test_a_command_of_a_larger_program_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of an earlier command may still read or build when ``main`` returns."""

    def leave(code: int) -> None:
        raise AssertionError(f"the process ends with code {code}")

    monkeypatch.setattr(process_end, "_unfinished", [lambda: True])
    monkeypatch.setattr(process_end, "leave", leave)
    assert main(["--version"]) == 0
