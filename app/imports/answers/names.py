"""What columns of answers and labels are called elsewhere."""

from app.imports.names import plain

# The fields of an answer, in the words of the page.
FIELDS = {
    "prompt": "prompt",
    "question": "question without opt-out",
    "references": "reference answers",
    "constraint": "constraint",
    "answerable": "answerable",
    "model": "model",
    "wording": "wording",
    "thinking": "thinking setting",
    "system": "system prompt",
    "temperature": "temperature",
    "repeat": "repeat",
    "text": "answer",
    "thinking_text": "thinking text",
    "label": "label",
    "reviewer": "reviewer",
    "tags": "tags of the label",
    "note": "note",
    "decides": "whether the label decides",
    "labelled_at": "when it was labelled",
    "asked_at": "when it was asked",
    "cost_usd": "cost in US dollars",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "total_ms": "milliseconds",
    "key": "number of the answer",
    "link": "address of the answer",
    "grid": "grid",
}
SEVERAL = ("references", "tags")  # the others are one column each
# The likelier a name means it, the earlier it stands.
KNOWN = {
    "prompt": "prompt question input query problem instruction user_message",
    "question": "question",
    "references": "references reference reference_answer reference_answers gold gold_answer target"
    " expected expected_output expected_answer ground_truth ideal correct_answer correct_answers"
    " best_answer answers aliases",
    "constraint": "constraint",
    "answerable": "answerable",
    "model": "model model_asked model_name model_id llm provider_model",
    "wording": "wording variant condition prompt_variant prompt_style",
    "thinking": "thinking thinking_requested reasoning_effort thinking_setting effort",
    "system": "system system_prompt system_message",
    "temperature": "temperature",
    "repeat": "repeat repetition epoch trial sample_number run draw",
    "text": "answer_text response model_answer model_response model_output output completion"
    " prediction predicted_answer generated_answer generation reply answer",
    "thinking_text": "thinking_text reasoning reasoning_content chain_of_thought cot thoughts",
    "label": "label grade judgement judgment verdict rating score grading correctness is_correct"
    " correct",
    "reviewer": "reviewer annotator rater grader labeller labeler labelled_by judge evaluator",
    "tags": "tags tag",
    "note": "note notes comment comments remark explanation rationale",
    "decides": "decides",
    "labelled_at": "labelled_at labeled_at graded_at",
    "asked_at": "asked_at started_at created_at timestamp date time",
    "cost_usd": "cost_usd cost",
    "input_tokens": "input_tokens prompt_tokens",
    "output_tokens": "output_tokens completion_tokens",
    "total_ms": "total_ms latency_ms",
    "key": "answer_id",
    "link": "link permalink answer_link answer_url",
    "grid": "grid_title experiment",
}


def fields_of(columns: list[str]) -> dict[str, str]:
    """The field that each column usually is; empty: none. One column each, but for SEVERAL."""
    names = {column: plain(column) for column in columns}
    found = dict.fromkeys(columns, "")
    for field, known in KNOWN.items():
        order = known.split()
        fitting = [c for c in columns if names[c] in order and not found[c]]
        fitting.sort(key=lambda column: order.index(names[column]))
        for column in fitting if field in SEVERAL else fitting[:1]:
            found[column] = field
    # “answer” beside “response” is what would be right.
    for column in columns:
        if not found[column] and names[column] == "answer" and "references" not in found.values():
            found[column] = "references"
    return found
