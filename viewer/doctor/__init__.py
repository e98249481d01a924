"""Checks on this machine for everything that the program needs.

Checks that may crash run in a process of their own.
"""

from viewer.doctor.child import ChildError, run_child
from viewer.doctor.examination import Finding, examine, graphics_command

__all__ = ["ChildError", "Finding", "examine", "graphics_command", "run_child"]
