"""Export of a trained network as a decoder of a scene file, as small as its quality allows."""

from model.training.export.embeddings import export_bytes
from model.training.export.merging import check_same_clip
from model.training.export.rehearsal import rehearse
from model.training.export.scene import trained_scene
from model.training.export.search import Export, export_plainly, export_scene

__all__ = [
    "Export",
    "check_same_clip",
    "export_bytes",
    "export_plainly",
    "export_scene",
    "rehearse",
    "trained_scene",
]
