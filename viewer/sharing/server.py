"""A server of one folder, for this machine only."""

from __future__ import annotations

import errno
import re
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from nerv360.errors import InputError

ADDRESS = "127.0.0.1"
_OWN_NAMES = re.compile(r"(127\.0\.0\.1|localhost|::1|\[::1\])(:\d{1,5})?", re.IGNORECASE)


class WebServer(ThreadingHTTPServer):
    """Server of a folder's files on the loopback address.

    Attributes:
        url: address of its page.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: Path, port: int) -> None:
        """Bind to the port, without answering yet.

        Args:
            port: 0 for any that is free.

        Raises:
            InputError: the port is taken, or may not be used.
        """
        try:
            super().__init__((ADDRESS, port), partial(_Handler, directory=str(folder)))
        except OSError as error:
            taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
            reason = "is taken or not allowed" if taken else f"cannot be used ({error.strerror})"
            raise InputError(f"{port} {reason}: name another, or 0 for any free one") from error
        self.url = f"http://{ADDRESS}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Browsers drop requests they no longer need; that is no error.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(SimpleHTTPRequestHandler):
    """Request handler without a log, which lets browsers check for changed files."""

    # System tables differ, and browsers run modules only with this type.
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".avif": "image/avif",
        ".svg": "image/svg+xml",
        ".json": "application/json",
    }

    def send_head(self) -> Any:
        if not self._asks_for_this_machine():
            self.send_error(HTTPStatus.FORBIDDEN, "This server answers on localhost only")
            return None
        try:
            return super().send_head()
        except (OSError, ValueError):  # a path that no file can have, such as one with NUL
            self.send_error(HTTPStatus.NOT_FOUND)
            return None

    def _asks_for_this_machine(self) -> bool:
        """Tell whether the one Host is a name of the loopback address.

        A page from elsewhere whose own name resolves to 127.0.0.1 would read the scene otherwise.
        """
        hosts = self.headers.get_all("Host", [])
        return len(hosts) == 1 and _OWN_NAMES.fullmatch(hosts[0].strip()) is not None

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass
