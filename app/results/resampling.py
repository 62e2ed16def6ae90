"""Intervals of ratios, by drawing prompts anew: beside the requests, with progress."""

import threading
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from app.results.report import Report
from app.stats.bootstrap import DRAWS, Bootstrap, bootstrap
from app.stats.measures import MEASURES, Counts

RATIOS = ("attempted_accuracy", "f_score", "given_not_correct")  # no formula for their interval
KEPT = 20


@dataclass(eq=False, slots=True)
class Draws:
    """One resampling: of the lines of a report, as its labels were."""

    done: int = 0
    draws: int = DRAWS
    finished: bool = False
    found: Bootstrap | None = None  # None once finished: there was nothing to draw from
    stopped: threading.Event = field(default_factory=threading.Event)

    def interval(self, measure: str, line: int) -> tuple[float, float] | None:
        return self.found.interval(measure, line) if self.found else None

    def _heard(self, done: int, draws: int) -> bool:
        self.done, self.draws = done, draws
        return not self.stopped.is_set()

    def run(self, columns: list[list[Counts]]) -> None:
        try:
            statistics = {key: MEASURES[key].of for key in RATIOS}
            self.found = bootstrap(columns, statistics, progress=self._heard)
        finally:
            self.finished = True


class Resamples:
    """Those under way and the latest, one at a time: they take all of a core."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Draws] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="resampling")

    def of(self, report: Report) -> Draws | None:
        """That of this report with these labels, if it was asked for."""
        return self._known.get(_key(report))

    def start(self, report: Report) -> Draws:
        known = self.of(report)
        if known:
            return known
        for old in list(self._known)[: max(len(self._known) - KEPT + 1, 0)]:
            self._known.pop(old).stopped.set()
        draws = self._known[_key(report)] = Draws()
        prompts = list(report.book.questions)
        columns = [[line.cells.get(p, Counts()) for p in prompts] for line in report.lines]
        self._pool.submit(draws.run, columns)
        return draws

    def close(self) -> None:
        for draws in self._known.values():
            draws.stopped.set()
        self._pool.shutdown()


def _key(report: Report) -> Hashable:
    choice = report.choice
    return report.grid.id, report.grid.seq, choice.by, choice.tag, choice.ignored
