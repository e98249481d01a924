"""Commands that show scenes on web pages."""

from nerv360.viewer.commands.web.export_web import export_web
from nerv360.viewer.commands.web.serve import serve

__all__ = ["export_web", "serve"]
