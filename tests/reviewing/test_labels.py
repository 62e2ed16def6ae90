"""Labels: whose they are, what counts, and that none is lost."""

import threading

import pytest
from sqlmodel import col, select

from app.db import Database
from app.errors import Conflict, InvalidInput, NotFound
from app.grids import progress
from app.providers import Outcome
from app.reviewing.decisions import agreement, decision, history, load_disputed
from app.reviewing.labels import (
    clear_label,
    decide,
    forget_labels,
    get_reviewer,
    labels_of,
    set_label,
    set_tag,
)
from app.reviewing.said import NO_LABEL, TAGS
from app.tables import Answer, Grid, Label, LabelChange, LabelValue
from tests.factories import answers_of, finish, new_grid

C, H, A = LabelValue.correct, LabelValue.hallucinated, LabelValue.abstained


def answered(database: Database, outcome: Outcome = Outcome.answered) -> int:
    """A grid with one finished answer; returns the answer's id."""
    with database.write() as session:
        grid = new_grid(session, models=["practice/honest"], repeats=1)
        answer = answers_of(session, grid)[0]
        finish(session, answer, outcome=outcome)
        session.commit()
        return answer.id


def test_reviewers_never_overwrite_one_another(database: Database) -> None:
    answer_id = answered(database)
    with database.write() as session:
        ada, bob = get_reviewer(session, "Ada"), get_reviewer(session, "Bob")
        set_label(session, answer_id, ada, C, "sure")
        set_label(session, answer_id, bob, H)
        session.commit()
    with database.read() as session:
        found = [
            (r.name, la.value, la.note) for la, r in labels_of(session, [answer_id])[answer_id]
        ]
        answer = session.get_one(Answer, answer_id)
    assert found == [("Ada", C, "sure"), ("Bob", H, "")]
    assert (answer.label, answer.disputed) == (None, True)


def test_relabelling_keeps_one_label_and_the_whole_history(database: Database) -> None:
    answer_id = answered(database)
    for value, note in ((C, "first"), (H, None), (A, "third")):
        with database.write() as session:
            set_label(session, answer_id, get_reviewer(session, "Ada"), value, note)
            session.commit()
    with database.write() as session:
        assert clear_label(session, answer_id, get_reviewer(session, "ada"))  # the same person
        session.commit()
    with database.read() as session:
        history = session.exec(select(LabelChange).order_by(LabelChange.id)).all()  # type: ignore[arg-type]
        assert [(h.value, h.note) for h in history] == [
            (C, "first"), (H, "first"), (A, "third"), (None, ""),
        ]  # fmt: skip
        assert session.exec(select(Label)).all() == []
        answer = session.get_one(Answer, answer_id)
        assert (answer.label, answer.disputed) == (None, False)


@pytest.mark.parametrize(
    "outcome", [Outcome.empty, Outcome.truncated, Outcome.refused, Outcome.error]
)
def test_what_is_no_answer_takes_no_label(database: Database, outcome: Outcome) -> None:
    answer_id = answered(database, outcome)
    with database.write() as session:
        with pytest.raises(Conflict, match=f"This answer is {outcome}"):
            set_label(session, answer_id, get_reviewer(session, "Ada"), H)
        session.rollback()
    with database.read() as session:
        counts = progress(session, session.get_one(Answer, answer_id).grid_id)
    assert (counts.answered, counts.labelled) == (0, 0)


def test_answer_that_is_not_there_yet_takes_no_label(database: Database) -> None:
    with database.write() as session:
        answer = answers_of(session, new_grid(session))[0]
        with pytest.raises(Conflict, match="This answer is pending"):
            set_label(session, answer.id, get_reviewer(session, "Ada"), H)


def test_unknown_answer_and_unusable_names_are_refused(database: Database) -> None:
    with database.write() as session:
        with pytest.raises(NotFound):
            set_label(session, 10_000, get_reviewer(session, "Ada"), H)
        for name in ("", "  ", "x" * 81, "a\x00b"):
            with pytest.raises(InvalidInput):
                get_reviewer(session, name)


