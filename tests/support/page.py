"""The page's modules, run by Node, and what it takes to do so."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "tests" / "web"
_OLDEST = (20, 19)


def node() -> str:
    """The program; the test is skipped where there is none that is new enough."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no Node here (nodejs.org) to run the page's modules with")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(map(int, re.findall(r"\d+", said)[:2]))
    if version < _OLDEST:
        pytest.skip(f"Node {said.strip()} is older than {_OLDEST[0]}.{_OLDEST[1]}")
    return found


def asked(*questions: Iterable[object]) -> list[Any]:
    """Answers of ``tests/web/desktop.js``: a result each, or a dictionary with its error."""
    lines = "".join(json.dumps(list(question)) + "\n" for question in questions)
    command = [node(), str(SUITE / "desktop.js")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [answer.get("result", answer) for answer in answers]
