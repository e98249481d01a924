"""Pipes in place of files: nobody may wait for what never comes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nerv360.errors import InputError
from nerv360.scene import read_header, read_scene
from nerv360.trajectories.reading import read_trajectory


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("read", [read_scene, read_header, read_trajectory])
def test_a_pipe_is_refused_without_waiting_for_a_writer(
    read: Callable[[str], object], tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe.safetensors"
    os.mkfifo(pipe)
    said: list[str] = []

    def attempt() -> None:
        with pytest.raises(InputError) as caught:
            read(str(pipe))
        said.append(str(caught.value))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(10)
    waits = thread.is_alive()
    if waits:
        os.close(os.open(pipe, os.O_WRONLY))
    assert not waits
    assert said[0].startswith(f"{pipe} is not a regular file")
