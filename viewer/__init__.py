"""The application: the window that looks around in a decoded scene, and the command line."""

from nerv360.viewer.window_system import prepare_libraries

prepare_libraries()
