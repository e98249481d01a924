"""Clips in and out: video files, folders of pictures, frame rates."""

from model.video.random_access import KEPT_BYTES, VideoIndex, VideoReader, index_video
from model.video.reading import (
    SCALING,
    FrameSource,
    VideoFile,
    VideoInfo,
    failure_reason,
    open_frames,
)
from model.video.spherical import check_equirectangular
from model.video.writing import FolderWriter, VideoWriter, check_video_name

__all__ = [
    "KEPT_BYTES",
    "SCALING",
    "FolderWriter",
    "FrameSource",
    "VideoFile",
    "VideoIndex",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "check_equirectangular",
    "check_video_name",
    "failure_reason",
    "index_video",
    "open_frames",
]
