"""Drops files on a window of another program, as a file manager does: a source of XDND by Xlib.

A program of its own (``python -m tests.support.xdnd WINDOW PATH…``), because Xlib ends the process
where the window goes away. It exits with 0 once the window has taken the files.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import select
import sys
import time
import urllib.parse
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_ubyte, c_ulong, c_void_p

_LIMIT_S = 10.0
_CLIENT_MESSAGE, _SELECTION_REQUEST, _SELECTION_NOTIFY = 33, 30, 31


class _ClientMessage(ctypes.Structure):
    _fields_ = [
        ("type", c_int),
        ("serial", c_ulong),
        ("send_event", c_int),
        ("display", c_void_p),
        ("window", c_ulong),
        ("message_type", c_ulong),
        ("format", c_int),
        ("data", c_long * 5),
    ]


class _SelectionRequest(ctypes.Structure):
    _fields_ = [
        ("type", c_int),
        ("serial", c_ulong),
        ("send_event", c_int),
        ("display", c_void_p),
        ("owner", c_ulong),
        ("requestor", c_ulong),
        ("selection", c_ulong),
        ("target", c_ulong),
        ("property", c_ulong),
        ("time", c_ulong),
    ]


class _SelectionNotify(ctypes.Structure):
    _fields_ = [
        ("type", c_int),
        ("serial", c_ulong),
        ("send_event", c_int),
        ("display", c_void_p),
        ("requestor", c_ulong),
        ("selection", c_ulong),
        ("target", c_ulong),
        ("property", c_ulong),
        ("time", c_ulong),
    ]


class _Event(ctypes.Union):
    _fields_ = [
        ("type", c_int),
        ("message", _ClientMessage),
        ("request", _SelectionRequest),
        ("notify", _SelectionNotify),
        ("pad", c_long * 24),
    ]


def _xlib() -> ctypes.CDLL:
    x = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    x.XOpenDisplay.restype, x.XOpenDisplay.argtypes = c_void_p, [c_char_p]
    x.XDefaultRootWindow.restype, x.XDefaultRootWindow.argtypes = c_ulong, [c_void_p]
    x.XCreateSimpleWindow.restype = c_ulong
    x.XCreateSimpleWindow.argtypes = [c_void_p, c_ulong, *[c_int] * 5, c_ulong, c_ulong]
    x.XInternAtom.restype, x.XInternAtom.argtypes = c_ulong, [c_void_p, c_char_p, c_int]
    x.XSetSelectionOwner.argtypes = [c_void_p, c_ulong, c_ulong, c_ulong]
    x.XSendEvent.argtypes = [c_void_p, c_ulong, c_int, c_long, POINTER(_Event)]
    x.XChangeProperty.argtypes = [
        c_void_p, c_ulong, c_ulong, c_ulong, c_int, c_int, POINTER(c_ubyte), c_int,
    ]  # fmt: skip
    for name in ("XPending", "XFlush", "XConnectionNumber", "XCloseDisplay"):
        getattr(x, name).argtypes = [c_void_p]
    x.XNextEvent.argtypes = [c_void_p, POINTER(_Event)]
    return x


def drop(target: int, paths: list[str]) -> bool:
    """Drop ``paths`` on window ``target``; tells whether it has taken them."""
    x = _xlib()
    display = x.XOpenDisplay(None)
    if not display:
        raise RuntimeError("there is no X display")
    root = x.XDefaultRootWindow(display)
    source = x.XCreateSimpleWindow(display, root, 0, 0, 1, 1, 0, 0, 0)

    def atom(name: str) -> int:
        return int(x.XInternAtom(display, name.encode(), False))

    def send(name: str, *data: int) -> None:
        event = _Event()
        event.message = _ClientMessage(
            _CLIENT_MESSAGE, 0, 1, display, target, atom(name), 32, (c_long * 5)(source, *data)
        )
        x.XSendEvent(display, target, False, 0, byref(event))
        x.XFlush(display)

    selection, text = atom("XdndSelection"), atom("text/uri-list")
    uris = "".join(f"file://{urllib.parse.quote(os.fsencode(path))}\r\n" for path in paths).encode()
    x.XSetSelectionOwner(display, selection, source, 0)
    send("XdndEnter", 5 << 24, text, 0, 0)
    send("XdndPosition", 0, (20 << 16) | 20, 0, atom("XdndActionCopy"))
    deadline = time.monotonic() + _LIMIT_S
    event = _Event()
    while (left := deadline - time.monotonic()) > 0:
        if not x.XPending(display):
            select.select([x.XConnectionNumber(display)], [], [], left)
            continue
        x.XNextEvent(display, byref(event))
        if event.type == _CLIENT_MESSAGE and event.message.message_type == atom("XdndStatus"):
            send("XdndDrop", 0, 0, 0, 0)
        elif event.type == _SELECTION_REQUEST:
            asked = event.request
            given = (c_ubyte * len(uris)).from_buffer_copy(uris)
            x.XChangeProperty(
                display, asked.requestor, asked.property, asked.target, 8, 0, given, len(uris)
            )
            answer = _Event()
            answer.notify = _SelectionNotify(
                _SELECTION_NOTIFY, 0, 1, display, asked.requestor, asked.selection, asked.target,
                asked.property, asked.time,
            )  # fmt: skip
            x.XSendEvent(display, asked.requestor, False, 0, byref(answer))
            x.XFlush(display)
        elif event.type == _CLIENT_MESSAGE and event.message.message_type == atom("XdndFinished"):
            x.XCloseDisplay(display)
            return True
    return False


if __name__ == "__main__":
    sys.exit(0 if drop(int(sys.argv[1]), sys.argv[2:]) else 1)
