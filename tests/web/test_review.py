"""The review over plain HTTP, on both databases: blind, without scripts, and for scripts."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlmodel import Session, col, select

from app.reviewing.aliases import alias_of
from app.reviewing.labels import get_reviewer, set_label
from app.tables import Answer, Attempt, Grid, Label, LabelValue
from tests.factories import run_grid

HTMX = {"HX-Request": "true"}
MODELS = ["practice/bluffer", "practice/honest"]
PROMPTS = [
    {"text": "How many Ds are in DEEPSEEK?", "references": ["exactly one"]},
    {"text": "What is his birthday?", "constraint": "in autumn", "answerable": "no"},
]


class Page(HTMLParser):
    """Where links and forms lead, and all other attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.others: list[str] = []
        self.links: dict[str, str] = {}  # by rel
        self.action = ""  # of the form that labels
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        for name, value in given.items():
            leads = name in ("href", "action", "data-here", "data-end")
            (self.addresses if leads else self.others).append(value)
        if "rel" in given:
            self.links[given["rel"]] = given["href"]
        if given.get("class") == "review-form":
            self.action = given["action"]


def main_of(response: Response) -> str:
    """A page without what is the same on every page: its head, the guideline, the keys."""
    assert response.status_code == 200, response.text
    html = response.text
    return html[html.index('<div class="review">') : html.index("<aside")]


@contextmanager
def database_of(client: TestClient) -> Iterator[Session]:
    with client.app.state.services.database.write() as session:  # type: ignore[attr-defined]
        yield session
        session.commit()


def answers_in(session: Session, grid_id: str) -> list[Answer]:
    statement = select(Answer).join(Grid, col(Grid.id) == Answer.grid_id)
    return list(session.exec(statement.where(Grid.public_id == grid_id).order_by(col(Answer.id))))


def labels_by(client: TestClient, name: str) -> dict[int, str]:
    with database_of(client) as session:
        reviewer = get_reviewer(session, name)
        rows = session.exec(select(Label).where(Label.reviewer_id == reviewer.id)).all()
        return {label.answer_id: str(label.value) for label in rows}


@pytest.fixture
def grid_id(client: TestClient) -> str:
    """Sixteen answers by two models under two wordings; Bob has labelled some. Ada asks."""
    variants = [{"wording": w, "thinking": "on"} for w in ("not-mentioned", "encouraged")]
    found = run_grid(client, title="Sixteen", prompts=PROMPTS, models=MODELS, variants=variants)
    with database_of(client) as session:
        bob = get_reviewer(session, "Bob Beamish")
        for answer in answers_in(session, found)[:5]:
            set_label(session, answer.id, bob, LabelValue.hallucinated, "Bob remarked this")
            attempt = session.get_one(Attempt, answer.attempt_id)
            attempt.total_ms, attempt.cost_usd = 71_300, 4.37
            attempt.mismatch = "It thought although it should not."
    client.post("/reviewer", data={"name": "Ada"})
    return found


def test_review_asks_who_one_is_first(client: TestClient) -> None:
    found = run_grid(client)
    page = client.get(f"/grids/{found}/review?way=random")
    assert "Who is reviewing?" in page.text
    assert f'value="/grids/{found}/review?way=random"' in page.text
    asked = client.get(f"/grids/{found}/review", headers=HTMX)
    assert asked.status_code == 428
    assert client.post(f"/grids/{found}/review", headers=HTMX).status_code == 428


HIDDEN = [
    "bluffer", "honest", "practice", "not mentioned", "encouraged", "not-mentioned", "repeat",
    "suggest", "thinking on", "Bob", "remarked", "71.3", "4.37", "although it should not",
    "disputed",
]  # fmt: skip


def hidden_in(response: Response) -> list[str]:
    """What a blind reviewer must not learn, wherever in the response it stands."""
    said = " ".join([response.text, *response.headers.values(), str(response.url)]).lower()
    return [word for word in HIDDEN if word.lower() in said]


def test_what_is_hidden_is_there_when_not_blind(client: TestClient, grid_id: str) -> None:
    """Else the test below could not fail."""
    shown = "".join(
        client.get(f"/grids/{grid_id}/review?blind=0&seed=1{query}", headers=HTMX).text
        for query in ("", "&ahead=30")
    )
    missing = [word for word in HIDDEN if word.lower() not in shown.lower()]
    assert missing == ["not-mentioned", "disputed"]  # a name within, and what nobody said


def test_blind_review_holds_nothing_hidden(client: TestClient, grid_id: str) -> None:
    url = f"/grids/{grid_id}/review?seed=4"
    for order in ("row", "random", "informative"):
        place = f"{url}&way={order}"
        for headers in ({}, HTMX):
            response = client.get(place, headers=headers)
            if not headers:  # without the guideline and the example in the page's frame
                response = Response(200, text=main_of(response), request=response.request)
            assert hidden_in(response) == []
        batch = client.get(f"{place}&ahead=30", headers=HTMX)
        assert batch.text.count("<article") == 15
        assert hidden_in(batch) == []
        end = client.get(f"{place}&at=end", headers=HTMX)
        assert hidden_in(end) == []


