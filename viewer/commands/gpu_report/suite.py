"""Parts of the test suite that belong to a report: what needs CUDA, and the restless hand."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path

from nerv360.errors import UnavailableError
from nerv360.lab.worker import WorkerError
from nerv360.viewer.commands.gpu_report.values import TestCounts
from nerv360.viewer.paths import PROGRAM

CUDA_TESTS = (
    "tests/model/decoding/compiled/test_engine.py",
    "tests/model/decoding/triton/test_runner.py",
    "tests/viewer/picture/test_cuda_upload.py",
)
SOAK = "tests/viewer/test_process.py"
_SOME_FAIL = 1


def run_cuda_tests() -> TestCounts:
    """Count the tests that need CUDA.

    Raises:
        WorkerError: as `run_tests`.
        UnavailableError: there is no such device, and all were skipped.
    """
    counts = run_tests([*CUDA_TESTS, "-m", "cuda"], {})
    if counts["passed"] == 0:
        reasons = " and ".join(counts["skips"]) or "no test needs it"
        raise UnavailableError(f"{counts['skipped']} tests were skipped: {reasons}")
    return counts


def run_soak(seconds: float) -> TestCounts:
    """Let a restless hand use the window for so many seconds."""
    environment = {"NERV360_SOAK_SECONDS": str(seconds)}
    limit = ["-o", f"faulthandler_timeout={round(seconds) + 400}"]
    return {**run_tests([SOAK, "-s", *limit], environment), "soak_s": seconds}


def run_tests(arguments: Sequence[str], environment: Mapping[str, str]) -> TestCounts:
    """Run tests and count those that passed, failed and were skipped.

    Raises:
        WorkerError: there are no tests here, pytest is not installed, or some failed.
    """
    if not (PROGRAM / "tests").is_dir():
        raise WorkerError("the tests are not here: run the report from a checkout")
    if importlib.util.find_spec("pytest") is None:
        raise WorkerError("pytest is not installed: pip install -r requirements-test.txt")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        started = time.perf_counter()
        done = subprocess.run(
            [*command, f"--junitxml={file}", *arguments],
            cwd=PROGRAM,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            check=False,
        )
        seconds = time.perf_counter() - started
        if done.returncode not in (0, _SOME_FAIL) or not file.exists():
            raise WorkerError(f"pytest ended with exit code {done.returncode}")
        counts = counted(file.read_text())
    if counts["failing"]:
        raise WorkerError(f"{counts['failing']} of {counts['tests']} tests fail: {counts['first']}")
    return {**counts, "seconds": round(seconds, 1)}


def counted(results: str) -> TestCounts:
    """Count the tests of the JUnit report ``results``."""
    cases = list(ElementTree.fromstring(results).iter("testcase"))
    failing = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
    skips = [skip.get("message", "") for c in cases if (skip := c.find("skipped")) is not None]
    return {
        "tests": len(cases),
        "passed": len(cases) - len(failing) - len(skips),
        "failing": len(failing),
        "skipped": len(skips),
        "skips": sorted(set(skips)),
        "first": failing[0].get("name") if failing else None,
    }
