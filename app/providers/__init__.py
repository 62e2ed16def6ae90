"""The model APIs: base types, the registry, and one adapter per protocol."""

from app.providers.base import (
    Call,
    Completion,
    ModelInfo,
    Outcome,
    Provider,
    Request,
    Thinking,
    ThinkingKind,
    ThinkingRule,
)
from app.providers.registry import discover, load_providers, split_model

__all__ = [
    "Call",
    "Completion",
    "ModelInfo",
    "Outcome",
    "Provider",
    "Request",
    "Thinking",
    "ThinkingKind",
    "ThinkingRule",
    "discover",
    "load_providers",
    "split_model",
]
