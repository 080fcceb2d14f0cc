"""Unleash's delta form: events that add up to features and segments. ``GET /api/client/delta`` begins with a hydration."""

from __future__ import annotations

from typing import Any, cast

from ferryman.flags.importing.base import Document, mapping, objects


def is_delta(document: Document) -> bool:
    """Whether a document is a list of such events."""
    events = document.get("events")
    return (
        isinstance(events, list)
        and bool(cast("list[Any]", events))
        and all(isinstance(each, dict) and "type" in each and "eventId" in each for each in cast("list[Any]", events))
    )


def added_up(document: Document) -> Document:
    """The features and segments after the last event. Events of other types change nothing. Raises `UnreadableError`."""
    features: dict[str, Document] = {}
    segments: dict[str, Document] = {}
    for event in objects(document.get("events"), "events"):
        match event.get("type"):
            case "hydration":
                features = {str(each["name"]): each for each in objects(event.get("features"), "features")}
                segments = {str(each["id"]): each for each in objects(event.get("segments"), "segments")}
            case "feature-updated":
                feature = mapping(event.get("feature"), "a feature")
                features[str(feature["name"])] = feature
            case "feature-removed":
                features.pop(str(event.get("featureName")), None)
            case "segment-updated":
                segment = mapping(event.get("segment"), "a segment")
                segments[str(segment["id"])] = segment
            case "segment-removed":
                segments.pop(str(event.get("segmentId")), None)
            case _:
                pass
    return {"features": [*features.values()], "segments": [*segments.values()]}