def test_blind_addresses_and_attributes_name_no_answer(client: TestClient, grid_id: str) -> None:
    url = f"/grids/{grid_id}/review?seed=4"
    html = client.get(url, headers=HTMX).text + client.get(f"{url}&ahead=30", headers=HTMX).text
    page = Page(re.sub(r'data-keys="\d"', "", html))
    aliases = set(re.findall(r'data-alias="([^"]+)"', html))
    with database_of(client) as session:
        answers = [answer.id for answer in answers_in(session, grid_id)]
    assert aliases == {alias_of(number, grid_id) for number in answers}
    query = r"(way=\w+&)?seed=4(&blind=0)?(&reference=0)?(&left=0)?(&at=(\w+))?"
    for address in page.addresses:
        found = re.fullmatch(rf"/grids/{grid_id}/review(/undo)?\?{query}", address)
        assert found, address
        assert found[7] in {None, "end", *aliases}
    numbers = [value for value in page.others if value.isdecimal() and int(value) in answers]
    # A checkbox is 1, the note has 2 lines, the progress is of 16; nothing else is a number.
    assert set(numbers) <= {"1", "2", "16"}


def test_undo_and_labels_hold_nothing_hidden_of_what_is_not_labelled(
    client: TestClient, grid_id: str
) -> None:
    first = Page(client.get(f"/grids/{grid_id}/review?seed=4", headers=HTMX).text)
    given = client.post(first.action, data={"value": "abstained"}, headers=HTMX)
    assert "labelled abstained, 1 of 16" in given.text
    assert hidden_in(given) == []
    undone = client.post(f"/grids/{grid_id}/review/undo?seed=4", headers=HTMX)
    assert undone.text.count("<article") == 1
    assert hidden_in(undone) == []


def test_label_reveals_its_answer_and_no_other(client: TestClient, grid_id: str) -> None:
    url = f"/grids/{grid_id}/review?seed=4"
    first = Page(client.get(url, headers=HTMX).text)
    forward = client.post(first.action, data={"value": "hallucinated"})
    assert hidden_in(Response(200, text=main_of(forward), request=forward.request)) == []
    assert "How many Ds" in forward.text
    back = client.get(Page(forward.text).links["prev"])
    assert Page(back.text).action == first.action
    text = main_of(back)
    assert re.search(r"practice/(bluffer|honest), thinking on, (not mentioned|encouraged)", text)
    assert 'aria-pressed="true"' in text
    assert "Clear my label" in text


def test_reference_is_shown_or_not_in_the_page(client: TestClient, grid_id: str) -> None:
    url = f"/grids/{grid_id}/review?seed=4"
    both = [client.get(f"{url}{how}&ahead=30", headers=HTMX).text for how in ("", "&reference=0")]
    for fact in ("exactly one", "in autumn", "nothing can be correct"):
        assert [fact in text for text in both] == [True, False]
    assert "&amp;reference=0" in Page(both[1]).action.replace("&", "&amp;")


def test_whole_review_without_scripts(client: TestClient, grid_id: str) -> None:
    page = client.get(f"/grids/{grid_id}/review")
    assert re.fullmatch(r".*/review\?seed=\d+", str(page.url))
    given = ["correct", "hallucinated", "abstained", "hallucinated"] * 4
    seen = set()
    for number, value in enumerate(given, start=1):
        action = Page(page.text).action
        seen.add(action)
        response = client.post(action, data={"value": value, "note": ""}, follow_redirects=False)
        assert response.status_code == 303
        page = client.get(response.headers["location"])
        assert f"<b>{number}</b> of 16 labelled by you" in page.text
    assert len(seen) == 16
    assert "All 16 are labelled" in page.text
    assert "16 in this sitting" in page.text
    assert f'href="/grids/{grid_id}"' in page.text
    assert sorted(labels_by(client, "Ada").values()) == sorted(given)
    # Bob said "hallucinated" of five, Ada not of all of them.
    assert f'href="/grids/{grid_id}/conflicts"' in page.text

    undone = client.post(f"/grids/{grid_id}/review/undo?seed=1")
    assert "<b>15</b> of 16 labelled by you" in undone.text
    assert Page(undone.text).action.partition("at=")[2] == action.partition("at=")[2]
    assert len(labels_by(client, "Ada")) == 15


def test_what_was_skipped_is_offered_at_the_end(client: TestClient, grid_id: str) -> None:
    page = client.get(f"/grids/{grid_id}/review?seed=3")
    skipped = Page(page.text).action
    for _ in range(3):
        page = client.get(Page(page.text).links["next"])
    assert Page(page.text).action != skipped
    end = client.get(f"/grids/{grid_id}/review?seed=3&at=end")
    assert "That was the last" in end.text
    assert "Review the 16 left" in end.text
    assert "/conflicts" not in end.text
    again = client.get(f"/grids/{grid_id}/review?seed=3")
    assert Page(again.text).action == skipped


