"""Torch's compiler keeps its files where nobody else can put any."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import platformdirs
import pytest

from nerv360.decoding.preloading import keep_compiled_code_private

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders have no modes there")
NAME = "TORCHINDUCTOR_CACHE_DIR"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    monkeypatch.setenv(NAME, "")
    return tmp_path / "cache" / "nerv360" / "inductor"


def test_it_is_the_users_cache(cache: Path) -> None:
    keep_compiled_code_private()
    assert os.environ[NAME] == str(cache)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_a_folder_that_was_chosen_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "/chosen")
    keep_compiled_code_private()
    assert os.environ[NAME] == "/chosen"
    assert not cache.exists()


def test_a_folder_that_others_can_write_to_is_not_used(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    keep_compiled_code_private()
    used = Path(os.environ[NAME])
    assert used != cache
    assert stat.S_IMODE(used.stat().st_mode) == 0o700
    assert "compiled code is not kept: " in caplog.text
    assert "others can write to it" in caplog.text
