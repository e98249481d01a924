from .folder import SUFFIXES as SUFFIXES
from .folder import natural_key as natural_key
from .pictures import Pictures as Pictures
from .pictures import find_pictures as find_pictures
from .pictures import is_picture as is_picture
from .pictures import read_header as read_header
from .pictures import read_picture as read_picture
