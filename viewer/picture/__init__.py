"""The picture: window, OpenGL, uploads, renderer, panes, screenshots and films."""
