from .drawer import DRAWER as DRAWER
from .drawer import draws_in_software as draws_in_software
from .faster import NotFasterError as NotFasterError
from .faster import faster_drawn as faster_drawn
from .gl_program import GlProgram as GlProgram
from .picture import TextureCopy as TextureCopy
from .picture import TexturePicture as TexturePicture
