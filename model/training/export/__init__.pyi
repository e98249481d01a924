from .embeddings import export_bytes as export_bytes
from .merging import check_same_clip as check_same_clip
from .rehearsal import rehearse as rehearse
from .scene import trained_scene as trained_scene
from .search import Export as Export
from .search import export_plainly as export_plainly
from .search import export_scene as export_scene
from .search import export_so_far as export_so_far
