"""Types of somebody else, read strictly: no unknown field, nothing converted, wire names only."""

import json
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import SchemaValidator


class Strict:
    """Checks JSON against a TypedDict, a pydantic model or a union of them."""

    def __init__(self, kind: Any) -> None:
        listed = TypeAdapter(list[kind])  # in a list, the schema of a model is built at once
        self._validator = SchemaValidator(_eager(listed.core_schema))

    def check(self, value: object) -> None:
        """Raises a ValueError, or a warning of the type's own making."""
        self._validator.validate_json(
            json.dumps([value]), strict=True, extra="forbid", by_alias=True, by_name=False
        )


def _eager(schema: Any) -> Any:
    """The schema with lists in place of Iterables, whose items pydantic would not look at."""
    if isinstance(schema, list):
        return [_eager(part) for part in schema]
    if isinstance(schema, tuple):
        return tuple(_eager(part) for part in schema)
    if not isinstance(schema, dict):
        return schema
    eager = {name: _eager(part) for name, part in schema.items()}
    return eager | {"type": "list"} if eager.get("type") == "generator" else eager
