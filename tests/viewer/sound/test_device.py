"""The machine's device, or one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from nerv360.viewer.sound.device import Device, NoDeviceError
try:
    Device(lambda count: None)
except NoDeviceError as error:
    print("refused:", error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems name no server to do without")
@pytest.mark.skipif(Path("/dev/snd").exists(), reason="this machine has a sound card")
def test_without_server_and_card_no_library_prints_anything(tmp_path: Path) -> None:
    pytest.importorskip("miniaudio")
    environment = {**os.environ, "PULSE_SERVER": f"unix:{tmp_path}/none", "HOME": str(tmp_path)}
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60
    )
    assert finished.stdout.startswith("refused: ")
    assert finished.stderr == ""
