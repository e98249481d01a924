from .file import check_replaceable as check_replaceable
from .file import checkpoint_path as checkpoint_path
from .file import discard_checkpoint as discard_checkpoint
from .file import load_checkpoint as load_checkpoint
from .file import save_checkpoint as save_checkpoint
from .state import TrainingState as TrainingState
from .state import check_optimiser as check_optimiser
