"""CUDA engines: programs run by torch.compile and CUDA graphs, and their caches."""

from nerv360.decoding.compiled.aligned import AlignedConv
from nerv360.decoding.compiled.attempts import abandon_builds
from nerv360.decoding.compiled.band import Rows, wider
from nerv360.decoding.compiled.cache import CacheFile, cache_key
from nerv360.decoding.compiled.compiler import free_frames
from nerv360.decoding.compiled.engine import CompiledEngine, open_compiled
from nerv360.decoding.compiled.gpu import Gpu

__all__ = [
    "AlignedConv",
    "CacheFile",
    "CompiledEngine",
    "Gpu",
    "Rows",
    "abandon_builds",
    "cache_key",
    "free_frames",
    "open_compiled",
    "wider",
]
