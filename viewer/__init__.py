"""The application: a window that looks around inside a decoded scene, and the command line."""

from viewer.window_system import prepare_libraries

prepare_libraries()
