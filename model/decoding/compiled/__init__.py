"""CUDA engines: programs run by torch.compile and CUDA graphs, and their caches."""

from model.decoding.compiled.aligned import AlignedConv
from model.decoding.compiled.attempts import abandon_builds
from model.decoding.compiled.band import Span, wider
from model.decoding.compiled.cache import CacheFile, cache_key
from model.decoding.compiled.compiler import free_frames
from model.decoding.compiled.engine import CompiledEngine, open_compiled
from model.decoding.compiled.gpu import Gpu

__all__ = [
    "AlignedConv",
    "CacheFile",
    "CompiledEngine",
    "Gpu",
    "Span",
    "abandon_builds",
    "cache_key",
    "free_frames",
    "open_compiled",
    "wider",
]
