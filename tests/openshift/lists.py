"""Listing imagestreamtags and imagetags."""

from __future__ import annotations

from typing import Any

from . import imagestreamtags, imagetags
from .objects import Stream


def stream_tags(streams: list[Stream]) -> list[dict[str, Any]]:
    """List the imagestreamtags of streams: the tags whose newest event has an image."""
    return [
        imagestreamtags.encode(imagestreamtags.view(stream, tag))
        for stream in streams
        for tag in sorted(stream.history)
        if (newest := stream.latest(tag)) is not None and newest.image
    ]


def tags(streams: list[Stream]) -> list[dict[str, Any]]:
    """List the imagetags of streams: those in spec or status."""
    return [
        imagetags.encode(imagetags.view(stream, tag))
        for stream in streams
        for tag in sorted({*stream.tags, *stream.history})
    ]
