from .pictures import OpenedPictures as OpenedPictures
from .pictures import StoredPictures as StoredPictures
from .telling import read_stored as read_stored
from .video import OpenedVideo as OpenedVideo
from .video import StoredVideo as StoredVideo
