"""A grid's results as a whole: what is counted, what stands outside, what is compared."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlmodel import Session

from app.db import Database
from app.errors import InvalidInput
from app.figures.preview import preview
from app.grids import stamp
from app.prompts import WordingInput, save_wording
from app.providers import Outcome, Thinking
from app.results.agreement import load_agreement
from app.results.book import Outside
from app.results.choice import By, Choice
from app.results.patterns import load_patterns
from app.results.pictures import card, pictures
from app.results.report import Report, load_report
from app.results.words import sentence
from app.reviewing.labels import get_reviewer, set_label
from app.stats.measures import Counts
from app.stats.repeats import Pattern
from app.tables import Answer, AnswerState, Attempt, Grid, LabelValue, Variant
from tests.factories import answers_of, finish
from tests.results.labelled import FOUR, labelled_grid

SIX = {
    "bluffer off not-mentioned": ["HH"] * 6,
    "bluffer off allowed": ["AA"] * 6,
    "bluffer on not-mentioned": ["HC"] * 6,
    "bluffer on allowed": ["CA"] * 6,
}


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as session:
        yield session


def report(session: Session, grid: Grid, **choice: object) -> Report:
    session.flush()
    return load_report(session, grid, Choice.model_validate(choice))


def test_every_answer_is_counted_once_in_a_rate_or_outside_with_the_reason(
    session: Session,
) -> None:
    grid = labelled_grid(session, {"bluffer off allowed": ["CH-", "A--", "---"]})
    answers = answers_of(session, grid)
    boris = get_reviewer(session, "Boris")
    set_label(session, answers[2].id, boris, None, tags=["unverifiable"])
    set_label(session, answers[0].id, boris, LabelValue.abstained)  # a tie
    session.get_one(Attempt, answers[8].attempt_id).outcome = Outcome.empty
    answers[7].state = AnswerState.cancelled

    found = report(session, grid)
    assert found.counts == Counts(0, 1, 1)
    assert found.counts.n + found.outside.total == len(answers)
    assert found.outside == Outside(
        unlabelled=3, unverifiable=1, disputed=1, no_answer=1, cancelled=1
    )


def test_permission_and_thinking_are_compared_within_a_model_with_the_other_held_fixed(
    session: Session,
) -> None:
    found = report(session, labelled_grid(session, SIX, variants=FOUR))
    [square] = found.squares
    assert (square.model, square.thinking) == ("practice/bluffer", ("off", "on"))
    assert [wording.slug for wording in square.wordings] == ["not-mentioned", "allowed"]
    assert square.permission is not None
    assert square.permission.change is not None
    assert square.permission.change.mean == pytest.approx((-1 - 0.5) / 2)
    assert square.thought is not None
    assert square.thought.change is not None
    assert square.thought.change.mean == pytest.approx((-0.5 + 0) / 2)
    assert square.interaction is not None
    assert square.interaction.change is not None
    assert square.interaction.change.mean == pytest.approx(-0.5 - -1)
    assert sentence(square.permission) == (
        "practice/bluffer: not enough to tell what permission to abstain (not mentioned → allowed) "
        "does. The hallucination rate went from 75% to 0%, −75 points (95% interval −75 to −75; "
        "6 prompts; p = .062); looked at alone it would count as found (p = .031), among all that "
        "is shown together it does not."
    )


def test_measures_by_level_pool_the_columns_of_the_level(session: Session) -> None:
    grid = labelled_grid(session, SIX, variants=FOUR)
    by = {
        by: {line.names[-1]: line.counts for line in report(session, grid, by=by).lines}
        for by in By
    }
    assert by[By.model] == {"practice/bluffer": Counts(12, 18, 18)}
    assert by[By.thinking] == {
        "thinking off": Counts(0, 12, 12),
        "thinking on": Counts(12, 6, 6),
    }
    assert by[By.wording] == {
        "not mentioned": Counts(6, 18, 0),
        "allowed": Counts(6, 0, 18),
    }
    assert by[By.tag] == {}
    assert len(by[By.column]) == 2  # by the last part of their names


def test_levels_and_columns_can_be_chosen_to_compare(session: Session) -> None:
    grid = labelled_grid(session, SIX, variants=FOUR)
    levels = report(session, grid, before="wording:not-mentioned", after="wording:allowed").chosen
    assert levels is not None
    assert levels.counts == (Counts(6, 18, 0), Counts(6, 0, 18))

    [first, *_, last] = report(session, grid).columns
    columns = report(session, grid, before=first.key, after=last.key).chosen
    assert columns is not None
    assert columns.counts == (first.counts, last.counts)


def test_both_versions_of_a_wording_are_compared_whichever_comes_first(session: Session) -> None:
    grid = labelled_grid(session, {"bluffer off allowed": ["H"], "bluffer off forced": ["H"]})
    edited = WordingInput(title="allowed", opt_out="You may pass.", may_abstain=True)
    newer = save_wording(session, edited, "allowed")
    variant = Variant(grid_id=grid.id, position=2, wording_id=newer.id, thinking=Thinking.off)
    session.add(variant)
    session.flush()
    [old, _] = answers_of(session, grid)
    answer = Answer(**old.model_dump(include={"grid_id", "prompt_id", "provider", "model"}),
                    variant_id=variant.id, repeat=1, seq=stamp(session, grid.id))  # fmt: skip
    session.add(answer)
    session.flush()
    finish(session, answer, "same")
    set_label(session, answer.id, get_reviewer(session, "Ada"), LabelValue.abstained)
    there = report(session, grid, before="wording:allowed", after="wording:forced").chosen
    back = report(session, grid, before="wording:forced", after="wording:allowed").chosen
    assert there is not None
    assert back is not None
    assert there.counts == back.counts[::-1] == (Counts(0, 1, 1), Counts(0, 2, 0))


def test_what_cannot_be_compared_is_refused(session: Session) -> None:
    grid = labelled_grid(session, SIX, variants=FOUR)
    for before, after in (
        ("thinking:off", "wording:allowed"),
        ("thinking:off", "thinking:off"),
        ("thinking:off", "thinking:max"),
        ("nonsense", "thinking:off"),
        ("rest:x", "rest:y"),
    ):
        with pytest.raises(InvalidInput):
            report(session, grid, before=before, after=after)


def test_answers_that_ignored_the_thinking_switch_are_left_out_unless_asked_for(
    session: Session,
) -> None:
    grid = labelled_grid(session, {"bluffer off allowed": ["CH"]})
    attempt = session.get_one(Attempt, answers_of(session, grid)[1].attempt_id)
    attempt.mismatch = "It was told not to think, and thought."
    session.add(attempt)

    left_out = report(session, grid)
    assert (left_out.counts, left_out.outside) == (Counts(1, 0, 0), Outside(ignored=1))
    assert (left_out.labelled, left_out.answers) == (2, 2)  # as the page of the grid says
    counted = report(session, grid, ignored=True)
    assert (counted.counts, counted.outside) == (Counts(1, 1, 0), Outside())


def test_patterns_tell_bluffing_from_one_firm_belief(session: Session) -> None:
    grid = labelled_grid(
        session, {"bluffer off allowed": ["HHH", "hhh", "AAA", "CCC", "CHC", "AHA", "C--"]}
    )
    [line] = load_patterns(session, report(session, grid))
    assert line.counts == {
        Pattern.stable_wrong: 1,
        Pattern.scatter: 1,
        Pattern.honest: 1,
        Pattern.stable_right: 1,
        Pattern.mixed: 1,
        Pattern.wavering: 1,
    }
    assert line.prompts == 6
    assert [q.number for q in line.examples[Pattern.scatter]] == [2]


def test_prompts_can_be_narrowed_by_tag(session: Session) -> None:
    grid = labelled_grid(
        session,
        {"bluffer off allowed": ["C-", "H-"], "honest off allowed": ["A-", "--"]},
        prompts=[{"text": "One?", "tags": ["easy"]}, {"text": "Two?", "tags": ["hard"]}],
    )
    assert report(session, grid, tag="hard").counts == Counts(0, 1, 0)
    by_tag = report(session, grid, by="tag").lines
    assert [(line.name, line.counts, line.outside) for line in by_tag] == [
        ("easy", Counts(1, 0, 1), Outside(unlabelled=2)),
        ("hard", Counts(0, 1, 0), Outside(unlabelled=3)),
    ]


def test_agreement_is_over_answers_that_several_reviewers_labelled(session: Session) -> None:
    grid = labelled_grid(session, {"bluffer off allowed": ["CCHHA"]})
    boris = get_reviewer(session, "Boris")
    for answer, value in zip(answers_of(session, grid), "CHHH", strict=False):
        labels = {"C": LabelValue.correct, "H": LabelValue.hallucinated}
        set_label(session, answer.id, boris, labels[value])
    session.flush()
    found = load_agreement(session, report(session, grid))
    assert (found.answers, found.reviewers, found.disputed) == (4, 2, 1)
    assert found.raw == 0.75
    [pair] = found.pairs
    assert (pair.names, pair.table) == (("Ada", "Boris"), [[1, 1, 0], [0, 2, 0], [0, 0, 0]])
    assert found.swing == (2 / 5, 3 / 5)


def test_disputed_answers_move_the_rate_of_the_answers_that_are_counted(session: Session) -> None:
    grid = labelled_grid(
        session,
        {"bluffer off allowed": ["CCC", "HHH"]},
        prompts=[{"text": "One?", "tags": ["easy"]}, {"text": "Two?", "tags": ["hard"]}],
    )
    boris, cyd = get_reviewer(session, "Boris"), get_reviewer(session, "Cyd")
    wrong = [one for one in answers_of(session, grid) if one.label is LabelValue.hallucinated]
    for answer in wrong[:2]:  # two say hallucinated, one does not
        set_label(session, answer.id, boris, LabelValue.hallucinated)
        set_label(session, answer.id, cyd, LabelValue.correct)
    attempt = session.get_one(Attempt, wrong[1].attempt_id)
    attempt.mismatch = "It was told not to think, and thought."
    session.add(attempt)
    for choice, disputed, swing, in_common, suggested in (
        ({}, 1, (1 / 5, 2 / 5), 2, 6),
        ({"ignored": True}, 2, (1 / 6, 3 / 6), 2, 6),
        ({"tag": "easy"}, 0, (0, 0), 0, 3),
        ({"tag": "hard"}, 1, (1 / 2, 1), 2, 3),
    ):
        found = load_agreement(session, report(session, grid, **choice))
        assert (found.disputed, found.swing) == (disputed, swing), choice
        assert found.answers == in_common, choice
        assert sum(it.n + it.none for it in found.suggestions) == suggested, choice


def test_one_is_called_one(session: Session) -> None:
    grid = labelled_grid(
        session, {"bluffer off not-mentioned": ["H"], "bluffer off allowed": ["-"]}
    )
    of_one = pictures(report(session, grid))
    assert of_one["bars"].caption.endswith("; n = 1 labelled answer.")
    grid = labelled_grid(
        session, {"bluffer off not-mentioned": ["H"], "bluffer off allowed": ["A"]}
    )
    found = report(session, grid)
    before, after = (f"column:{column.key}" for column in found.book.columns)
    drawn = pictures(report(session, grid, before=before, after=after))
    for name in ("flows-permission-1", "flows-chosen"):
        assert drawn[name].caption.endswith("; 1 prompt.")


def test_card_counts_models_that_it_has_no_room_for(session: Session) -> None:
    found = report(session, labelled_grid(session, {"bluffer off allowed": ["CH"]}))
    many = replace(found, columns=found.columns * 9, models=found.models * 9)
    assert card(many).n == 18
    assert "and 1 more" in preview(card(many))


def test_an_empty_grid_has_results_without_numbers(session: Session) -> None:
    grid = labelled_grid(session, {"bluffer off allowed": ["-"]})
    found = report(session, grid)
    assert found.counts == Counts()
    assert (found.ranking, found.squares) == ([], [])
    assert load_agreement(session, found).alpha is None
