"""The grid in all its shapes over plain HTTP, on both databases."""

import re
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from app.grid.look import Look
from app.grid.shape import load_shape
from app.reviewing.labels import get_reviewer, set_label
from app.tables import Answer, Attempt, Grid, LabelValue
from tests.factories import answers_of, run_grid

FOUR = [
    {"wording": wording, "thinking": thinking}
    for wording in ("allowed", "not-mentioned")
    for thinking in ("off", "on")
]


def database(client: TestClient) -> Any:
    return client.app.state.services.database  # type: ignore[attr-defined]


def texts(client: TestClient, grid_id: str, *given: tuple[str, str]) -> list[int]:
    """Give the first answers these texts and thinking; their ids."""
    with database(client).write() as session:
        grid = session.exec(select(Grid).where(Grid.public_id == grid_id)).one()
        answers = answers_of(session, grid)
        for answer, (text, thinking) in zip(answers, given, strict=False):
            attempt = session.get_one(Attempt, answer.attempt_id)
            attempt.text, attempt.thinking_text = text, thinking
            session.add(attempt)
        session.commit()
        return [answer.id for answer in answers]


def label(client: TestClient, answer: int, name: str, value: str) -> None:
    with database(client).write() as session:
        set_label(session, answer, get_reviewer(session, name), LabelValue(value))
        session.commit()


def found(client: TestClient, grid_id: str, query: dict[str, str], name: str = "") -> set[int]:
    with database(client).read() as session:
        grid = session.exec(select(Grid).where(Grid.public_id == grid_id)).one()
        reviewer_id = get_reviewer(session, name).id if name else None
        return set(load_shape(session, grid, Look.parse(query.items()), reviewer_id).matching_ids)


def heads(page: str) -> list[str]:
    names = re.findall(r'aria-label="([^"]+)" id="col-', page)
    return [unescape(name) for name in names]


def test_text_is_found_in_answers_and_thinking_whatever_its_case(client: TestClient) -> None:
    grid_id = run_grid(client, repeats=6)
    ids = texts(
        client,
        grid_id,
        ("In ÉTÉ 100%", ""),
        ("1000", "I recall an Été"),
        ("a_b", ""),
        ("axb", ""),
        ("5\xa0000 km", ""),
        ("So said 👩‍🔬", "שלום\u200f!"),
    )
    for q, numbers in (
        ("été", {0, 1}), ("RECALL", {1}), ("100%", {0}), ("a_b", {2}), ("A_B", {2}), ("%", {0}),
        ("nothing of it", set()), ("\\", set()),
        ("5\xa0000", {4}), ("👩‍🔬", {5}), ("שלום\u200f!", {5}),
    ):  # fmt: skip
        assert found(client, grid_id, {"q": q}) == {ids[n] for n in numbers}, q


def test_filters_by_reviewer(client: TestClient) -> None:
    grid_id = run_grid(client)
    ids = texts(client, grid_id)
    label(client, ids[0], "Ada", "correct")
    label(client, ids[1], "Bob", "abstained")
    assert found(client, grid_id, {"by": "ADA"}) == {ids[0]}
    assert found(client, grid_id, {"by": "Nobody"}) == set()
    assert found(client, grid_id, {"only": "unlabelled-by-me"}, "Ada") == set(ids[1:])
    assert found(client, grid_id, {"only": "unlabelled-by-me"}) == set(ids)
    assert found(client, grid_id, {"label": "abstained", "by": "Bob"}) == {ids[1]}


def test_facts_are_renewed_by_what_changed(client: TestClient) -> None:
    grid_id = run_grid(client)
    ids = texts(client, grid_id)
    page = f"/grids/{grid_id}?label=correct"
    assert "No answer matches." in client.get(page).text
    label(client, ids[2], "Ada", "correct")
    shown = client.get(page).text
    assert f'id="a-{ids[2]}"' in shown
    assert shown.count("data-off") == len(ids) - 1
    assert 'id="n-label-correct">1<' in shown
    with database(client).read() as session:
        grid = session.exec(select(Grid).where(Grid.public_id == grid_id)).one()
        renewed = load_shape(session, grid).facts
    with database(client).write() as session:  # reads anew, keeps nothing
        grid = session.exec(select(Grid).where(Grid.public_id == grid_id)).one()
        anew = load_shape(session, grid).facts
        assert list(map(anew.get, ids)) == list(map(renewed.get, ids))


