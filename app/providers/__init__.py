"""The model APIs: base types, the registry, and one adapter per protocol."""

from app.providers.base import (
    Call,
    Completion,
    Heard,
    ModelInfo,
    Outcome,
    Provider,
    Request,
    Status,
    Thinking,
    ThinkingKind,
    ThinkingRule,
)
from app.providers.observing import Evidence, Thought, mismatch, observe
from app.providers.registry import (
    discover,
    is_practice,
    load_providers,
    split_model,
    switch_titles,
)
from app.providers.thinking import Shape

__all__ = [
    "Call",
    "Completion",
    "Evidence",
    "Heard",
    "ModelInfo",
    "Outcome",
    "Provider",
    "Request",
    "Shape",
    "Status",
    "Thinking",
    "ThinkingKind",
    "ThinkingRule",
    "Thought",
    "discover",
    "is_practice",
    "load_providers",
    "mismatch",
    "observe",
    "split_model",
    "switch_titles",
]
