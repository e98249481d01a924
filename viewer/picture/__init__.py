"""The picture: window, OpenGL, uploads, renderer, panes, screenshots and films."""

from viewer.picture.comparison import Split
from viewer.picture.cuda_runtime import device_of_window
from viewer.picture.cuda_upload import choose_upload
from viewer.picture.film import Film
from viewer.picture.gl import Texture
from viewer.picture.panes import Panes
from viewer.picture.renderer import Renderer
from viewer.picture.screenshot import capture, new_screenshot_path, save_png
from viewer.picture.upload import Upload
from viewer.picture.window import Window

__all__ = [
    "Film",
    "Panes",
    "Renderer",
    "Split",
    "Texture",
    "Upload",
    "Window",
    "capture",
    "choose_upload",
    "device_of_window",
    "new_screenshot_path",
    "save_png",
]
