"""The C compiler and the Python header that Triton and torch's compiler need at run time."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path


def c_compiler() -> str | None:
    """Return the path of the C compiler that Triton uses, or None."""
    chosen = os.environ.get("CC")
    if chosen is not None:
        return shutil.which(chosen)
    return shutil.which("gcc") or shutil.which("clang")


def python_header() -> Path:
    """Return the path where Triton looks for Python.h; the file may be missing."""
    scheme = sysconfig.get_default_scheme()
    if scheme == "posix_local":  # Debian's scheme; its headers are those of posix_prefix
        scheme = "posix_prefix"
    return Path(sysconfig.get_paths(scheme=scheme)["include"]) / "Python.h"


def missing_tools() -> str | None:
    """Return a clause on why nothing can be compiled here, or None; see `EngineKind`."""
    if sys.platform == "win32":  # Triton's builds for Windows include both
        return None
    chosen = os.environ.get("CC")
    if c_compiler() is None:
        if chosen is not None:
            return f"needs a C compiler, and CC names {chosen}, which is not here: unset CC"
        return f"needs a C compiler, which is not installed: {_remedy()}"
    if not python_header().is_file():
        return f"needs {python_header()}, which is not installed: {_remedy()}"
    return None


def _remedy() -> str:
    python = Path(os.path.realpath(sys.executable))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if python.parent != Path("/usr/bin"):  # not the distribution's
        return f"install gcc, and a {version} that has its headers"
    name = "python3" if os.path.realpath("/usr/bin/python3") == str(python) else version
    for installer, packages in (
        ("apt install", f"gcc {name}-dev"),
        ("dnf install", f"gcc {name}-devel"),
        ("zypper install", f"gcc {name}-devel"),
        ("pacman -S", "gcc"),
    ):
        if shutil.which(installer.split()[0]) is not None:
            return f"{installer} {packages}"
    return f"install gcc and the headers of {version}"
