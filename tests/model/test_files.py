"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.files import atomic_write


def test_a_file_takes_the_place_of_the_old_one_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_text("old")
    with atomic_write(path) as partial:
        assert (partial.parent, partial.suffix) == (tmp_path, ".png")
        partial.write_text("new")
        assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["picture.png"]
    assert path.read_text() == "new"


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "pictures") as partial:
        partial.mkdir()
        (partial / "0.png").touch()
        assert not (tmp_path / "pictures").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["pictures"]


@pytest.mark.parametrize("folder", [False, True])
def test_an_error_leaves_what_was_there(tmp_path: Path, folder: bool) -> None:
    path = tmp_path / "scene"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as partial:
        partial.mkdir() if folder else partial.write_text("half")
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["scene"]
    assert path.read_text() == "old"


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "kept.bin"
    with atomic_write(path) as first:
        first.write_text("first")
        with atomic_write(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"), atomic_write(tmp_path / "gone"):
        pass