def test_levels_can_be_swapped_and_folded(client: TestClient) -> None:
    grid_id = run_grid(client, variants=FOUR)
    usual = heads(client.get(f"/grids/{grid_id}").text)
    assert usual == [
        f"practice/{model} · thinking {thinking} · {wording}"
        for model in ("bluffer", "honest")
        for thinking in ("off", "on")
        for wording in ("allowed", "not mentioned")
    ]
    swapped = heads(client.get(f"/grids/{grid_id}?order=wording,thinking,model").text)
    assert sorted(swapped) == sorted(usual)
    assert swapped[:2] == [usual[0], usual[4]]
    page = client.get(f"/grids/{grid_id}?fold=practice/bluffer&fold=practice/honest~thinking+on")
    assert heads(page.text) == usual[4:6]
    assert page.text.count('class="col folded"') == 2
    assert page.text.count('class="cell folded"') == 2
    assert 'href="?fold=practice/honest~thinking+on"' in page.text  # unfolds the first
    assert page.text.count('class="chip"') == 4
    unknown = client.get(f"/grids/{grid_id}?fold=gone")
    assert heads(unknown.text) == usual


def test_folded_columns_are_updated_too(client: TestClient) -> None:
    grid_id = run_grid(client, variants=FOUR)
    ids = texts(client, grid_id)
    client.post("/reviewer", data={"name": "Ada"})
    url = f"/answers/{ids[0]}/label?since=9999&fold=practice/bluffer"
    html = client.put(url, data={"value": "hallucinated"}).text
    [group] = re.findall(r'id="group-([\d-]+)" hx-swap-oob="outerMorph"', html)
    assert re.search(rf'id="m-{group}-\d+" hx-swap-oob="outerMorph"', html)
    assert '<span class="hallucinated">H1</span>' in html
    assert f'id="a-{ids[0]}"' not in html  # it is not on the page


def test_folded_columns_stay_themselves_when_others_are_added(client: TestClient) -> None:
    """A page that is open is told of them by their ids."""
    grid_id = run_grid(client, models=["practice/honest"], variants=FOUR)
    wordings = "&".join(f"fold={name}" for name in ("allowed", "not+mentioned"))

    def groups() -> list[tuple[str, str]]:
        page = client.get(f"/grids/{grid_id}?order=wording,thinking,model&{wordings}").text
        return re.findall(r'aria-label="([^"]+), \d columns folded" id="(group-[^"]+)"', page)

    before = groups()
    assert [name for name, _ in before] == ["allowed", "not mentioned"]
    added = client.post(f"/api/grids/{grid_id}/additions", json={"models": ["practice/bluffer"]})
    assert added.is_success, added.text
    assert groups() == before


def test_page_says_that_other_rows_match_now(client: TestClient) -> None:
    grid_id = run_grid(client, prompts=[{"text": "One?"}, {"text": "Two?"}], repeats=1,
                       models=["practice/honest"], variants=FOUR[:1])  # fmt: skip
    first, second = sorted(texts(client, grid_id))
    client.post("/reviewer", data={"name": "Ada"})

    def shown(look: str) -> str:
        page = client.get(f"/grids/{grid_id}?{look}").text
        assert '<p id="rows-now" class="chosen muted" role="status" hidden></p>' in page
        return str(re.search(r'name="shown" value="([^"]+)"', page)[1])  # type: ignore[index]

    def now(look: str, mark: str) -> str:
        html = client.get(f"/grids/{grid_id}/changes?since=0&{look}&shown={mark}").text
        return str(re.search(r'<p id="rows-now".*?</p>', html, re.DOTALL)[0])  # type: ignore[index]

    marks = {look: shown(look) for look in ("only=unlabelled", "label=correct", "sort=time")}
    client.put(f"/answers/{first}/label", data={"value": "correct"})
    assert "1 fewer prompt matches now." in now("only=unlabelled", marks["only=unlabelled"])
    more = now("label=correct", marks["label=correct"])
    assert '1 more prompt matches now. <a href="?label=correct">Show the rows' in more
    assert now("sort=time", marks["sort=time"]).endswith(" hidden></p>")
    mark = shown("label=correct")
    client.put(f"/answers/{first}/label", data={"value": "none"})
    client.put(f"/answers/{second}/label", data={"value": "correct"})
    assert "Other prompts match now." in now("label=correct", mark)


