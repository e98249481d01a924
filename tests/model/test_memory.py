"""The memory that is free is the machine's, and no more than a container's limit leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from nerv360 import memory

MIB = 2**20


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which control groups are looked for, empty."""
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "_PROCESS_GROUPS", tmp_path / "cgroup")
    return tmp_path / "groups"


def write(folder: Path, **contents: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (folder / f"memory.{name}").write_text(text + "\n")


def test_without_groups_it_is_the_machines(groups: Path) -> None:
    machine = psutil.virtual_memory().available
    assert memory.available_bytes() == pytest.approx(machine, rel=0.2)


def test_a_group_or_one_around_it_limits_it(groups: Path) -> None:
    (groups.parent / "cgroup").write_text("0::/outer/inner\n")
    write(groups / "outer" / "inner", max="max", current=f"{10 * MIB}", stat="inactive_file 0")
    stat = f"anon 5\ninactive_file {6 * MIB}"
    write(groups / "outer", max=f"{100 * MIB}", current=f"{90 * MIB}", stat=stat)
    assert memory.available_bytes() == 16 * MIB


def test_the_first_version_of_groups_has_other_names(groups: Path) -> None:
    (groups.parent / "cgroup").write_text("5:cpu:/a\n4:memory,cpuset:/box/1\n0::/\n")
    write(
        groups / "memory" / "box" / "1",
        limit_in_bytes=f"{64 * MIB}",
        usage_in_bytes=f"{60 * MIB}",
        stat=f"inactive_file 0\ntotal_inactive_file {2 * MIB}",
    )
    assert memory.available_bytes() == 6 * MIB


def test_in_a_container_the_root_that_is_mounted_is_its_own_group(groups: Path) -> None:
    (groups.parent / "cgroup").write_text("0::/docker/0123\n")
    write(groups, max=f"{8 * MIB}", current=f"{9 * MIB}", stat="inactive_file 0")
    assert memory.available_bytes() == 0


@pytest.mark.parametrize("text", ["", "nonsense", "0::", "4:memory"])
def test_what_cannot_be_read_limits_nothing(groups: Path, text: str) -> None:
    (groups.parent / "cgroup").write_text(text)
    write(groups, max="much", current="", stat="a b c")
    assert memory.available_bytes() > 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no mallopt")
def test_freed_memory_is_kept_for_the_next_step() -> None:
    script = (
        "import resource, numpy as np; from nerv360.memory import keep_freed_memory\n"
        "keep_freed_memory()\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "def step(): np.ones(3_000_000) + np.ones(3_000_000)\n"
        "step(); before = faults(); step(); print(faults() - before)"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(child.stdout) < 1000  # three times 5,860 pages otherwise


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep the pages")
def test_a_part_of_a_buffer_that_is_released_takes_no_memory_and_leaves_the_rest() -> None:
    buffer, process = np.full((3, 8 * MIB + 123), 7, np.uint8), psutil.Process()
    before = process.memory_info().rss
    memory.release_pages(buffer[1].ctypes.data, buffer[1].nbytes)
    assert before - process.memory_info().rss > 7 * MIB
    assert (buffer[[0, 2]] == 7).all()
    memory.release_pages(buffer[0].ctypes.data + 1, 20)  # no whole page
    assert (buffer[0] == 7).all()
