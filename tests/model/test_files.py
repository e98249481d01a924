"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nerv360.files import atomic_write, partial_path, private_folder

posix = pytest.mark.skipif(sys.platform == "win32", reason="folders have no modes there")


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


def test_what_killed_processes_left_is_deleted(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from nerv360.files import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half')\n"
        "    os._exit(9)"
    )
    path = tmp_path / "r.safetensors.checkpoint"
    command = [sys.executable, "-c", program, str(path)]
    root = Path(__file__).parents[2]
    assert subprocess.run(command, cwd=root, check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    elsewhere = left.name.replace(left.name.split(".")[4].split("-")[0], "ffffff")
    others = ["r.safetensors.checkpoint", ".r.safetensors.checkpoint", ".r.x.part.checkpoint"]
    for name in (*others, elsewhere):
        (tmp_path / name).touch()
    with atomic_write(path) as partial:
        running = partial_path(path)
        running.touch()
        partial.write_text("whole")
        partial_path(path)
    names = {*others, elsewhere, running.name}
    assert {file.name for file in tmp_path.iterdir()} == names


def test_a_file_is_on_the_disk_before_it_takes_its_place_and_its_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = tmp_path / "s.safetensors", []
    sync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    def replaced(old: Path, new: Path) -> None:
        done.append("replaced")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    with atomic_write(path) as partial:
        partial.write_text("whole")
    assert done == [partial.name, "replaced", tmp_path.name]


@posix
def test_a_private_folder_is_its_owners_only(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "code"
    before = os.umask(0o002)
    try:
        assert private_folder(folder) == folder
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700] * 2
    folder.chmod(0o755)
    private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(PermissionError, match="others can write to it"):
        private_folder(tmp_path)


@posix
def test_a_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="another user"):
        private_folder(tmp_path)
