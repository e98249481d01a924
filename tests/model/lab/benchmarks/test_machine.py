"""The origin of a measurement."""

from __future__ import annotations

import subprocess
from pathlib import Path

from nerv360.lab.benchmarks.machine import checkout_commit


def test_the_commit_is_the_checkouts_and_says_where_files_differ(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert checkout_commit(tmp_path) is None, "no checkout"
    git("init")
    file = tmp_path / "file"
    file.write_text("one")
    git("add", "file")
    git("commit", "-m", "one")
    head = git("rev-parse", "HEAD")
    assert checkout_commit(tmp_path) == head
    file.write_text("two")
    assert checkout_commit(tmp_path) == f"{head}-dirty"