def test_labels_given_at_the_same_time_all_count(database: Database) -> None:
    answer_id = answered(database)
    names = [f"Reviewer {n}" for n in range(6)]
    with database.write() as session:
        reviewers = [get_reviewer(session, name) for name in names]
        session.commit()

    def label(number: int) -> None:
        with database.write() as session:
            set_label(session, answer_id, reviewers[number], H if number else C)
            session.commit()

    threads = [threading.Thread(target=label, args=[n]) for n in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        answer = session.get_one(Answer, answer_id)
        assert len(labels_of(session, [answer_id])[answer_id]) == 6
        assert (answer.label, answer.disputed) == (H, True)


def test_new_name_given_twice_at_the_same_time_is_one_reviewer(database: Database) -> None:
    together = threading.Barrier(4)
    found: list[int] = []

    def name() -> None:
        together.wait()
        with database.write() as session:
            found.append(get_reviewer(session, "Ada").id)
            session.commit()

    threads = [threading.Thread(target=name) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def say(database: Database, answer_id: int, name: str, *args: object, **said: object) -> None:
    with database.write() as session:
        set_label(session, answer_id, get_reviewer(session, name), *args, **said)  # type: ignore[arg-type]
        session.commit()


def stored(database: Database, answer_id: int) -> tuple[LabelValue | None, bool, bool, str]:
    with database.read() as session:
        answer = session.get_one(Answer, answer_id)
        return answer.label, answer.disputed, answer.decided, answer.tags


def changes(database: Database, answer_id: int) -> list[tuple[object, ...]]:
    with database.read() as session:
        return [
            (who.name, c.value, c.tags, c.note, c.decides) for c, who in history(session, answer_id)
        ]


def test_what_is_not_given_stays(database: Database) -> None:
    answer_id = answered(database)
    say(database, answer_id, "Ada", H, "first", ["partial", "hedged", "partial"])
    say(database, answer_id, "Ada", C)
    say(database, answer_id, "Ada", note="second")
    say(database, answer_id, "Ada", tags=[])
    assert changes(database, answer_id) == [
        ("Ada", H, ["hedged", "partial"], "first", False),
        ("Ada", C, ["hedged", "partial"], "first", False),
        ("Ada", C, ["hedged", "partial"], "second", False),
        ("Ada", C, [], "second", False),
    ]


def test_what_changes_nothing_writes_nothing(database: Database) -> None:
    answer_id = answered(database)
    say(database, answer_id, "Ada", H, "why", ["hedged"], True)
    with database.read() as session:
        grid_id = session.get_one(Answer, answer_id).grid_id
        before = session.get_one(Grid, grid_id).seq
        labelled_at = labels_of(session, [answer_id])[answer_id][0][0].labelled_at
    say(database, answer_id, "Ada", H, "why", ["hedged"], True)
    say(database, answer_id, "Ada")
    say(database, answer_id, "Bob")
    with database.write() as session:
        assert not clear_label(session, answer_id, get_reviewer(session, "Bob"))
        session.commit()
    assert len(changes(database, answer_id)) == 1
    with database.read() as session:
        assert session.get_one(Grid, grid_id).seq == before
        assert labels_of(session, [answer_id])[answer_id][0][0].labelled_at == labelled_at


def test_tags_of_all_reviewers_can_be_searched(database: Database) -> None:
    answer_id = answered(database)
    say(database, answer_id, "Ada", H, tags=["reasoning"])
    say(database, answer_id, "Bob", H, tags=["hedged", "reasoning"])
    assert stored(database, answer_id)[3] == "hedged reasoning"
    with database.read() as session:
        for tag, found in (("hedged", [answer_id]), ("reasoning", [answer_id]), ("format", [])):
            where = col(Answer.tags).contains(tag, autoescape=True)
            assert session.exec(select(Answer.id).where(where)).all() == found


def test_unknown_tag_is_refused_with_the_known_ones(database: Database) -> None:
    answer_id = answered(database)
    for tag in ("bluff", "", "hedged partial"):
        with pytest.raises(InvalidInput, match=r"no tag .* Known are: hedged, refusal, partial"):
            say(database, answer_id, "Ada", H, tags=[tag])
    assert changes(database, answer_id) == []


def test_label_and_why_there_is_none_do_not_go_together(database: Database) -> None:
    answer_id = answered(database)
    with pytest.raises(InvalidInput, match="“unverifiable” tells why there is no label"):
        say(database, answer_id, "Ada", H, tags=["unverifiable"])
    say(database, answer_id, "Ada", None, tags=["unverifiable", "hedged"])
    say(database, answer_id, "Ada", H)  # so it can be verified after all
    with database.write() as session:
        set_tag(session, answer_id, get_reviewer(session, "Ada"), "no_answer", True)
        session.commit()
    say(database, answer_id, "Ada", C)
    say(database, answer_id, "Ada", tags=["format", "unverifiable"])
    assert [c[1:3] for c in changes(database, answer_id)] == [
        (None, ["hedged", "unverifiable"]),
        (H, ["hedged"]),
        (None, ["hedged", "no_answer"]),
        (C, ["hedged"]),
        (None, ["format", "unverifiable"]),
    ]
    assert stored(database, answer_id) == (None, False, False, "format unverifiable")


def test_tag_goes_on_and_off(database: Database) -> None:
    answer_id = answered(database)
    for tag, on in (("format", True), ("format", True), ("hedged", True), ("format", False)):
        with database.write() as session:
            set_tag(session, answer_id, get_reviewer(session, "Ada"), tag, on)
            session.commit()
    assert [c[2] for c in changes(database, answer_id)] == [
        ["format"],
        ["hedged", "format"],
        ["hedged"],
    ]
    with database.write() as session:
        assert set_tag(session, answer_id, get_reviewer(session, "Ada"), "hedged", False) is None
        session.commit()
    with database.read() as session:  # it says nothing any more, so it is none
        assert labels_of(session, [answer_id]) == {}


@pytest.mark.parametrize("outcome", [Outcome.empty, Outcome.truncated, Outcome.error])
def test_what_is_no_answer_takes_tags_and_a_note(database: Database, outcome: Outcome) -> None:
    answer_id = answered(database, outcome)
    say(database, answer_id, "Ada", None, "it was cut off", ["no_answer"])
    assert stored(database, answer_id) == (None, False, False, "no_answer")
    with pytest.raises(Conflict, match="takes no label"):
        say(database, answer_id, "Ada", H, tags=[])


def test_answer_without_a_label_does_not_vote(database: Database) -> None:
    answer_id = answered(database)
    say(database, answer_id, "Ada", H)
    say(database, answer_id, "Bob", None, tags=["unverifiable"])
    assert stored(database, answer_id) == (H, False, False, "unverifiable")


def test_latest_decision_counts_until_it_is_taken_back(database: Database) -> None:
    answer_id = answered(database)
    say(database, answer_id, "Ada", H)
    say(database, answer_id, "Bob", C)
    assert stored(database, answer_id)[:3] == (None, True, False)
    for name, value in (("Cleo", A), ("Ada", H)):
        with database.write() as session:
            decide(session, answer_id, get_reviewer(session, name), value)
            session.commit()
        assert stored(database, answer_id)[:3] == (value, False, True)
    say(database, answer_id, "Cleo", note="I still think so")  # no new decision
    assert stored(database, answer_id)[0] is H
    say(database, answer_id, "Ada", C)  # who decided thinks again
    assert stored(database, answer_id)[:3] == (C, False, True)
    say(database, answer_id, "Ada", decides=False)
    assert stored(database, answer_id)[:3] == (A, False, True)
    with database.write() as session:
        clear_label(session, answer_id, get_reviewer(session, "Cleo"))
        session.commit()
    assert stored(database, answer_id)[:3] == (C, False, False)
    assert [c[4] for c in changes(database, answer_id)] == [
        False, False, True, True, True, True, False, False,
    ]  # fmt: skip


def test_decision_needs_a_label(database: Database) -> None:
    answer_id = answered(database)
    with pytest.raises(InvalidInput, match="A decision is one of correct"):
        say(database, answer_id, "Ada", None, decides=True)
    say(database, answer_id, "Ada", H, decides=True)
    say(database, answer_id, "Ada", None, tags=["unverifiable"])
    assert stored(database, answer_id)[:3] == (None, False, False)


def test_new_answer_leaves_only_the_history(database: Database) -> None:
    answer_id = answered(database)
    say(database, answer_id, "Ada", H, "why", ["hedged"], True)
    with database.write() as session:
        forget_labels(session, [answer_id])
        session.commit()
    assert stored(database, answer_id) == (None, False, False, "")
    assert changes(database, answer_id) == [
        ("Ada", H, ["hedged"], "why", True),
        ("Ada", None, [], "", False),
    ]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("", ""),
        ("H", ""),
        ("H-", ""),
        ("HH", "Both say hallucinated"),
        ("CCC", "All 3 say correct"),
        ("HC", "Tied: 1 correct, 1 hallucinated"),
        ("HCH-", "2 of 3 say hallucinated"),
        ("AACC", "Tied: 2 correct, 2 abstained"),
    ],
)
def test_agreement_in_words(database: Database, said: str, sentence: str) -> None:
    answer_id = answered(database)
    for number, letter in enumerate(said):
        value = {"C": C, "H": H, "A": A}.get(letter)
        say(database, answer_id, f"Reviewer {number}", value, tags=[] if value else ["no_answer"])
    with database.read() as session:
        labels = labels_of(session, [answer_id]).get(answer_id, [])
    assert agreement(labels) == sentence
    assert decision(labels) is None


