"""A scene as a web page: a folder of static files, and a server of it for this machine only."""

from nerv360.viewer.sharing.folder import check_folder, export_web
from nerv360.viewer.sharing.server import WebServer

__all__ = ["WebServer", "check_folder", "export_web"]
