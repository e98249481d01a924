"""The application: a window that looks around inside a decoded scene, and the command line."""

from viewer.window_system import choose_window_system

choose_window_system()
