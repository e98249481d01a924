"""The page's modules by themselves: their own tests, and their types."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support.page import ROOT, SUITE, node


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_their_own_tests_pass() -> None:
    done = run(node(), "--test", *sorted(SUITE.glob("*.test.js")))
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_their_types_are_right() -> None:
    compiler = SUITE / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.exists():
        pytest.skip("TypeScript is not installed (npm ci --prefix tests/web)")
    done = run(node(), compiler, "--project", SUITE)
    assert done.returncode == 0, done.stdout


def test_what_checks_them_is_pinned_and_names_no_registry() -> None:
    packages = json.loads((SUITE / "package-lock.json").read_text())["packages"]
    pinned = {name: entry for name, entry in packages.items() if name}
    assert pinned
    assert all(entry["integrity"] and "resolved" not in entry for entry in pinned.values())
