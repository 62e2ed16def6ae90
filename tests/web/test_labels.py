"""Labels over HTTP: with scripts, by plain forms, as JSON; and the list of conflicts."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from app.reviewing.said import TAGS
from tests.factories import run_grid
from tests.polling import wait_until_done

HTMX = {"HX-Request": "true"}


def name(client: TestClient, who: str) -> None:
    client.post("/reviewer", data={"name": who}, follow_redirects=False)


def answers(client: TestClient, grid_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(f"/api/grids/{grid_id}/answers").json()["items"]
    return items


def said(client: TestClient, grid_id: str, number: int = 0) -> list[tuple[object, ...]]:
    labels = answers(client, grid_id)[number]["labels"]
    return [(la["reviewer"], la["label"], la["tags"], la["note"], la["decides"]) for la in labels]


def say(client: TestClient, answer: int, who: str, **label: Any) -> None:
    url = f"/api/answers/{answer}/label"
    client.put(url, json={"reviewer": who, **label}).raise_for_status()


def put(client: TestClient, answer: int, data: dict[str, Any]) -> Response:
    return client.put(f"/answers/{answer}/label", data=data, headers=HTMX)


def test_put_keeps_what_is_not_given(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer = answers(client, grid_id)[0]["id"]
    name(client, "Ada")
    for data, expected in (
        ({"tags": ["hedged", "format"]}, (None, ["hedged", "format"], "", False)),
        ({"value": "correct", "note": "so"}, ("correct", ["hedged", "format"], "so", False)),
        ({"tags": "partial, hedged"}, ("correct", ["hedged", "partial"], "so", False)),
        ({"decides": "1"}, ("correct", ["hedged", "partial"], "so", True)),
        ({"tags": "", "note": ""}, ("correct", [], "", True)),
        ({"value": "", "tags": "unverifiable"}, (None, ["unverifiable"], "", False)),
    ):
        response = put(client, answer, data)
        assert response.status_code == 200
        assert f'id="a-{answer}"' in response.text
        assert said(client, grid_id) == [("Ada", *expected)]


def test_tag_key_puts_on_and_takes_off(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer = answers(client, grid_id)[0]["id"]
    assert put(client, answer, {"key": "1"}).status_code == 428
    name(client, "Ada")
    put(client, answer, {"value": "hallucinated"})
    for given, tags in (
        ({"key": "1"}, "hedged"),
        ({"key": "4"}, "hedged, extra error"),
        ({"off": "hedged"}, ""),  # by a button: it shows that
        ({"key": "6"}, "extra error, reasoning"),
        ({"key": "4"}, "reasoning"),
    ):
        html = put(client, answer, given).text
        assert re.findall(r'<p id="said".*: (.*)</p>', html) == ([tags] if tags else [])
    assert said(client, grid_id) == [("Ada", "hallucinated", ["reasoning"], "", False)]
    assert answers(client, grid_id)[0]["tags"] == ["reasoning"]


def test_undo_says_again_what_was_said_before(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer, other = (item["id"] for item in answers(client, grid_id)[:2])
    name(client, "Bob")
    put(client, answer, {"value": "abstained"})
    name(client, "Ada")
    given: tuple[dict[str, str], ...] = (
        {"value": "correct"}, {"key": "2"}, {"note": "so"}, {"value": "none"},
    )  # fmt: skip
    before = [put(client, answer, data).headers["x-before"] for data in given]
    assert before[0] == "0"
    for change, expected in zip(
        reversed(before),
        (("correct", ["refusal"], "so"), ("correct", ["refusal"], ""), ("correct", [], ""), ()),
        strict=True,
    ):
        assert put(client, answer, {"as_of": change}).status_code == 200
        mine = [(la, *more) for who, la, *more, _ in said(client, grid_id) if who == "Ada"]
        assert mine == ([expected] if expected else [])
    assert put(client, answer, {"as_of": before[0]}).status_code == 200  # nothing to take back
    assert [who for who, *_ in said(client, grid_id)] == ["Bob"]
    assert put(client, other, {"as_of": before[1]}).status_code == 404
    name(client, "Bob")
    assert put(client, answer, {"as_of": before[1]}).status_code == 404  # Ada said that


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"tags": "bluff"}, ", ".join(TAGS)),
        ({"on": "bluff"}, ", ".join(TAGS)),
        ({"key": "12"}, "key"),
        ({"as_of": "-1"}, "as of"),
        ({"value": "bluff"}, "hallucinated"),
        ({"value": "correct", "tags": "no_answer"}, "tells why there is no label"),
        ({"decides": "1"}, "A decision is one of"),
        ({"note": "a\0b"}, "NUL"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    shared_client: TestClient, shared_grid: str, data: dict[str, Any], sentence: str
) -> None:
    answer = answers(shared_client, shared_grid)[0]["id"]
    name(shared_client, "Ada")
    response = put(shared_client, answer, data)
    assert response.status_code == 422
    assert sentence in response.text
    assert said(shared_client, shared_grid) == []


def test_everything_works_by_plain_forms(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer = answers(client, grid_id)[0]["id"]
    back = f"/grids/{grid_id}/answers/{answer}"
    url = f"/answers/{answer}/label"
    assert 'class="reviewer-form"' in client.post(url, data={"value": "correct"}).text
    name(client, "Ada")
    for data, expected in (
        ({"on": "hedged", "note": "typed before"}, (None, ["hedged"], "typed before", False)),
        ({"value": "correct", "note": "x"}, ("correct", ["hedged"], "x", False)),
        ({"note": "only this"}, ("correct", ["hedged"], "only this", False)),
        ({"off": "hedged", "note": "only this"}, ("correct", [], "only this", False)),
        ({"on": "unverifiable", "note": ""}, (None, ["unverifiable"], "", False)),
    ):
        response = client.post(url, data=data, follow_redirects=False)
        assert (response.status_code, response.headers["location"]) == (303, back)
        assert said(client, grid_id) == [("Ada", *expected)]
    assert len(client.get(f"/api/answers/{answer}/history").json()["items"]) == 5
    client.post(url, data={"value": "none", "note": ""})
    assert said(client, grid_id) == []
    assert client.post(url, data={"on": "bluff"}).status_code == 422
    assert client.post("/answers/99999/label", data={"value": "correct"}).status_code == 404


def test_same_form_with_scripts_gets_what_changed(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer = answers(client, grid_id)[0]["id"]
    url = f"/answers/{answer}/label?since=9999"
    assert client.post(url, data={"value": "correct"}, headers=HTMX).status_code == 428
    name(client, "Ada")
    for data in ({"on": "format"}, {"value": "correct", "show": "correct", "density": "lines"}):
        response = client.post(url, data=data, headers=HTMX)
        assert f'id="a-{answer}"' in response.text
        assert 'id="progress"' in response.text
    assert client.post(url, data={"density": "huge"}, headers=HTMX).status_code == 422


def test_drawer_shows_what_everybody_says(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer = answers(client, grid_id)[0]["id"]
    drawer = f"/grids/{grid_id}/answers/{answer}"
    assert "Decide…" not in client.get(drawer).text
    assert "History" not in client.get(drawer).text
    say(client, answer, "Bob", label="correct", tags=["extra_error"], note="<b>bold</b>")
    say(client, answer, "Cleo", label="hallucinated")
    name(client, "Ada")
    page = client.get(drawer, headers=HTMX).text
    for text in ("Bob", "Cleo", "extra error", "&lt;b&gt;bold&lt;/b&gt;", "Decide…",
                 "Tied: 1 correct, 1 hallucinated: until somebody decides"):  # fmt: skip
        assert text in page
    put(client, answer, {"value": "hallucinated", "tags": "partial"})
    part = client.get(drawer, headers=HTMX).text
    assert "2 of 3 say hallucinated." in part
    assert re.search(r'name="off" value="partial" [^>]*aria-pressed="true"', part)
    assert re.findall(r'data-tag="(\w+)" data-key="(\d)"', part) == [
        *((tag, str(n)) for n, tag in enumerate(list(TAGS)[:9], start=1)),
        ("unverifiable", "0"),
    ]
    client.post(f"/answers/{answer}/decision", data={"value": "abstained"})
    page = client.get(drawer, headers=HTMX).text
    assert "Ada decided: abstained." in page
    assert 'History <span class="muted">4</span>' in page


def test_empty_answer_can_be_marked_and_not_labelled(client: TestClient) -> None:
    prompts = [{"text": f"Question {n}?"} for n in range(6)]
    grid_id = run_grid(client, models=["practice/flaky"], prompts=prompts, repeats=3)
    number, answer = next(
        (n, a["id"]) for n, a in enumerate(answers(client, grid_id)) if a["outcome"] == "empty"
    )
    name(client, "Ada")
    page = client.get(f"/grids/{grid_id}/answers/{answer}").text
    assert 'value="no_answer"' in page
    assert 'value="hallucinated"' not in page
    client.post(f"/answers/{answer}/label", data={"on": "no_answer", "note": "nothing came"})
    assert said(client, grid_id, number) == [("Ada", None, ["no_answer"], "nothing came", False)]
    assert put(client, answer, {"value": "correct"}).status_code == 409


def conflicts(client: TestClient, grid_id: str, query: str = "") -> tuple[list[int], str]:
    page = client.get(f"/grids/{grid_id}/conflicts{query}").text
    return [int(n) for n in re.findall(r'<article [^>]*id="a-(\d+)"', page)], page


def test_conflicts_are_listed_and_decided_without_scripts(client: TestClient) -> None:
    grid_id = run_grid(client, repeats=3)
    grid, url = f"/grids/{grid_id}", f"/grids/{grid_id}/conflicts"
    assert "/conflicts" not in client.get(grid).text
    assert "No conflicts" in client.get(url).text
    ids = sorted(a["id"] for a in answers(client, grid_id))[:3]
    for answer in ids:
        say(client, answer, "Bob", label="correct")
        say(client, answer, "Cleo", label="hallucinated", note="<i>")
    assert f'href="{url}">Conflicts 3</a>' in client.get(grid).text
    listed, page = conflicts(client, grid_id)
    assert listed == ids
    assert "Give your name to decide." in page
    assert "/decision" not in page
    assert "&lt;i&gt;" in page
    name(client, "Ada")
    _, page = conflicts(client, grid_id)
    assert page.count("/decision") == 3
    assert f'name="then" value="{ids[1]}"' in page
    form = {"value": "abstained", "note": "neither", "page": "1", "then": str(ids[1])}
    response = client.post(f"/answers/{ids[0]}/decision", data=form, follow_redirects=False)
    assert response.headers["location"] == f"{url}#a-{ids[1]}"
    assert ">neither</textarea>" in conflicts(client, grid_id)[1]
    client.post(f"/answers/{ids[0]}/decision", data={**form, "note": ""})  # it was emptied
    listed, page = conflicts(client, grid_id)
    assert "neither" not in page
    assert listed == [*ids[1:], ids[0]]
    assert "Ada decided: abstained." in page
    assert "2 answers on which reviewers differ" in page
    back = client.post(
        f"/answers/{ids[0]}/decision", data={"value": "none", "page": "2"}, follow_redirects=False
    )
    assert back.headers["location"] == f"{url}?page=2"
    assert conflicts(client, grid_id)[0] == ids


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"value": "maybe"},
        {"value": "correct", "page": "x"},
        {"value": "correct", "then": "0"},
    ],
)
def test_decision_that_makes_no_sense_is_refused(
    shared_client: TestClient, shared_grid: str, form: dict[str, str]
) -> None:
    name(shared_client, "Ada")
    answer = answers(shared_client, shared_grid)[0]["id"]
    assert shared_client.post(f"/answers/{answer}/decision", data=form).status_code == 422
    assert shared_client.get(f"/grids/{shared_grid}/conflicts?page=0").status_code == 422
    assert shared_client.get("/grids/nothing/conflicts").status_code == 404


def test_conflicts_come_in_pages(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("app.reviewing.decisions", "app.web.conflicts", "app.web.api_labels"):
        monkeypatch.setattr(f"{module}.PAGE", 2)
    grid_id = run_grid(client, repeats=3)
    ids = sorted(a["id"] for a in answers(client, grid_id))[:5]
    for answer in ids:
        say(client, answer, "Bob", label="correct")
        say(client, answer, "Cleo", label="hallucinated")
    pages = [conflicts(client, grid_id, f"?page={n}") for n in (1, 2, 3)]
    assert [listed for listed, _ in pages] == [ids[:2], ids[2:4], ids[4:]]
    assert ["The next of 5" in page for _, page in pages] == [True, True, False]
    assert ["Earlier" in page for _, page in pages] == [False, True, True]
    number, seen = 1, []
    while number:
        found = client.get(f"/api/grids/{grid_id}/conflicts?page={number}").json()
        seen += [item["answer"] for item in found["items"]]
        number = found["next"]
    assert seen == ids


def test_api_tells_of_tags_decisions_and_history(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer = answers(client, grid_id)[0]["id"]
    url = f"/api/answers/{answer}/label"
    say(client, answer, "Bob", label="correct")
    say(client, answer, "Cleo", label="hallucinated", tags=["reasoning", "hedged"])
    [conflict] = client.get(f"/api/grids/{grid_id}/conflicts").json()["items"]
    assert (conflict["answer"], conflict["final"]) == (answer, None)
    assert conflict["agreement"] == "Tied: 1 correct, 1 hallucinated"
    assert [la["tags"] for la in conflict["labels"]] == [[], ["hedged", "reasoning"]]
    made = client.put(url, json={"reviewer": "Ada", "label": "abstained", "decides": True}).json()
    assert (made["final"], made["decides"], made["disputed"]) == ("abstained", True, False)
    item = answers(client, grid_id)[0]
    assert (item["label"], item["decided"], item["tags"]) == (
        "abstained", True, ["hedged", "reasoning"],
    )  # fmt: skip
    assert client.get(f"/api/grids/{grid_id}/conflicts").json() == {
        "total": 0, "items": [], "next": None,
    }  # fmt: skip
    none = client.put(url, json={"reviewer": "Cleo", "label": None, "tags": ["unverifiable"]})
    assert (none.json()["label"], none.json()["tags"]) == (None, ["unverifiable"])
    nothing = client.put(url, json={"reviewer": "Cleo", "tags": []}).json()
    assert (nothing["tags"], nothing["labelled_at"]) == ([], None)
    found = client.get(f"/api/answers/{answer}/history").json()["items"]
    assert [(c["reviewer"], c["label"], c["tags"], c["decides"]) for c in found] == [
        ("Bob", "correct", [], False),
        ("Cleo", "hallucinated", ["hedged", "reasoning"], False),
        ("Ada", "abstained", [], True),
        ("Cleo", None, ["unverifiable"], False),
        ("Cleo", None, [], False),
    ]
    for body, part in (
        ({}, "give a label"),
        ({"reviewer": "Ada"}, "give a label"),
        ({"tags": ["bluff"]}, "Known are: hedged"),
        ({"tags": "hedged"}, "list"),
    ):
        response = client.put(url, json=body)
        assert (response.status_code, part in response.json()["detail"]) == (422, True)
    assert client.get("/api/answers/99999/history").status_code == 404


def test_label_over_the_api_can_say_which_text_it_is_for(client: TestClient) -> None:
    grid_id = run_grid(client, models=["practice/bluffer"], repeats=1)
    looked_at = answers(client, grid_id)[0]
    url, given = f"/api/answers/{looked_at['id']}/label", {"label": "correct"}
    client.post(f"/api/grids/{grid_id}/reruns", json={"answer": looked_at["id"], "failed": False})
    wait_until_done(client, grid_id)
    refused = client.put(url, json={**given, "attempt": looked_at["attempt"]})
    assert refused.status_code == 409
    assert "was run again since you looked at it" in refused.json()["detail"]
    assert said(client, grid_id) == []
    now = answers(client, grid_id)[0]["attempt"]
    assert (looked_at["attempt"], now) == (1, 2)
    assert client.put(url, json={**given, "attempt": now}).status_code == 200
    assert client.put(url, json={"attempt": now}).status_code == 422


@pytest.mark.parametrize("page", ["answers/{answer}", "review", "conflicts"])
def test_what_was_run_again_since_it_was_looked_at_takes_no_label(
    client: TestClient, page: str
) -> None:
    grid_id = run_grid(client, models=["practice/bluffer"], repeats=1)
    answer = answers(client, grid_id)[0]["id"]
    say(client, answer, "Ada", label="correct")
    say(client, answer, "Bob", label="hallucinated")
    name(client, "Cleo")

    def form() -> tuple[str, dict[str, str]]:
        html = client.get(f"/grids/{grid_id}/{page.format(answer=answer)}").text
        forms = re.findall(r'<form[^>]* action="([^"]+)"[^>]*>([^§]*?)</form>', html)
        [action, inside] = [found for found in forms if 'name="attempt"' in found[1]][-1]
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', inside))
        return action.replace("&amp;", "&"), {**hidden, "value": "correct"}

    action, fields = form()
    everything = {"answer": answer, "failed": False, "labelled": True}
    again = client.post(f"/api/grids/{grid_id}/reruns", json=everything)
    assert again.json() == {"answers": 1}
    wait_until_done(client, grid_id)
    refused = client.post(action, data=fields, headers=HTMX)
    assert refused.status_code == 409
    assert "was run again since you looked at it" in refused.text
    assert said(client, grid_id) == []
    if page == "conflicts":
        return  # it is none any more
    action, fields = form()
    assert client.post(action, data=fields).status_code == 200
    assert [who for who, *_ in said(client, grid_id)] == ["Cleo"]
