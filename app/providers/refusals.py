"""Refusals by a provider's filter that come as an error and not as a finish reason."""

from collections.abc import Mapping
from typing import Any

_WORDS = frozenset({
    "content_filter", "content_filtered", "content_policy_violation", "data_inspection_failed",
    "invalid_prompt", "moderation", "moderation_error", "responsibleaipolicyviolation",
    "bio_policy", "cyber_policy", "misalignment_policy_violation",
})  # fmt: skip
# Of those whose filter has no word of its own: Anthropic (400), xAI (403), DeepSeek (400).
_SENTENCES = (
    "output blocked by content filtering policy", "content violates usage guidelines",
    "content exists risk",
)  # fmt: skip


def filter_code(error: Mapping[str, Any]) -> str:
    """The word by which an error says that a filter refused; empty for all other errors."""
    places = [error, error.get("metadata"), error.get("innererror")]
    words = [
        place.get(name)
        for place in places
        if isinstance(place, Mapping)
        for name in ("code", "type", "error_type")
    ]
    metadata = error.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("flagged_input") is not None:
        words.append("moderation")  # a gateway's own filter, which answers 403
    said = f"{error.get('message')} {error.get('error')} {metadata}".lower()
    if any(sentence in said for sentence in _SENTENCES):
        words.append("content_filter")
    return next((w for w in words if isinstance(w, str) and w.lower() in _WORDS), "")
