"""Facts about the machine that need no torch."""

from __future__ import annotations

import importlib.metadata
import webbrowser
from typing import Any

from nerv360.nvidia import nvidia_driver
from nerv360.toolchain import c_compiler, missing_tools, python_header


def machine_facts() -> dict[str, Any]:
    """Describe the driver, compiler, Triton and browser; None for a missing one."""
    driver, header = nvidia_driver(), python_header()
    return {
        "driver": None if driver is None else driver.named,
        "compiler": c_compiler(),
        "header": str(header) if header.is_file() else None,
        "tools": missing_tools(),
        "triton": _version("triton"),
        "browser": _browser(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _browser() -> str | None:
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return None
    return str(getattr(browser, "name", "") or type(browser).__name__)