def test_rows_come_in_blocks(client: TestClient) -> None:
    prompts = [{"text": f"Question {n}?"} for n in range(1, 101)]
    grid_id = run_grid(client, prompts=prompts, models=["practice/honest"], repeats=1)
    page = client.get(f"/grids/{grid_id}").text
    assert 'aria-rowcount="101"' in page
    assert re.findall(r'data-row="(\d+)"', page) == [str(n) for n in range(1, 51)]
    assert f'<a href="?row=51">rows 51–100</a>' in page  # noqa: F541
    rest = client.get(f"/grids/{grid_id}?row=51").text
    assert re.findall(r'data-row="(\d+)"', rest) == [str(n) for n in range(51, 101)]
    assert '<a href="?row=1">rows 1–50</a>' in rest
    piece = client.get(f"/grids/{grid_id}/rows?from=99&rows=99+100").text
    assert re.findall(r'aria-rowindex="(\d+)"', piece) == ["100", "101"]
    [since] = re.findall(r'name="since" value="(\d+)"', page)
    assert f'data-seq="{since}"' in piece
    last = re.findall(r'id="a-(\d+)"', piece)[-1]
    at = client.get(f"/grids/{grid_id}?at={last}").text
    assert f'id="a-{last}"' in at
    assert 'data-row="1"' not in at


@pytest.mark.parametrize(
    "wrong",
    ["from=0&rows=1", "from=1&rows=", "from=1&rows=1-2", "from=1", f"from=1&rows=1{'+1' * 50}"],
)
def test_rows_that_make_no_sense_are_refused(
    shared_client: TestClient, shared_grid: str, wrong: str
) -> None:
    assert shared_client.get(f"/grids/{shared_grid}/rows?{wrong}").status_code == 422


def test_rows_are_sorted_by_what_is_in_them(client: TestClient) -> None:
    prompts = [{"text": f"Question {n}?"} for n in range(1, 4)]
    grid_id = run_grid(client, prompts=prompts, models=["practice/honest"], repeats=2)
    with database(client).read() as session:
        rows = session.exec(select(Answer.id).order_by(col(Answer.prompt_id), col(Answer.id))).all()
    for answer, value in zip(
        rows, ("correct", "correct", "hallucinated", "hallucinated", "correct", "abstained"),
        strict=True,
    ):  # fmt: skip
        label(client, answer, "Ada", value)
    for sort, order in (
        ("row", ["1", "2", "3"]), ("hallucinations", ["2", "1", "3"]),
        ("disagreement", ["3", "1", "2"]),
    ):  # fmt: skip
        page = client.get(f"/grids/{grid_id}?sort={sort}").text
        assert re.findall(r'data-row="(\d)"', page) == order, sort
    filtered = client.get(f"/grids/{grid_id}?sort=disagreement&label=correct").text
    assert re.findall(r'data-row="(\d)"', filtered) == ["3", "1"]
    assert re.findall(r'aria-rowindex="(\d)"', filtered) == ["1", "2", "3"]


def test_next_without_a_label_is_found_from_where_one_is(client: TestClient) -> None:
    """Both ways, also from a row that the filter has let go of; round and round."""
    prompts = [{"text": f"Question {n}?"} for n in range(1, 4)]
    grid_id = run_grid(client, prompts=prompts, models=["practice/honest"], repeats=2)
    with database(client).read() as session:
        ids = session.exec(select(Answer.id).order_by(col(Answer.prompt_id), col(Answer.id))).all()
    for answer in ids[2:4]:
        label(client, answer, "Ada", "correct")

    def following(answer: int, step: int) -> int:
        query = f"only=unlabelled&from={answer}&step={step}"
        return int(client.get(f"/grids/{grid_id}/next?{query}").raise_for_status().text)

    assert [following(ids[n], 1) for n in (0, 1, 2, 3, 5)] == [ids[n] for n in (1, 4, 4, 4, 0)]
    assert [following(ids[n], -1) for n in (0, 2, 3, 4)] == [ids[n] for n in (5, 1, 1, 1)]
    assert client.get(f"/grids/{grid_id}/next?from={ids[0]}&step=2").status_code == 422
    assert client.get(f"/grids/{grid_id}/row?only=unlabelled&of={ids[2]}").text == "2"
    rows = client.get(f"/grids/{grid_id}/rows?only=unlabelled&from=2&rows=2+3+9").text
    assert re.findall(r'data-row="(\d)" aria-rowindex="(\d)"', rows) == [("2", "3"), ("3", "4")]


def test_chip_is_short(client: TestClient) -> None:
    grid_id = run_grid(client, variants=FOUR, repeats=5)
    page = client.get(f"/grids/{grid_id}").text
    chips = re.findall(r'<a class="chip".*?</a>', page, re.DOTALL)
    texts_in_it = [re.sub("<.*?>", "", chip) for chip in chips]
    markup = [len(chip) - len(text) for chip, text in zip(chips, texts_in_it, strict=True)]
    assert len(chips) == 40
    assert sum(markup) / len(markup) < 220
