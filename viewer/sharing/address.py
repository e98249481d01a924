"""Address of a server, and the rules for requests that are meant for it."""

from __future__ import annotations

import errno
import hmac
import ipaddress
import re
import secrets
import socket

from nerv360.errors import InputError

ADDRESS = "127.0.0.1"
_BACKLOG = 128
_OWN_NAMES = r"127\.0\.0\.1|localhost|::1|\[::1\]"
_NAMES = re.compile(r"([a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?", re.IGNORECASE)
_PATH = re.compile(r"/((?:[\w-][\w.-]*/)*(?:[\w-][\w.-]*)?)(?:\?[!-~]*)?", re.ASCII)


def check_host(host: str) -> None:
    """Raise InputError if ``host`` is not a name or address of this machine."""
    family, place = _resolved(host, 0)
    try:
        socket.create_server(place, family=family).close()
    except OSError as error:
        raise InputError(f"{host} is not a name or address of this machine") from error


class Address:
    """A bound socket and the rules for whom it answers.

    Beyond this machine, and if it is secret, each path begins with a token that only `url` has.

    Attributes:
        socket: bound and listening.
        url: address of the page, with the token if there is one.
        token: None if the address is no secret.
    """

    def __init__(self, host: str = ADDRESS, port: int = 0, *, secret: bool = False) -> None:
        """Bind to a port.

        Args:
            host: name or number of one of this machine's interfaces, or 0.0.0.0 or :: for all.
            port: 0 for any that is free.
            secret: demand a token on this machine, too.

        Raises:
            InputError: the port is taken, or may not be used, or there is no such host.
        """
        family, place = _resolved(host, port)
        try:
            self.socket = socket.create_server(place, family=family, backlog=_BACKLOG)
        except OSError as error:
            taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
            reason = "is taken or not allowed" if taken else f"cannot be used ({error.strerror})"
            raise InputError(f"{port} {reason}: name another, or 0 for any free one") from error
        number = ipaddress.ip_address(place[0])
        self.port: int = self.socket.getsockname()[1]
        self.token = secrets.token_urlsafe(18) if secret or not number.is_loopback else None
        name = socket.gethostname() if number.is_unspecified else host
        name = f"[{name}]" if ":" in name else name
        token = f"{self.token}/" if self.token else ""
        own = rf"({_OWN_NAMES}|{re.escape(name)})(:\d{{1,5}})?"
        self._names = _NAMES if self.token else re.compile(own, re.IGNORECASE)
        self.url = f"http://{name}:{self.port}/{token}"

    def knows(self, hosts: list[str]) -> bool:
        """Return True if the request's one Host may be a name of this server.

        Without a token these are the names of this machine's own address and the host of `url`:
        a page from elsewhere whose own name resolves to 127.0.0.1 would read the scene otherwise.
        With a token any name will do, because such a page does not know the token.
        """
        return len(hosts) == 1 and self._names.fullmatch(hosts[0].strip()) is not None

    def path_within(self, path: str) -> str | None:
        """Return the part of a request's path that names a file; None without the token.

        It is "/" if the path can be no file's, and empty for the page itself.
        """
        matched = _PATH.fullmatch(path)
        name = matched[1] if matched else "/"
        if self.token is not None:
            token, slash, name = name.partition("/")
            if not hmac.compare_digest(token.encode(), self.token.encode()):
                return None
            name = name if slash else "/"
        return name


def same_origin(origins: list[str], host: str) -> bool:
    """Return True if a request comes from a page of this server.

    Args:
        origins: its Origin headers; browsers send one with each WebSocket.
        host: its Host header.
    """
    own = {f"{scheme}://{host.strip().lower()}" for scheme in ("http", "https")}
    return len(origins) == 1 and origins[0].strip().lower() in own


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise InputError(f"{host} is not a name or address of this machine") from error
    family, *_, place = found[0]
    return family, (str(place[0]), port)
