from .address import Address as Address
from .address import check_host as check_host
from .folder import check_folder as check_folder
from .folder import export_web as export_web
from .server import WebServer as WebServer