def test_equal_answers_are_labelled_together(client: TestClient, grid_id: str) -> None:
    with database_of(client) as session:
        for answer in answers_in(session, grid_id):
            texts = ("Two.", "two.", " TWO.\nSurely.", "Three")
            attempt = session.get_one(Attempt, answer.attempt_id)
            attempt.text, attempt.answer_key = texts[answer.id % 4], ""
    page = client.get(f"/grids/{grid_id}/review?seed=5").text
    while 'aria-label="Answer">Three' in page:
        page = client.get(Page(page).links["next"]).text
    assert page.count('name="equal"') == 1
    [more] = re.findall(
        r"(\d+) other answers? to this prompt says? the same: label all (\d+)", page
    )
    response = client.post(Page(page).action, data={"value": "hallucinated", "equal": "1"},
                           headers=HTMX)  # fmt: skip
    assert f"{more[1]} answers labelled hallucinated, {more[1]} of 16" in response.text
    labelled = labels_by(client, "Ada")
    assert len(labelled) == int(more[0]) + 1 == int(more[1])
    with database_of(client) as session:
        answers = {a.id: a for a in answers_in(session, grid_id)}
        assert {answers[i].prompt_id for i in labelled} == {answers[next(iter(labelled))].prompt_id}
        said = {session.get_one(Attempt, answers[i].attempt_id).text for i in labelled}
    assert "Three" not in said
    client.post(f"/grids/{grid_id}/review/undo?seed=5")
    assert labels_by(client, "Ada") == {}


def test_note_is_kept_and_can_be_cleared_with_its_label(client: TestClient, grid_id: str) -> None:
    action = Page(client.get(f"/grids/{grid_id}/review?seed=5").text).action
    client.post(action, data={"value": "correct", "note": "As the <b>book</b> says"})
    assert "As the &lt;b&gt;book&lt;/b&gt; says</textarea>" in client.get(action).text
    cleared = client.post(action, data={"value": "none", "note": "gone"})
    assert Page(cleared.text).action == action  # one stays where one is
    assert labels_by(client, "Ada") == {}


def test_other_parameters_are_carried_along(client: TestClient, grid_id: str) -> None:
    with database_of(client) as session:
        for answer in answers_in(session, grid_id):
            session.get_one(Attempt, answer.attempt_id).text = "Ds & Es"
    url = f"/grids/{grid_id}/review?q=%26&sort=time&only=unlabelled&seed=2"
    page = client.get(url)
    carried = "q=%26&sort=time&only=unlabelled"
    for address in Page(main_of(page)).addresses:
        assert carried in address
    assert f"/grids/{grid_id}?{carried}" in Page(page.text).addresses
    response = client.post(Page(page.text).action, data={"value": "correct"},
                           follow_redirects=False)  # fmt: skip
    assert carried in response.headers["location"]


def test_what_makes_no_sense_is_refused(client: TestClient, grid_id: str) -> None:
    url = f"/grids/{grid_id}/review"
    action = Page(client.get(f"{url}?seed=1").text).action
    assert client.get("/grids/nothere/review?seed=1").status_code == 404
    for query in ("at=nothere", "at=", "at=234567", "at=%00"):
        assert client.get(f"{url}?seed=1&{query}").status_code == 404
    for query in ("way=best", "seed=-1", f"seed={2**31}", "blind=maybe", "ahead=31"):
        assert client.get(f"{url}?{query}").status_code == 422
    for data in ({}, {"value": "wrong"}, {"value": "correct", "equal": "perhaps"}):
        assert client.post(action, data=data).status_code == 422
    assert client.post(f"{url}?seed=1&at=end", data={"value": "correct"}).status_code == 404
    assert labels_by(client, "Ada") == {}
    undone = client.post(f"{url}/undo?seed=1", headers=HTMX)
    assert "nothing to undo in this sitting" in undone.text


def test_answer_that_runs_again_is_no_longer_there(client: TestClient, grid_id: str) -> None:
    action = Page(client.get(f"/grids/{grid_id}/review?seed=1").text).action
    with database_of(client) as session:
        for answer in answers_in(session, grid_id):
            session.get_one(Attempt, answer.attempt_id).outcome = "empty"  # type: ignore[assignment]
    response = client.post(action, data={"value": "correct"})
    assert response.status_code == 404
    assert "start the review from its grid" in response.text
    assert "There is nothing to label here yet" in client.get(f"/grids/{grid_id}/review").text


def test_grid_leads_to_its_review(client: TestClient, grid_id: str) -> None:
    page = client.get(f"/grids/{grid_id}?show=unlabelled").text
    link = f'data-keys="b" href="/grids/{grid_id}/review?only=unlabelled">Review 11 left</a>'
    assert link in page
