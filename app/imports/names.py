"""What columns are called elsewhere."""

import re

# The fields of a prompt, in the words of the page.
FIELDS = {
    "text": "prompt",
    "question": "question without opt-out",
    "answer_format": "answer format",
    "references": "reference answers",
    "constraint": "constraint",
    "answerable": "answerable",
    "tags": "tags",
    "flag": "a tag, where it says yes",
    "source": "source",
    "metadata": "metadata (topic, URLs)",
    "key": "key",
}
KNOWN = {
    "text": "text prompt problem question query input instruction",
    "answer_format": "answer_format",
    "references": (
        "references reference answer answers reference_answer reference_answers best_answer"
        " correct_answer correct_answers gold gold_answer target targets expected expected_output"
        " expected_answer ground_truth ideal solution aliases answer.value answer.aliases"
        " answer.normalized_aliases answers.text possible_answers"
    ),
    "constraint": "constraint",
    "answerable": "answerable",
    "tags": "tags tag topic topics category categories subject domain type answer_type",
    "flag": "multi_step requires_reasoning",
    "source": "source sources url urls source_url link citation",
    "metadata": "metadata",
    "key": "key",
}
_FIELD_OF = {name: field for field, names in KNOWN.items() for name in names.split()}


def plain(column: str) -> str:
    """``Best Answer`` and ``best-answer`` are one name."""
    return re.sub(r"[^a-z0-9.]+", "_", column.lower()).strip("_")


def field_of(column: str) -> str:
    """The field that a column of this name usually is; empty: none that we know."""
    return _FIELD_OF.get(plain(column), "")


def is_known(column: str) -> bool:
    return plain(column) in _FIELD_OF
