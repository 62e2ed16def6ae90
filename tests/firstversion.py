"""A database as the first version left it, with data in it."""

from sqlmodel import text

from app.db import Database
from app.migrating import upgrade


def first_version(url: str, *more: str) -> Database:
    """One with the grid below, and what further statements make of it."""
    database = Database(url)
    with database.writer.connect() as connection, connection.begin():
        upgrade(connection, "0001")
        for statement in (*GRID_OF_0001, *more):
            connection.execute(text(statement))
    return database


LABELS_OF_0001 = [
    "INSERT INTO reviewer (name, name_key, secret, created_at)"
    " VALUES ('Ada', 'ada', 's', '2026-11-01 00:00:00+00:00')",
    "INSERT INTO label (answer_id, reviewer_id, value, note, labelled_at)"
    " VALUES (1, 1, 'correct', 'sure', '2026-11-01 00:00:00+00:00')",
    "INSERT INTO label_change (answer_id, reviewer_id, value, note, changed_at)"
    " VALUES (1, 1, 'correct', 'sure', '2026-11-01 00:00:00+00:00')",
    "UPDATE answer SET label = 'correct' WHERE id = 1",
]
GRID_OF_0001 = [
    "INSERT INTO grid (id, public_id, title, repeats, seq, created_at)"
    " VALUES (1, 'abc', 'Old', 2, 7, '2026-11-01 00:00:00+00:00')",
    'INSERT INTO prompt (id, key, version, text, question, answer_format, "references",'
    ' "constraint", answerable, tags, source, created_at)'
    " VALUES (901, 'k', 1, 'How many?', '', '', '[]', '', 'yes', '[]', '',"
    " '2026-11-01 00:00:00+00:00')",
    "INSERT INTO wording (id, slug, version, title, position, mode, opt_out, placement, blank_line,"
    " may_abstain, created_at) VALUES (901, 'as-published', 1, 'As published', 0, 'published', '',"
    " 'end', false, false, '2026-11-01 00:00:00+00:00')",
    "INSERT INTO grid_prompt VALUES (1, 901, 0)",
    "INSERT INTO grid_model VALUES (1, 'anthropic/claude-opus-4-6', 0)",
    "INSERT INTO variant (id, grid_id, position, wording_id, thinking, system_prompt, max_tokens)"
    " VALUES (1, 1, 0, 901, 'off', '', 16000)",
    "INSERT INTO grid_model VALUES (1, 'openai/gpt-5.2', 1), (1, 'openai-responses/gpt-5.2', 2)",
    *(
        "INSERT INTO answer (id, grid_id, prompt_id, variant_id, provider, model, repeat, state,"
        f" attempt_id, disputed, seq) VALUES ({n}, 1, 901, 1, '{model.partition('/')[0]}',"
        f" '{model}', {n if n < 3 else 3}, 'done', {n}, false, 3)"
        for n, model in enumerate(
            [
                "anthropic/claude-opus-4-6",
                "anthropic/claude-opus-4-6",
                "openai-responses/gpt-5.2",
                "openai/gpt-5.2",
            ],
            start=1,
        )
    ),
    *(
        "INSERT INTO attempt (id, answer_id, number, started_at, finished_at, user_message,"
        " system_message, request, thinking_sent, outcome, text, thinking_text, thinking_kind,"
        " reasoning_tokens, input_tokens, output_tokens, usage, finish_reason, served_model,"
        " response_id, error_kind, error_message)"
        f" VALUES ({n}, {n}, 1, '2026-11-01 00:00:00+00:00',"
        f" '2026-11-01 00:00:01+00:00', '', '', '{{}}', '{{}}', 'answered', '{41 + n}', '', 'none',"
        f" {thought}, {tokens}, {tokens}, '{{}}', 'stop', '', '', '', '')"
        for n, tokens, thought in (
            (1, 750, "NULL"),
            (2, "NULL", "NULL"),
            (3, 10, "NULL"),
            (4, 10, 5),
        )
    ),
]
