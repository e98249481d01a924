"""The page's modules by themselves: their own tests, and their types."""

from __future__ import annotations

import json
import re
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


def luminance(colour: list[float]) -> float:
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("text", ["text", "quiet"])
def test_words_can_be_read_over_a_white_picture(text: str) -> None:
    """Small text has the contrast that WCAG 2 asks for."""
    style = (ROOT / "viewer" / "web" / "style.css").read_text()
    panel = re.search(r"--panel: rgb\((\d+) (\d+) (\d+) / ([\d.]+)\)", style)
    digits = re.search(rf"--{text}: #(\w\w)(\w\w)(\w\w);", style)
    assert panel is not None
    assert digits is not None
    *behind, alpha = map(float, panel.groups())
    over_white = [(alpha * value + (1 - alpha) * 255) / 255 for value in behind]
    letters = [int(pair, 16) / 255 for pair in digits.groups()]
    assert (luminance(letters) + 0.05) / (luminance(over_white) + 0.05) >= 4.5
