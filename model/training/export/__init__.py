"""Export of a trained network as a decoder of a scene file, as small as its quality allows."""

from nerv360.training.export.embeddings import export_bytes
from nerv360.training.export.merging import check_same_clip
from nerv360.training.export.rehearsal import rehearse
from nerv360.training.export.scene import trained_scene
from nerv360.training.export.search import Export, export_plainly, export_scene

__all__ = [
    "Export",
    "check_same_clip",
    "export_bytes",
    "export_plainly",
    "export_scene",
    "rehearse",
    "trained_scene",
]
