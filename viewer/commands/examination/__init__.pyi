from .child import ChildError as ChildError
from .child import run_child as run_child
from .findings import Finding as Finding
from .findings import examine as examine
from .findings import graphics_command as graphics_command
