from .findings import Finding as Finding
from .findings import examine as examine
from .graphics import graphics_facts as graphics_facts
