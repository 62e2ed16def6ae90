"""The dry run: what importing a file of answers would do."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from app.errors import InvalidInput
from app.grids import IS_THERE
from app.imports.answers import bodies, vocabulary
from app.imports.answers.badlines import keep_cells
from app.imports.answers.columns import Columns
from app.imports.answers.holding import Status
from app.imports.answers.labels import Held, held_in, hold_all, listing_in
from app.imports.answers.reading import Choices, look_at
from app.imports.answers.stage import Problem, Stage, staged
from app.providers import Outcome
from app.reviewing.said import NO_LABEL, final_label, known_tags
from app.tables import Grid, LabelValue, Origin, Wording

SHOWN = 50  # grids
SHOWN_VALUES = 100  # of labels
SAID_BY_NOBODY = "Say what each value of a label means"


@dataclass(frozen=True)
class Value:
    """One value of a label as the file has it; ``meaning`` is empty until somebody says it."""

    text: str
    count: int
    lines: list[int]
    meaning: str

    @property
    def where(self) -> str:
        often = "once" if self.count == 1 else f"{self.count:,} times"
        return f"{often}, first in line {self.lines[0]}"


@dataclass(frozen=True)
class Coming:
    """A grid as it would be. ``here``: the id of the grid that is the same already, or empty."""

    title: str
    prompts: int
    columns: int
    answers: int
    labels: int
    here: str


@dataclass
class DryRun:
    """What importing a file would do."""

    source: str
    title: str
    encoding: str
    notes: list[str]
    columns: Columns | None
    samples: dict[str, str]
    counts: dict[str, int] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)  # the most frequent
    unexplained: int = 0  # values of labels of which nobody knows what they mean
    vocabulary: str = ""
    remark: str = ""  # on what the values mean
    grids: list[Coming] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)  # grids here that its labels may be added to
    problem: str = ""  # why no grid can be made of it yet
    names: list[str] = field(default_factory=list)  # of the columns of a table

    @property
    def unknown(self) -> list[Value]:
        return [value for value in self.values if not value.meaning]

    @property
    def importable(self) -> int:
        """How many answers would come."""
        return 0 if self.problem or self.unexplained else self.counts["new"]


def dry_run(session: Session, path: Path, name: str, choices: Choices, rows: Path) -> DryRun:
    """Read the file and stage at ``rows`` what it says.

    Raises InvalidInput where it cannot be read. Where it is not known yet what its columns are,
    that is the ``problem`` of what is found: a person can say it.
    """
    wordings = session.exec(select(Wording)).all()
    told = look_at(path, name, choices, wordings)
    found = DryRun(told.source, told.title, told.encoding, told.notes, told.columns, told.samples)
    found.names = told.names
    try:
        if told.columns:
            told.columns.check()
        if odd := set(choices.meanings.values()) - vocabulary.MEANINGS.keys() - {""}:
            raise InvalidInput(f"A label cannot mean “{min(odd)[:40]}”.")
    except InvalidInput as exc:
        return _unread(found, str(exc), rows)
    lacks = told.columns.lacks if told.columns else ""
    if lacks and not (told.columns and told.columns.name_answers):
        return _unread(found, lacks, rows)
    with staged(rows, anew=True) as stage:
        told.read(stage)
        values = stage.values(SHOWN_VALUES)
        known = vocabulary.recognise([text for text, *_ in values], told.vocabularies)
        found.vocabulary, found.remark = known.title, known.remark
        meanings = {**known.meanings, **choices.meanings}
        rest = "none" if choices.rest_unlabelled else ""
        found.values = [
            Value(text, n, lines, meanings.get(text) or rest) for text, n, lines in values
        ]
        stage.set_meanings({value.text: value.meaning for value in found.values})
        _settle(stage, meanings)
        _look_for(session, stage)
        found.counts = {**stage.counts(), **_new(stage, choices)}
        found.grids = _coming(stage)
        more = found.counts["values"] - len(values)
        found.unexplained = len(found.unknown) + (0 if choices.rest_unlabelled else more)
        if told.source == "bluffcheck":
            _compare_hashes(stage, found)
        if not found.unexplained:
            found.held = hold_all(session, stage)
        if told.records:
            keep_cells(stage, told.records(), escaped=told.escaped)
        if lacks or not (found.counts["answers"] or found.counts["bad"]):
            found.problem = lacks or "There is no answer in it."
    return found


def _unread(found: DryRun, problem: str, rows: Path) -> DryRun:
    found.problem = problem
    found.counts = dict.fromkeys(COUNTS, 0)
    rows.unlink(missing_ok=True)
    return found


COUNTS = (
    "grids", "prompts", "columns", "answers", "labels", "values", "duplicates", "bad",
    "warnings", "new", "here",
)  # fmt: skip


def listing(rows: Path, *, bad: bool) -> list[Problem]:
    """The first lines that cannot be imported, or the first remarks."""
    if not rows.exists():
        return []
    with staged(rows) as stage:
        return stage.problems(bad=bad)


def refuse_unready(
    found: DryRun, rows: Path, *, skip_bad: bool, instead: str, into: str = ""
) -> None:
    """Raises InvalidInput where something has to be said or put right first. ``instead``: how
    whoever asks leaves bad lines out; ``into``: the grid that labels are added to."""
    if found.problem and not (into and found.held):
        raise InvalidInput(found.problem)
    if found.unexplained:
        told = "; ".join(f"“{value.text[:40]}” ({value.where})" for value in found.unknown[:10])
        raise InvalidInput(f"{SAID_BY_NOBODY}; nothing was imported. Not known: {told}.")
    bad = held_in(found.held, into).counts[Status.bad] if into else found.counts["bad"]
    if bad and not skip_bad:
        first = (listing_in(rows, into, Status.bad) if into else listing(rows, bad=True))[0]
        raise InvalidInput(
            f"{bad:,} {'line' if bad == 1 else 'lines'} cannot be imported, so nothing was: line"
            f" {first.line}: {first.text}. To import the others, {instead}."
        )


def _settle(stage: Stage, meanings: dict[str, str]) -> None:
    """Put labels for values, and what follows from all labels of an answer."""
    for grid, _ in list(stage.grids()):
        for one in stage.answers(grid):
            body = one.body
            counting = [a for a in body["attempts"] if a["number"] == body["counts"]]
            takes = bool(counting) and counting[0]["outcome"] == Outcome.answered
            kept = []
            for label in body["labels"]:
                raw = label.pop("raw", None)
                if raw is not None:
                    value, tags = vocabulary.label_of(meanings.get(raw) or "none")
                    label["label"] = value.value if value else None
                    label["tags"] = list(known_tags([*label["tags"], *tags]))
                if label["label"] and not takes:
                    stage.remark(
                        one.line, "there is no answer text to judge: its label is left out"
                    )
                    label["label"] = None
                if label["label"]:
                    label["tags"] = [tag for tag in label["tags"] if tag not in NO_LABEL]
                label["decides"] = bool(label["decides"] and label["label"])
                if label["label"] or label["tags"] or label["note"]:
                    kept.append(label)
                if raw is not None:
                    body["history"].append(bodies.change_of(label))
            body["labels"] = kept
            body |= _final(kept)
            stage.set_answer(one.number, body)


def _final(labels: list[dict[str, Any]]) -> dict[str, Any]:
    """What counts over all reviewers, as labels.py derives it."""
    in_time = sorted(labels, key=lambda label: str(label["labelled_at"]))
    decisions = [LabelValue(one["label"]) for one in in_time if one["decides"]]
    values = [LabelValue(one["label"]) if one["label"] else None for one in in_time]
    label, disputed = final_label(values, decisions[-1] if decisions else None)
    return {
        "label": label.value if label else None,
        "disputed": disputed,
        "decided": bool(decisions),
    }


def _look_for(session: Session, stage: Stage) -> None:
    """Note of each grid its hash, and which grid here is the same."""
    for number, head in list(stage.grids()):
        content = stage.content_hash(number, head)
        if left_out := head.get("left_out"):  # which is part of the hash that the file states
            stated = stage.content_hash(number, head, left_out=left_out)
            stage.set_stated(number, content, stated)
        same = (col(Origin.grid_id) == col(Grid.id)) & (col(Origin.content_hash) == content)
        there = select(Grid.public_id).where(IS_THERE)
        here = session.exec(there.join(Origin, same).limit(1)).first()
        if here is None and head.get("grid"):
            asked = there.where(Grid.public_id == head["grid"])
            here = session.exec(asked).first()
        stage.set_hash(number, content, here or "")


def _new(stage: Stage, choices: Choices) -> dict[str, int]:
    """How many answers would come, and how many grids are here already."""
    rows = stage.db.execute(
        "SELECT here, (SELECT count(*) FROM answer WHERE grid = grid.number) FROM grid"
    ).fetchall()
    return {
        "new": sum(n for here, n in rows if choices.again or not here),
        "here": sum(bool(here) for here, _ in rows),
    }


def _coming(stage: Stage) -> list[Coming]:
    rows = stage.db.execute(
        "SELECT json_extract(head, '$.title'),"
        " (SELECT count(*) FROM prompt WHERE grid = g.number),"
        " (SELECT count(*) FROM"
        "  (SELECT DISTINCT model, variant FROM answer WHERE grid = g.number)),"
        " (SELECT count(*) FROM answer WHERE grid = g.number),"
        " (SELECT coalesce(sum(labels), 0) FROM answer WHERE grid = g.number), here"
        " FROM grid g ORDER BY number LIMIT ?",
        (SHOWN,),
    )
    return [Coming(*row) for row in rows]


def _compare_hashes(stage: Stage, found: DryRun) -> None:
    stated = "SELECT count(*) FROM grid WHERE stated != '' AND stated != hash"
    if changed := stage.db.execute(stated).fetchone()[0]:
        which = "Its content is" if changed == 1 else f"The contents of {changed} grids are"
        found.notes.append(
            f"{which} not what its last line has the hash of: it was changed after the export, or"
            " something of it is left out below."
        )
