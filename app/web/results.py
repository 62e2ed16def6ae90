"""The results of a grid: the page, its pieces that follow a slider, the CSV."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import RedirectResponse, Response

from app.errors import InvalidInput, NotFound
from app.figures.png import png
from app.results.agreement import load_agreement
from app.results.choice import By, Choice
from app.results.lines import SHARES
from app.results.patterns import load_patterns
from app.results.pictures import Picture, pictures
from app.results.report import Report, load_report
from app.results.resampling import RATIOS, Draws
from app.results.table import effects_markdown, measures_markdown, results_csv
from app.stats.measures import MEASURES
from app.stats.paired import MIN_PROMPTS
from app.stats.repeats import Pattern
from app.tables import LabelValue
from app.web.deps import GridHere, IsHtmx, MaybeReviewer, NotedOfGrid, Reading, Server, Since
from app.web.render import page
from app.web.who import READER, needs

NO_PICTURE = "There is no such picture of this grid, or no labels to draw it from."
router = APIRouter(prefix="/grids/{grid_id}/results", dependencies=[needs(READER)])


def choice_at(choice: Annotated[Choice, Query()]) -> Choice:
    """FastAPI takes a model apart into parameters only where there are no others beside it."""
    return choice


ChoiceHere = Annotated[Choice, Depends(choice_at)]


def report_at(session: Reading, grid: GridHere, choice: ChoiceHere) -> Report:
    return load_report(session, grid, choice)


ReportHere = Annotated[Report, Depends(report_at)]


@router.get("")
def show_results(
    server: Server,
    session: Reading,
    grid: GridHere,
    choice: ChoiceHere,
    reviewer: MaybeReviewer,
    htmx: IsHtmx,
    since: Since = 0,
) -> Response:
    """The page; for scripts what stands on it, or nothing where no label changed ``since``."""
    if htmx and grid.seq <= since:
        return Response(status_code=204)
    refused = ""
    try:
        report = load_report(session, grid, choice)
    except InvalidInput as exc:  # of the two to compare: all the rest is shown all the same
        refused, choice = str(exc), choice.with_(before="", after="")
        report = load_report(session, grid, choice)
    return page(
        "partials/results_update.html" if htmx else "pages/results.html",
        status_code=InvalidInput.status if refused else 200,
        headers={"Vary": "HX-Request"},
        refused=refused,
        report=report,
        grid=grid,
        choice=choice,
        reviewer=reviewer,
        measures=MEASURES,
        shares=SHARES,
        markdown=measures_markdown(report),
        effects_markdown=effects_markdown(report.effects),
        min_prompts=MIN_PROMPTS,
        patterns=list(Pattern),
        repeats=load_patterns(session, report),
        agreement=load_agreement(session, report),
        pictures=pictures(report),
        draws=server.resamples.of(report),
        ratios=RATIOS,
        bys=list(By),
        values=list(LabelValue),
    )


@router.get("/price")
def show_price(report: ReportHere) -> Response:
    """How models rank at t: what follows the slider."""
    found = pictures(report)
    if "price" not in found:
        raise NotFound(NO_PICTURE)
    return page(
        "partials/results_price.html",
        report=report,
        grid=report.grid,
        choice=report.choice,
        pictures=found,
    )


@router.get("/ratios")
def show_ratios(server: Server, report: ReportHere) -> Response:
    """How far the drawing is, or what came of it."""
    return ratios_piece(report, server.resamples.of(report))


@router.post("/ratios")
def draw_ratios(server: Server, report: ReportHere, htmx: IsHtmx) -> Response:
    draws = server.resamples.start(report)
    if htmx:
        return ratios_piece(report, draws)
    address = f"/grids/{report.grid.public_id}/results?{report.choice.query()}#ratios"
    return RedirectResponse(address, status_code=303)


def ratios_piece(report: Report, draws: Draws | None) -> Response:
    return page(
        "partials/results_ratios.html",
        report=report,
        grid=report.grid,
        choice=report.choice,
        draws=draws,
        ratios=RATIOS,
        measures=MEASURES,
    )


@router.get("/figures/{name}.{kind}")
def show_figure(
    report: ReportHere,
    name: Annotated[str, Path(max_length=60)],
    kind: Literal["svg", "png"],
    width: Annotated[int, Query(ge=280, le=2000)] = 720,
) -> Response:
    """One picture as a file that stands alone."""
    found = pictures(report).get(name)
    if found is None:
        raise NotFound(NO_PICTURE)
    file = f"bluffcheck-{report.grid.public_id}-{name}.{kind}"
    headers = {"Content-Disposition": f'inline; filename="{file}"'}
    return drawn(found, kind, headers, width)


def drawn(
    found: Picture, kind: Literal["svg", "png"], headers: dict[str, str], width: int = 720
) -> Response:
    svg = str(found.draw(width, found.name))
    if kind == "svg":
        return Response(svg, media_type="image/svg+xml", headers=headers)
    return Response(png(svg), media_type="image/png", headers=headers)


@router.get("/measures.csv", dependencies=[NotedOfGrid])
def download_measures(report: ReportHere) -> Response:
    """The measures as shown, by column or by level."""
    name = f"bluffcheck-{report.grid.public_id}-by-{report.choice.by}.csv"
    return Response(
        results_csv(report),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
