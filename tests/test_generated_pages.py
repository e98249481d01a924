"""Pages that follow from the code say what the code does today."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def written() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pages: dict[str, str] = module.pages()
    return pages


@pytest.mark.parametrize("name", ["keys.md", "commands.md", "settings.md"])
def test_a_page_is_up_to_date(name: str) -> None:
    assert written()[name] == (DOCS / name).read_text(encoding="utf-8"), "run `make docs`"