def test_decision_given_while_others_label_is_the_one_that_counts(database: Database) -> None:
    answer_id = answered(database)
    with database.write() as session:
        reviewers = [get_reviewer(session, f"Reviewer {n}") for n in range(6)]
        session.commit()
    together = threading.Barrier(6)

    def label(number: int) -> None:
        together.wait()
        with database.write() as session:
            if number == 3:
                decide(session, answer_id, reviewers[number], A)
            else:
                set_label(session, answer_id, reviewers[number], C, tags=[list(TAGS)[number]])
            session.commit()

    threads = [threading.Thread(target=label, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tags = "hedged refusal partial premise reasoning"
    assert stored(database, answer_id) == (A, False, True, tags)
    assert len(changes(database, answer_id)) == 6


def test_tags_put_on_by_one_person_in_two_tabs_are_all_kept(database: Database) -> None:
    answer_id = answered(database)
    with database.write() as session:
        ada = get_reviewer(session, "Ada")
        set_label(session, answer_id, ada, H)
        session.commit()
    tags = [tag for tag in TAGS if tag not in NO_LABEL]
    together = threading.Barrier(len(tags))

    def put(tag: str) -> None:
        together.wait()
        with database.write() as session:
            set_tag(session, answer_id, ada, tag, True)
            session.commit()

    threads = [threading.Thread(target=put, args=[tag]) for tag in tags]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(database, answer_id) == (H, False, False, " ".join(tags))


def test_conflicts_come_by_row_with_all_that_was_said(database: Database) -> None:
    with database.write() as session:
        prompts = [{"text": "Last?"}, {"text": "First?"}]
        grid = new_grid(session, prompts=prompts, models=["practice/honest"], repeats=2)
        answers = answers_of(session, grid)
        for answer in answers:
            finish(session, answer, "x" * 700)
        session.commit()
    by_row = {a.id: (a.prompt_id, a.repeat) for a in answers}
    for answer in answers[:3]:
        say(database, answer.id, "Ada", H, "why")
        say(database, answer.id, "Bob", C)
    say(database, answers[0].id, "Cleo", C, decides=True)
    with database.read() as session:
        found = load_disputed(session, grid)
        decided = load_disputed(session, grid, decided=True)
    assert [one.answer.id for one in found] == sorted(
        (a.id for a in answers[1:3]), key=lambda id_: by_row[id_][0]
    )
    assert [one.row for one in found] == [1, 2]
    assert [(one.prompt.text, len(one.text), one.length) for one in found] == [
        ("Last?", 600, 700),
        ("First?", 600, 700),
    ]
    assert {one.agreement for one in found} == {"Tied: 1 correct, 1 hallucinated"}
    assert [one.answer.id for one in decided] == [answers[0].id]
    made = decided[0].decision
    assert made is not None
    assert (made.value, made.reviewer.name) == (C, "Cleo")
