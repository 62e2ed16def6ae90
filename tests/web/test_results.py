"""The results over HTTP: page, pieces, API and CSV say the same."""

import csv
import io
import re
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from app.grid.shape import load_prompts
from app.results.choice import Choice
from app.results.report import load_report
from app.results.words import measured, percent, points
from app.stats.measures import MEASURES
from app.tables import Attempt, Grid
from tests.factories import answers_of, run_grid
from tests.polling import wait_for
from tests.results.labelled import FOUR, labelled_grid

SAID = {
    "bluffer off not-mentioned": ["HH", "HH", "HC", "HH", "HH", "HH", "hh"],
    "bluffer off allowed": ["AA", "HA", "CC", "AA", "AA", "A-", "AA"],
    "bluffer on not-mentioned": ["HH", "HA", "CC", "HH", "HH", "HH", "HH"],
    "bluffer on allowed": ["AA", "AA", "CC", "AA", "AA", "AA", "AA"],
}


def database(client: TestClient) -> Any:
    return client.app.state.services.database  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def grid_id(one_for_all: TestClient) -> str:
    with database(one_for_all).write() as session:
        grid = labelled_grid(session, SAID, variants=FOUR, title="Who <b>bluffs</b>?")
        session.commit()
        return grid.public_id


def cells(page: str, region: str) -> list[list[str]]:
    """The rows of the table in a region, as text."""
    [table] = re.findall(rf'aria-label="{region}">\s*<table.*?</table>', page, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.S)
    return [
        [
            " ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        ]
        for row in rows
    ]


def test_page_api_csv_and_markdown_have_the_same_numbers(
    shared_client: TestClient, grid_id: str
) -> None:
    with database(shared_client).read() as session:
        grid = session.exec(select(Grid).where(Grid.public_id == grid_id)).one()
        report = load_report(session, grid, Choice())
    page = shared_client.get(f"/grids/{grid_id}/results").text
    api = shared_client.get(f"/api/grids/{grid_id}/results").json()
    sheet = shared_client.get(f"/grids/{grid_id}/results/measures.csv")
    rows = list(csv.DictReader(io.StringIO(sheet.text.removeprefix("\ufeff"))))
    shown = cells(page, "Measures by column")[1:]

    assert [len(it) for it in (report.lines, api["lines"], rows, shown)] == [4] * 4
    for line, item, row, cell in zip(report.lines, api["lines"], rows, shown, strict=True):
        counts = (line.counts.correct, line.counts.hallucinated, line.counts.abstained)
        assert (item["correct"], item["hallucinated"], item["abstained"]) == counts
        assert (int(row["correct"]), int(row["hallucinated"]), int(row["abstained"])) == counts
        assert tuple(map(int, cell[1:4])) == counts
        for place, (key, measure) in enumerate(MEASURES.items(), start=6):
            value = measure.of(line.counts)
            assert item["measures"][key] == value
            assert (float(row[key]) if row[key] else None) == value
            assert cell[place].startswith(measured(value, measure.unit))

    picture = shared_client.get(f"/grids/{grid_id}/results/figures/bars.svg").text
    for line in report.lines:
        it = line.counts
        said = f"{it.correct} correct, {it.hallucinated} hallucinated, {it.abstained} abstained"
        assert f"{said} of {it.n}" in picture
    effects = report.effects
    assert [effect["change"]["mean"] for effect in api["effects"]] == [
        effect.change.mean for effect in effects if effect.change
    ]
    for effect in api["effects"]:
        assert effect["sentence"] in unescape(page)


def test_api_tells_all_numbers_of_the_page(shared_client: TestClient, grid_id: str) -> None:
    page = shared_client.get(f"/grids/{grid_id}/results").text
    api = shared_client.get(f"/api/grids/{grid_id}/results").json()
    assert f"<b>{api['labelled']}</b> of {api['answers']} answers labelled" in page
    assert api["outside"] == {name: int(name == "unlabelled") for name in api["outside"]}

    *effects, interaction = cells(page, "Effects")[1:]
    told = [effect["detectable"] for effect in api["effects"]]
    assert [row[6] for row in effects] == ["–" if it is None else f"{100 * it:.0f}" for it in told]
    [it] = api["interactions"]
    assert (it["model"], it["thinking"]) == ("practice/bluffer", ["off", "on"])
    assert interaction[3].startswith(points(it["change"]["mean"]))
    assert interaction[4] == str(it["prompts"])

    for row, found in zip(cells(page, "Patterns")[1:], api["patterns"], strict=True):
        shares = ("same_label", "same_answer", "once_right", "always_right", "once_wrong")
        assert row[-5:] == [percent(found[name]) for name in shares]
    for line in api["lines"]:
        assert set(line["effective_n"]) == set(line["intervals"])
        assert line["unknowable"] is None
    [beside] = api["agreement"]["suggestions"]
    assert f"{beside['method']}: {beside['same']} of {beside['n']} as labelled" in page
    assert f"{beside['none']} without a suggestion" in page


def test_as_many_are_labelled_wherever_a_grid_says_so(client: TestClient) -> None:
    with database(client).write() as session:
        grid = labelled_grid(session, {"bluffer off allowed": ["CH", "H-"]})
        session.get_one(Attempt, answers_of(session, grid)[1].attempt_id).mismatch = "It thought."
        session.commit()
        address = f"/grids/{grid.public_id}"

    def said(path: str) -> str:
        return " ".join(re.sub(r"<[^>]+>", "", client.get(address + path).text).split())

    assert "3 of 4 labelled" in said("")
    left_out = "C 1 H 1 A 0 outside every rate: 1 not labelled yet, 1 left out"
    for path in ("/results", "/export.html"):
        assert f"3 of 4 answers labelled {left_out}" in said(path).replace("&#8239;", " ")
    assert "3 of 4 answers labelled" in said("/export.md")


def test_hostile_names_stay_text(shared_client: TestClient, grid_id: str) -> None:
    page = shared_client.get(f"/grids/{grid_id}/results").text
    assert "Who &lt;b&gt;bluffs&lt;/b&gt;?" in page
    assert "<b>bluffs" not in page


def test_scripts_are_told_of_new_labels_only(shared_client: TestClient, grid_id: str) -> None:
    address = f"/grids/{grid_id}/results"
    htmx = {"HX-Request": "true"}
    piece = shared_client.get(address, headers=htmx).text
    assert piece.lstrip().startswith('<div id="results"')
    [again] = re.findall(r'hx-get="(/grids/[^"]+since=\d+)"', piece)
    assert shared_client.get(unescape(again), headers=htmx).status_code == 204

    answer = shared_client.get(f"/api/grids/{grid_id}/answers").json()["items"][0]
    shared_client.put(
        f"/api/answers/{answer['id']}/label", json={"label": "correct", "reviewer": "Eve"}
    )
    assert shared_client.get(unescape(again), headers=htmx).status_code == 200


def test_price_piece_ranks_at_its_t(shared_client: TestClient, grid_id: str) -> None:
    piece = shared_client.get(f"/grids/{grid_id}/results/price?t=0.75").text
    assert "t = 0.75" in piece
    assert "<b>3</b> points" in piece
    assert (
        "<b>0.0101</b> points" in shared_client.get(f"/grids/{grid_id}/results/price?t=0.01").text
    )
    ranks = cells(piece, "Ranking")[1:]
    assert [row[0] for row in ranks] == ["1", "2", "3", "4"]
    assert ranks[0][1] == "practice/bluffer · thinking on · allowed"


def test_ratios_are_drawn_beside_the_request_and_shown_when_done(
    shared_client: TestClient, grid_id: str
) -> None:
    address = f"/grids/{grid_id}/results/ratios?by=model"
    assert "Intervals of the ratios…" in shared_client.get(address).text
    htmx = {"HX-Request": "true"}
    assert 'id="ratios"' in shared_client.post(address, headers=htmx).text

    wait_for(lambda: "Ratios with intervals" in shared_client.get(address).text, "the draws")
    [row] = cells(shared_client.get(address).text, "Ratios with intervals")[1:]
    assert re.fullmatch(r"\d+% \d+–\d+%", row[1])
    assert "seed" in shared_client.get(address).text
    assert row == cells(shared_client.post(address).text, "Ratios with intervals")[1]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("t=1", "less than or equal to 0.95"),
        ("by=colour", "column"),
        ("before=thinking:off&after=wording:allowed", "two levels of the same factor"),
        ("before=thinking:off&after=thinking:never", "There is no “thinking:never”"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    shared_client: TestClient, grid_id: str, query: str, words: str
) -> None:
    answer = shared_client.get(f"/grids/{grid_id}/results?{query}")
    assert answer.status_code == 422
    assert words in unescape(answer.text)


def test_grid_without_labels_says_how_to_get_results(client: TestClient) -> None:
    page = client.get(f"/grids/{run_grid(client)}/results").text
    assert "No labels yet" in page
    assert "/review" in page
    # Whose page still has the slider, from before the last label was taken back.
    assert client.get(f"/grids/{grid_id}/results/price?t=0.5").status_code == 404


def test_two_grids_are_paired_by_prompt_and_column(client: TestClient) -> None:
    with database(client).write() as session:
        texts = [{"text": f"Asked twice, no. {n}?"} for n in range(7)]
        old = labelled_grid(
            session, {"bluffer off allowed": ["H"] * 7}, prompts=texts, title="First"
        )
        keys = [{"key": prompt.key} for prompt in load_prompts(session, old.id)]
        new = labelled_grid(
            session,
            {"bluffer off allowed": ["A"] * 7, "honest off allowed": ["A"] * 7},
            prompts=keys,
            title="Second",
        )
        session.commit()
        ids = old.public_id, new.public_id
    offered = client.get(f"/grids/{ids[1]}/comparison").text
    assert f"?with={ids[0]}" in offered
    assert "7 prompts in common" in offered

    page = unescape(client.get(f"/grids/{ids[1]}/comparison?with={ids[0]}").text)
    [row] = cells(page, "Then and later")[1:]
    assert row[0] == "practice/bluffer · thinking off · allowed"
    assert row[3] == "100% → 0%"
    assert row[5:7] == ["7", "p = .016"]
    assert "lowered the hallucination rate from 100% to 0%" in row[7]
    assert "Only in Second" in page


def test_grid_is_not_compared_with_itself(shared_client: TestClient, grid_id: str) -> None:
    answer = shared_client.get(f"/grids/{grid_id}/comparison?with={grid_id}")
    assert answer.status_code == 422
    assert "Choose another grid" in answer.text


def test_form_to_run_again_has_everything_the_grid_was_made_of(
    shared_client: TestClient, grid_id: str
) -> None:
    page = shared_client.get(f"/compose?like={grid_id}").text
    assert 'value="Who &lt;b&gt;bluffs&lt;/b&gt;?"' in page
    checked = set(re.findall(r'name="(\w+)" value="([^"]+)" checked', page))
    assert {("wording", "not-mentioned"), ("wording", "allowed")} <= checked
    assert {("thinking", "off"), ("thinking", "on"), ("model", "practice/bluffer")} <= checked
    assert len([1 for name, _ in checked if name == "library"]) == 7
