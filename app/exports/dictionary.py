"""What every field of an export means: one table for the headers, the docs and the archive."""

Fields = tuple[tuple[tuple[str, ...], str], ...]

# One row per answer. Fields of one line are explained together.
ANSWERS: Fields = (
    (("grid", "grid_title", "answer"), "public id and title of the grid, number of the answer"),
    (("prompt", "question"), "as published, and without opt-out and format"),
    (
        ("references", "constraint", "answerable"),
        "JSON list of right answers; what is known without one; yes, no or unknown",
    ),
    (
        ("provider", "model_asked", "model_served", "practice"),
        "model as asked for and as the API named it; `yes` for simulated models",
    ),
    (
        ("wording", "wording_version", "wording_text"),
        "name, version and exact text of the opt-out",
    ),
    (("user_message", "system_message"), "exactly what was sent"),
    (
        ("thinking_requested", "thinking_forced", "thinking_sent"),
        "setting; whether the model is known not to take it; JSON of the fields sent",
    ),
    (
        ("thinking_observed", "thinking_evidence", "thinking_seen", "thinking_mismatch"),
        "whether it thought: yes, no or unclear; what says so; both in words; a sentence where"
        " asked and seen do not fit",
    ),
    (
        ("temperature", "temperature_sent", "temperature_note", "max_tokens"),
        "as set for the variant (empty: the provider's default); as sent; why these differ; output"
        " cap",
    ),
    (("repeat", "attempt"), "which draw, and which call of it counts"),
    (
        ("state", "outcome", "finish_reason"),
        "pending … done, failed, cancelled; answered, empty, truncated, refused or error; the"
        " API's word",
    ),
    (
        ("answer_text", "thinking_text", "thinking_kind"),
        "final answer; thinking as far as it was shown; full, summary, hidden or none",
    ),
    (("error",), "what went wrong"),
    (
        ("input_tokens", "output_tokens", "reasoning_tokens"),
        "as reported, output with thinking; empty where not reported",
    ),
    (("cached_tokens",), "input tokens read from a cache, part of `input_tokens`"),
    (
        ("cost_usd", "cost_source"),
        "US dollars of the attempt that counts, empty where unknown; who says so",
    ),
    (
        ("first_token_ms", "total_ms", "started_at", "finished_at", "response_id"),
        "times in milliseconds and UTC, and the API's id",
    ),
    (("short_answer",), "the short answer that a chip shows, as rules found it"),
    (
        ("suggested", "suggestion_strength", "suggestion_reason", "suggestion_method"),
        "a suggestion, never a label: correct, hallucinated, abstained or empty; strong or weak;"
        " which rule; which version of the rules",
    ),
    (
        ("hedged",),
        "whether the answer commits to something and says that it may be wrong, as far as rules"
        " can tell",
    ),
    (
        ("label", "disputed", "decided"),
        "the label that counts; whether reviewers differ; whether somebody decided",
    ),
    (("tags",), "of all reviewers, separated by spaces"),
    (
        ("reviewer", "note", "labelled_at", "all_labels", "all_tags"),
        "every reviewer's, oldest first, separated by ` | `; `none` where there is no label or no"
        " tag; of several, a bar or a backslash in a name or a note has a backslash in front",
    ),
    (("link",), "address of the answer; of an imported grid, where it was exported first"),
)

# One row per label.
LABELS: Fields = (
    (("answer",), "number of the answer, as in the file of answers"),
    (
        ("prompt", "model", "wording", "thinking", "repeat"),
        "what was answered: the prompt as published, provider/model, name of the wording, thinking"
        " setting, which draw",
    ),
    (("reviewer",), "who says so"),
    (
        ("label",),
        "correct, hallucinated or abstained; empty where the reviewer gave only tags or a note",
    ),
    (("tags", "note"), "separated by spaces; in the reviewer's words"),
    (("decides",), "whether it settles the answer, whatever others say"),
    (("labelled_at",), "when the label or decision was given, UTC"),
)

# The lines of the JSONL.
LINES: Fields = (
    (
        ("kind", "format"),
        "`grid` in the first line, `answer` in those that follow, `end` in the last; the version"
        " of this format",
    ),
    (
        ("title", "created_at", "repeats"),
        "of the grid",
    ),
    (("left_out",), "in files of a share: what its link leaves out; else empty"),
    (
        ("prompts",),
        "in their order, complete: key, version, text, question, answer_format, references,"
        " constraint, answerable, tags, source",
    ),
    (
        ("models",),
        "in their order: model, whether it is simulated (practice), thinking settings that were"
        " forced, test calls that were refused or waited for (held)",
    ),
    (
        ("variants",),
        "in their order: thinking, system_prompt, temperature, max_tokens, and the whole wording",
    ),
    (
        ("prompt", "model", "variant", "repeat"),
        "of an answer: number of the prompt from 1, provider/model, number of the variant from 1,"
        " which draw",
    ),
    (
        ("state", "counts", "label", "disputed", "decided"),
        "of an answer: state; number of the attempt that counts; the label that counts; whether"
        " reviewers differ; whether somebody decided",
    ),
    (
        ("attempts",),
        "every call made, in order: request, texts, outcome, tokens, cost, times, response,"
        " suggestion",
    ),
    (
        ("labels",),
        "what each reviewer says now, oldest first: reviewer, label, tags, note, decides,"
        " labelled_at",
    ),
    (
        ("history",),
        "what labels became each time they changed, oldest first; all empty: cleared",
    ),
    (("answers", "content_hash"), "of the last line: how many answers there are; see below"),
    (
        ("grid", "answer", "link", "seq", "filters", "imported", "exported_at", "bluffcheck"),
        "ids, addresses and circumstances of this copy, and where an imported grid comes from: not"
        " part of the hash",
    ),
)

COLUMNS = (
    "grid", "grid_title", "answer", "prompt", "question", "references", "constraint", "answerable",
    "provider", "model_asked", "model_served", "practice", "wording", "wording_version",
    "wording_text", "user_message", "system_message", "thinking_requested", "thinking_forced",
    "thinking_sent", "thinking_observed", "thinking_evidence", "thinking_seen",
    "thinking_mismatch", "temperature", "temperature_sent", "temperature_note", "max_tokens",
    "repeat", "attempt",
    "state", "outcome", "finish_reason", "answer_text", "thinking_text", "thinking_kind",
    "error", "input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "cost_usd",
    "cost_source", "first_token_ms", "total_ms", "started_at", "finished_at", "response_id",
    "short_answer", "suggested", "suggestion_strength", "suggestion_reason", "suggestion_method",
    "hedged",
    "label", "disputed", "decided", "tags", "reviewer", "note", "labelled_at", "all_labels",
    "all_tags", "link",
)  # fmt: skip
LABEL_COLUMNS = tuple(name for names, _ in LABELS for name in names)


def as_markdown(table: Fields, heading: str = "fields") -> str:
    """The table as the docs and the archive have it."""
    lines = [f"| {heading} | meaning |", "|---|---|"]
    for names, meaning in table:
        escaped = meaning.replace("|", "\\|")
        lines.append(f"| {', '.join(f'`{name}`' for name in names)} | {escaped} |")
    return "\n".join(lines) + "\n"
