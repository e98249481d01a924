"""Files that are read behind the running scene: in order, and held up by none that never comes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nerv360.viewer.opening.loader import Loaded, Loader

ROOT = Path(__file__).parents[3]


class Files:
    """Reads that last until they are let through, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.begun: list[str] = []
        self._open = False
        self._gates: dict[str, threading.Event] = {}
        self._begun = threading.Condition()

    def load(self, path: Path) -> str:
        with self._begun:
            self.begun.append(path.name)
            self._begun.notify_all()
        self.gate(path.name).wait()
        if path.suffix == ".broken":
            raise ValueError(path.name)
        return path.name.upper()

    def gate(self, name: str) -> threading.Event:
        with self._begun:
            gate = self._gates.setdefault(name, threading.Event())
            if self._open:
                gate.set()
            return gate

    def wait_for_begin(self, count: int) -> None:
        with self._begun:
            assert self._begun.wait_for(lambda: len(self.begun) >= count, 30)

    def release(self) -> None:
        """Let every read end, and wait for that."""
        with self._begun:
            self._open = True
            for gate in self._gates.values():
                gate.set()
        for thread in threading.enumerate():
            if thread.name == "loading":
                thread.join(30)


@pytest.fixture
def files() -> Iterator[Files]:
    files = Files()
    yield files
    files.release()


def names(loader: Loader[str]) -> list[str]:
    return [path.name for path in loader.opening]


def finish(loader: Loader[str], files: Files, name: str) -> list[Loaded[str]]:
    """Let the read of ``name`` end, and what is taken then."""
    (loaded,) = [one for one in loader.running if one.path.name == name]
    files.gate(name).set()
    loaded.exception(30)
    return loader.take()


def test_every_file_comes_in_order_and_scenes_come_first(files: Files) -> None:
    loader = Loader(files.load, lambda: files.now)
    loader.add([Path("a.csv"), Path("B.SafeTensors"), Path("c.csv")])
    loader.add([Path("d.safetensors")])
    order = ["B.SafeTensors", "a.csv", "c.csv", "d.safetensors"]
    assert names(loader) == order, "a later drop does not overtake, nor discard"
    assert loader.take() == []
    for index, name in enumerate(order):
        files.wait_for_begin(index + 1)
        assert files.begun == order[: index + 1], "one after the other"
        assert names(loader) == order[index:]
        (loaded,) = finish(loader, files, name)
        assert (loaded.path, loaded.result()) == (Path(name), name.upper())
    assert loader.opening == ()
    assert loader.take() == []


def test_what_cannot_be_read_says_why_and_the_next_follows(files: Files) -> None:
    loader = Loader(files.load, lambda: files.now)
    loader.add([Path("a.broken"), Path("b.csv")])
    files.wait_for_begin(1)
    (loaded,) = finish(loader, files, "a.broken")
    assert isinstance(loaded.exception(), ValueError)
    files.wait_for_begin(2)
    (loaded,) = finish(loader, files, "b.csv")
    assert loaded.result() == "B.CSV"


def test_a_file_that_never_comes_holds_nothing_up_for_long(files: Files) -> None:
    loader = Loader(files.load, lambda: files.now)
    loader.add([Path("stalled.csv"), Path("b.csv")])
    files.wait_for_begin(1)
    files.now = 4.0
    assert loader.take() == []
    assert files.begun == ["stalled.csv"], "a slow disk is waited for"
    files.now = 6.0
    assert loader.take() == []
    files.wait_for_begin(2)
    (loaded,) = finish(loader, files, "b.csv")
    assert loaded.result() == "B.CSV"
    assert names(loader) == ["stalled.csv"], "it is still said to be opening"
    loader.add([Path("c.csv")])
    files.now = 12.0
    loader.take()
    files.wait_for_begin(3)
    assert all(t.daemon for t in threading.enumerate() if t.name == "loading")
    (loaded,) = finish(loader, files, "stalled.csv")
    assert loaded.result() == "STALLED.CSV", "late, it is opened all the same"


def test_after_the_end_nothing_more_begins(files: Files) -> None:
    loader = Loader(files.load, lambda: files.now)
    loader.add([Path("a.csv"), Path("b.csv")])
    files.wait_for_begin(1)
    loader.clear()
    finish(loader, files, "a.csv")
    assert files.begun == ["a.csv"]
    assert loader.opening == ()


NEVER_READ = """
import atexit, sys, threading
from pathlib import Path
from nerv360.viewer import cli
from nerv360.viewer.opening.loader import Loader

def command(**_):
    begun = threading.Event()
    loader = Loader(lambda path: begun.set() or threading.Event().wait())
    loader.add([Path("stalled.csv")])
    begun.wait()
    sys.stdout.write("saved")  # without a line's end, which would flush it
    return 0

atexit.register(print, "finalised")
cli.app = command
cli.program()
"""


def test_the_process_ends_at_once_while_something_is_read() -> None:
    """Python's own end stops threads where they are, and one inside numpy then aborts it."""
    finished = subprocess.run(
        [sys.executable, "-c", NEVER_READ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (0, "saved"), finished.stderr


def test_no_file_is_looked_into_where_the_window_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network file system may never answer."""
    begun: list[str] = []
    loader = Loader(lambda path: begun.append(path.name))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "stat", refuse)
    loader.add([tmp_path / "clip", tmp_path / "b.safetensors"])
    while loader.opening:
        loader.take()
    assert begun == ["b.safetensors", "clip"]
