"""The program's needs, looked for on this machine.

Whatever may crash is asked for in a process of its own.
"""

from viewer.doctor.child import ChildError, run_child
from viewer.doctor.examination import Finding, examine, graphics_command

__all__ = ["ChildError", "Finding", "examine", "graphics_command", "run_child"]
