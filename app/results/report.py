"""The results of one grid that its final labels tell. Pages, the API, the CSV and the figures read
these, so they agree. What more it takes to read is in patterns.py and agreement.py."""

from dataclasses import dataclass, replace

from sqlmodel import Session

from app.grid.facts import Facts, load_facts
from app.results.book import Book, Outside, load_book, total
from app.results.choice import By, Choice
from app.results.design import Square, chosen_effect, squares
from app.results.effects import Effect, adjusted
from app.results.lines import Line, level_parts, lines, name_of
from app.results.price import Place, Swap, Told, abstains_more, ranking, swap_points, told
from app.stats.measures import Counts
from app.tables import Grid, LabelValue

HALLUCINATED = LabelValue.hallucinated


@dataclass(frozen=True, slots=True)
class Report:
    grid: Grid
    choice: Choice
    book: Book
    counts: Counts  # of all columns together
    outside: Outside
    lines: list[Line]  # by what was chosen
    columns: list[Line]
    models: list[Line]
    squares: list[Square]
    pictured: list[Square]  # the same for hallucinations, which is what pictures show
    chosen: Effect | None
    ranked: list[Line]  # what is ranked: models, or columns where there is one model
    ranking: list[Place]  # at the t that was chosen
    swaps: list[Swap]
    told: list[Told]

    @property
    def answers(self) -> int:
        return self.counts.n + self.outside.total

    @property
    def labelled(self) -> int:
        """As many as every page of the grid says: those that are left out carry labels too."""
        return self.counts.n + self.outside.ignored

    @property
    def effects(self) -> list[Effect]:
        """All that are shown together, so that their p values are adjusted together."""
        found = [effect for square in self.squares for effect in square.effects]
        return [*found, self.chosen] if self.chosen else found

    @property
    def rises(self) -> dict[str, bool]:
        return abstains_more(self.told)

    @property
    def options(self) -> dict[str, list[tuple[str, str]]]:
        """What can be compared, in groups, as (value of Choice.before, name)."""
        found = {"Columns": [(f"column:{c.key}", c.name) for c in self.book.columns]}
        for by in (By.model, By.thinking, By.wording):
            levels = level_parts(self.book.columns, by)
            if len(levels) > 1:
                names = [(f"{by}:{key}", name_of(cols[0], by)) for key, cols in levels]
                found[by.value.capitalize()] = names
        return found


def load_report(session: Session, grid: Grid, choice: Choice) -> Report:
    """Kept with the facts of the grid: another t only ranks anew.

    Raises InvalidInput for something to compare that is not in the grid.
    """
    facts = load_facts(session, grid)
    usual = choice.with_(t=Choice().t)
    known = facts.made(("report", usual), lambda: _report(session, grid, facts, usual))
    return replace(known, grid=grid, choice=choice, ranking=ranking(known.ranked, choice.t))


def _report(session: Session, grid: Grid, facts: Facts, choice: Choice) -> Report:
    book = load_book(session, grid, choice.tag, ignored=choice.ignored)
    by_column, models = lines(book, By.column), lines(book, By.model)
    ranked = models if len(models) > 1 else by_column
    found, chosen = _adjusted(squares(book, choice.of), chosen_effect(book, choice))
    return Report(
        grid,
        choice,
        book,
        counts=total(line.counts for line in models),
        outside=book.outside_of(book.columns),
        lines=by_column if choice.by is By.column else lines(book, choice.by),
        columns=by_column,
        models=models,
        squares=found,
        pictured=found if choice.of is HALLUCINATED else squares(book, HALLUCINATED),
        chosen=chosen,
        ranked=ranked,
        ranking=[],
        swaps=swap_points(ranked),
        told=told(book),
    )


def _adjusted(found: list[Square], chosen: Effect | None) -> tuple[list[Square], Effect | None]:
    effects = iter(
        adjusted(
            [effect for square in found for effect in square.effects] + ([chosen] if chosen else [])
        )
    )
    after = [
        replace(
            square,
            permission=next(effects) if square.permission else None,
            thought=next(effects) if square.thought else None,
        )
        for square in found
    ]
    return after, next(effects) if chosen else None
