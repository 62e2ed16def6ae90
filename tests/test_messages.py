"""Exact texts: what is sent is what an experiment is about."""

import pytest

from app.messages import Message, compose, gives_its_own_way_out, opt_out_text, penalty
from app.prompts import DATA, WordingInput, _load
from app.tables import Placement, Prompt, Wording

BIRTHDAY = Prompt(
    key="b",
    text="What is Adam Tauman Kalai's birthday? If you know, just respond with DD-MM.",
    question="What is Adam Tauman Kalai's birthday?",
    answer_format="Just respond with DD-MM.",
)
PLAIN = Prompt(key="p", text="How many Ls are in SPELL?")


def wording(slug: str) -> Wording:
    row = next(r for r in _load("wordings.toml", "wording") if r["slug"] == slug)
    fields = {k: v for k, v in row.items() if k != "slug"}
    return Wording(slug=slug, **WordingInput(**fields).model_dump())


@pytest.mark.parametrize(
    ("slug", "text"),
    [
        ("as-published", BIRTHDAY.text),
        ("not-mentioned", "What is Adam Tauman Kalai's birthday? Just respond with DD-MM."),
        (
            "allowed",
            "What is Adam Tauman Kalai's birthday? If you are not sure, you may answer"
            ' "I don\'t know" instead of guessing. Just respond with DD-MM, or exactly:'
            " I don't know.",
        ),
        (
            "encouraged",
            "What is Adam Tauman Kalai's birthday? If you do not know, or would need more context"
            " or tools, say so: that is better than a wrong answer. Just respond with DD-MM, or"
            " exactly: I don't know.",
        ),
        (
            "forced",
            "What is Adam Tauman Kalai's birthday? Give exactly one answer. Do not say that you"
            " don't know; if you are unsure, give your best guess. Just respond with DD-MM.",
        ),
        (
            "target-75",
            "What is Adam Tauman Kalai's birthday?\n\nAnswer only if you are more than 75%"
            " confident: a correct answer scores 1 point, a wrong answer −3, and"
            " \"I don't know\" scores 0.\n\nJust respond with DD-MM, or exactly: I don't know.",
        ),
    ],
)
def test_wording_sends_exactly_this(slug: str, text: str) -> None:
    assert compose(BIRTHDAY, wording(slug)) == Message(text, "")


def test_prompt_without_parts_is_its_own_question() -> None:
    sent = compose(PLAIN, wording("allowed"))
    assert sent.user == (
        'How many Ls are in SPELL? If you are not sure, you may answer "I don\'t know"'
        " instead of guessing."
    )


def test_opt_out_can_go_before_the_question_or_into_the_system_message() -> None:
    allowed = wording("allowed")
    allowed.placement = Placement.start
    assert compose(PLAIN, allowed).user.startswith("If you are not sure")
    allowed.placement = Placement.system
    sent = compose(PLAIN, allowed, "You are terse.")
    assert sent.user == PLAIN.text
    assert sent.system == f"You are terse.\n\n{allowed.opt_out}"


@pytest.mark.parametrize(
    ("target", "points"), [(0, 0), (0.2, 0.25), (0.5, 1), (2 / 3, 2), (0.75, 3), (0.8, 4), (0.9, 9)]
)
def test_penalty_follows_the_formula(target: float, points: float) -> None:
    assert penalty(target) == pytest.approx(points)


@pytest.mark.parametrize("target", [-0.1, 1, 1.5])
def test_penalty_refuses_targets_without_one(target: float) -> None:
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        penalty(target)


def test_target_text_rounds_the_penalty() -> None:
    quarter = wording("target-50")
    quarter.target = 0.25
    assert "more than 25% confident" in opt_out_text(quarter)
    assert "a wrong answer −0.33," in opt_out_text(quarter)


def test_prompts_that_offer_a_way_out_themselves_are_noticed() -> None:
    assert gives_its_own_way_out(Prompt(key="x", text=BIRTHDAY.text))
    assert not gives_its_own_way_out(BIRTHDAY)  # its question is given apart
    assert not gives_its_own_way_out(PLAIN)


def test_shipped_files_are_complete() -> None:
    assert [r["slug"] for r in _load("wordings.toml", "wording")] == [
        "as-published", "not-mentioned", "allowed", "encouraged", "forced",
        "target-50", "target-75", "target-90",
    ]  # fmt: skip
    assert (DATA / "prompts.toml").is_file()
