"""Checks on this machine for everything that the program needs.

Checks that may crash run in a process of their own.
"""

from nerv360.viewer.commands.examination.child import ChildError, run_child
from nerv360.viewer.commands.examination.findings import Finding, examine, graphics_command

__all__ = ["ChildError", "Finding", "examine", "graphics_command", "run_child"]
