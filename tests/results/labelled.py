"""Grids with given labels, made the way the program makes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from app.grid.shape import load_columns
from app.reviewing.labels import get_reviewer, set_label
from app.tables import Grid, LabelValue
from tests.factories import answers_of, finish, new_grid

VALUES = {
    "C": LabelValue.correct,
    "H": LabelValue.hallucinated,
    "A": LabelValue.abstained,
}
FOUR = [
    {"wording": wording, "thinking": thinking}
    for thinking in ("off", "on")
    for wording in ("not-mentioned", "allowed")
]


def labelled_grid(session: Session, said: Mapping[str, Sequence[str]], **changes: Any) -> Grid:
    """``said``: by column, such as "bluffer off allowed", the labels of each prompt's repeats, such
    as ["HHH", "HH-"]; - stands for none. An answer's text is "same", or its own after a small
    letter.

    Not committed.
    """
    prompts = len(next(iter(said.values())))
    repeats = max(len(one) for prompt in said.values() for one in prompt)
    given = {
        "prompts": [{"text": f"Question {n}?", "references": ["1"]} for n in range(prompts)],
        "models": list(dict.fromkeys(f"practice/{name.split()[0]}" for name in said)),
        "variants": list(
            {
                name.partition(" ")[2]: {"thinking": thinking, "wording": wording}
                for name in said
                for _, thinking, wording in [name.split()]
            }.values()
        ),
        "repeats": repeats,
        **changes,
    }
    grid = new_grid(session, **given)
    names = {
        (c.model, c.variant.id): f"{c.model.partition('/')[2]} {c.variant.thinking} "
        f"{c.wording.slug}"
        for c in load_columns(session, grid.id)
    }
    order: list[int] = []
    ada = get_reviewer(session, "Ada")
    for answer in answers_of(session, grid):
        if answer.prompt_id not in order:
            order.append(answer.prompt_id)
        column = said.get(names[answer.model, answer.variant_id])
        if column is None:
            continue
        mark = column[order.index(answer.prompt_id)][answer.repeat - 1]
        thought = 10 if " on " in names[answer.model, answer.variant_id] else 0
        text = "same" if mark.isupper() else f"other {answer.repeat}"
        finish(session, answer, text, reasoning_tokens=thought)
        if mark != "-":
            set_label(session, answer.id, ada, VALUES[mark.upper()])
    return grid
