"""Space that is reserved is there when it is needed, or refused before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nerv360.disk_space import ReservedSpace
from nerv360.errors import InputError
from tests.support.full_disk import full_disk

MIB = 2**20


def held(folder: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in folder.iterdir())


def test_it_takes_the_space_and_gives_it_back(tmp_path: Path) -> None:
    with ReservedSpace(tmp_path / "s", 3 * MIB, 2 * MIB) as space:
        assert held(tmp_path) >= 5 * MIB
        with space.lend():
            assert 3 * MIB <= held(tmp_path) < 4 * MIB
        assert held(tmp_path) >= 5 * MIB
        space.release()
        assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_refused(tmp_path: Path) -> None:
    space = ReservedSpace(tmp_path / "s", 4 * MIB, 3 * MIB)
    with full_disk(".reserved"), pytest.raises(InputError, match="up to 7 MiB are needed and"):
        space.__enter__()
    assert list(tmp_path.iterdir()) == []


def test_what_was_lent_may_be_gone(tmp_path: Path) -> None:
    with ReservedSpace(tmp_path / "s", 3 * MIB, 2 * MIB) as space:
        with full_disk(".reserved"), space.lend():
            pass
        assert 3 * MIB <= held(tmp_path) < 4 * MIB


def test_a_killed_process_leaves_it_until_the_next(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from nerv360.disk_space import ReservedSpace\n"
        "ReservedSpace(Path(sys.argv[1]), 2**20, 0).__enter__(); os._exit(9)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "s")]
    assert subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode == 9
    assert held(tmp_path) >= MIB
    with ReservedSpace(tmp_path / "s", MIB, 0):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_real_disk_that_is_full(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)]
    if os.getuid() or not shutil.which("mount") or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small disk needs root and the right to mount one")
    try:
        with pytest.raises(InputError, match=r"up to 16 MiB are needed and 8 MiB are free"):
            ReservedSpace(small / "s", 14 * MIB, 2 * MIB).__enter__()
        with ReservedSpace(small / "s", 4 * MIB, 2 * MIB) as space:
            with pytest.raises(OSError, match="No space left"):
                (small / "other").write_bytes(bytes(3 * MIB))
            space.release()
            (small / "s").write_bytes(bytes(4 * MIB))
    finally:
        subprocess.run(["umount", str(small)], check=True)
