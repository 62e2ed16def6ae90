"""Links for people outside: what they see, what is left out, and how they end."""

import io
import json
import re
import zipfile
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select, update

from app.exports.jsonl import content_hash
from app.reviewing.labels import get_reviewer, set_label
from app.sharing.hiding import HIDEABLE
from app.tables import Answer, Attempt, Grid, LabelValue, Share, now
from app.web.exports import FORMATS
from tests.factories import answers_of, run_grid

SECRETS = {
    "reviewers": "Ada Lovelace",
    "notes": "a note in confidence",
    "thinking": "I ponder in secret",
    "prompts": "How many Ds are in ZDZDZ?",
    "costs": "12.34",
}

PASTED = {
    "product": "Some chat",
    "asked_on": "2026-11-27",
    "search": "off",
    "source": f"https://chat.example/?q={SECRETS['prompts']}",
    "pasted_by": SECRETS["reviewers"],
}


def database(client: TestClient) -> Any:
    return client.app.state.services.database  # type: ignore[attr-defined]


@pytest.fixture
def grid_id(client: TestClient) -> str:
    """A grid that has something of everything that can be hidden."""
    prompts = [{"text": SECRETS["prompts"], "references": ["fourteen-ish"]}]
    grid_id = run_grid(client, prompts=prompts, title="Shared <i>grid</i>")
    with database(client).write() as session:
        grid = session.exec(select(Grid).where(Grid.public_id == grid_id)).one()
        ada = get_reviewer(session, SECRETS["reviewers"])
        answers = answers_of(session, grid)
        for answer in answers:
            attempt = session.get_one(Attempt, answer.attempt_id)
            attempt.thinking_text, attempt.cost_usd = SECRETS["thinking"], 12.34
            attempt.request = {"key": "sk-never-to-be-seen"}
            attempt.response = attempt.response_id = "sk-never-to-be-seen"
            attempt.usage = {"cost": 12.34}
            attempt.suggestion_reason = "It equals the reference: fourteen-ish."
            session.add(attempt)
            set_label(session, answer.id, ada, LabelValue.hallucinated, SECRETS["notes"])
        # A provider that complains of the question, and an answer out of a chat about it.
        broken, pasted = (session.get_one(Attempt, it.attempt_id) for it in answers[:2])
        broken.error_message = f"Not allowed: {SECRETS['prompts']}"
        pasted.request = {"pasted": PASTED}
        session.commit()
    return grid_id


def share(client: TestClient, grid_id: str, **fields: Any) -> str:
    page = client.post(f"/grids/{grid_id}/shares", data=fields)
    assert page.status_code == 200, page.text
    [address, *_] = re.findall(r'href="(/s/[\w-]{22})"', page.text)
    return str(address)


def text_of(answer: Any) -> str:
    """A page, a file or all that is in a ZIP; pictures of points say nothing that is not there."""
    match answer.headers["content-type"].partition(";")[0]:
        case "image/png":
            return ""
        case "application/zip":
            with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                return "".join(archive.read(name).decode() for name in archive.namelist())
    return str(answer.text)


def everything(client: TestClient, address: str) -> str:
    """All pages, figures and files that a stranger can reach from the link."""
    pages, todo = {}, [address]
    while todo:
        path = todo.pop()
        if path in pages:
            continue
        answer = client.get(path)
        assert answer.status_code == 200, path
        pages[path] = text_of(answer)
        links = re.findall(r'(?:href|src)="([^"]+)"', pages[path])
        for link in links if answer.headers["content-type"].startswith("text/html") else ():
            target = str(answer.url.join(unescape(link)))
            path = target.removeprefix("http://127.0.0.1:8000").partition("#")[0]
            if not path.startswith("/static/"):
                assert path.startswith(address), f"{link} leads out of the share"
                # One look of each kind, pictures as text, and files of all of it.
                file = path.partition("?")[0].rpartition("/")[2] in FORMATS
                once = path.count("=") < (1 if file else 2)
                if once and "," not in path and not path.endswith(".png"):
                    todo.append(path)
    return unescape("".join(pages.values()))


def test_stranger_sees_the_grid_its_results_and_every_answer(
    client: TestClient, grid_id: str
) -> None:
    address = share(client, grid_id)
    seen = everything(client, address)
    for secret in SECRETS.values():
        assert secret in seen
    assert "fourteen-ish" in seen
    assert "practice/bluffer" in seen
    assert "not enough to tell" in seen or "no prompt has labels" in seen or "n = 4" in seen
    assert "<script" not in client.get(address).text


def some(client: TestClient, address: str) -> str:
    """The grid, an answer with its label and all files."""
    page = client.get(address).text
    answers = sorted(set(re.findall(r"answers/\d+", page)))
    texts = [text_of(client.get(f"{address}/{end}")) for end in (*answers, *FORMATS)]
    return unescape(page + "".join(texts))


@pytest.mark.parametrize("of", ["live", "new"])
def test_what_is_left_out_is_nowhere(client: TestClient, grid_id: str, of: str) -> None:
    """On no page, in no picture and in no file. What is not left out, is there."""
    nothing = everything(client, share(client, grid_id, of=of, hide=list(HIDEABLE)))
    for secret in (*SECRETS.values(), "fourteen-ish", "sk-never", grid_id):
        assert secret not in nothing
    of = of.replace("new", "1")  # the same snapshot, shared again
    for hidden in HIDEABLE:
        address = share(client, grid_id, of=of, hide=hidden)
        seen = some(client, address)
        assert SECRETS[hidden] not in seen, hidden
        others = [text for name, text in SECRETS.items() if name != hidden]
        assert [text for text in others if text not in seen] == [], hidden
        assert ("fourteen-ish" in seen) is (hidden != "prompts")
        assert ("Reviewer 1" in seen) is (hidden == "reviewers")
        assert "sk-never" not in seen
        assert grid_id not in seen
        assert "Some chat" in seen
        heat = client.get(f"{address}/figures/heat.svg")
        assert heat.status_code == (404 if hidden == "prompts" else 200)


def test_what_is_left_out_cannot_be_searched_for(client: TestClient, grid_id: str) -> None:
    address = share(client, grid_id, hide=list(HIDEABLE))
    usual = client.get(address).text
    for query in ("q=ponder", "q=nowhere", "by=Ada Lovelace", "by=Nobody", "only=costly"):
        assert client.get(f"{address}?{query}").text == usual
    costs = share(client, grid_id, hide="prompts")
    assert client.get(f"{costs}?only=costly").text != client.get(costs).text


def test_link_is_private_unless_it_is_to_be_listed(client: TestClient, grid_id: str) -> None:
    private = client.get(share(client, grid_id))
    assert private.headers["x-robots-tag"] == "noindex, nofollow"
    assert private.headers["referrer-policy"] == "no-referrer"
    assert '<meta name="robots" content="noindex, nofollow">' in private.text
    listed = client.get(share(client, grid_id, listed="1"))
    assert "x-robots-tag" not in listed.headers
    assert "noindex" not in listed.text


def test_card_is_a_picture_with_an_address_of_its_own(client: TestClient, grid_id: str) -> None:
    page = client.get(share(client, grid_id)).text
    assert 'og:title" content="Shared &lt;i&gt;grid&lt;/i&gt; · Bluffcheck"' in page
    [image] = re.findall(r'og:image" content="(http://127.0.0.1:8000/s/[^"]+)"', page)
    card = client.get(image)
    assert card.headers["content-type"] == "image/png"
    assert card.content.startswith(b"\x89PNG")
    assert int.from_bytes(card.content[16:20]) == 1200
    # As others reach it: a proxy's name and https are not seen from here.
    settings = client.app.state.services.settings  # type: ignore[attr-defined]
    settings.public_url = "https://bluff.example"
    page = client.get(share(client, grid_id)).text
    assert 'og:image" content="https://bluff.example/s/' in page


def test_link_ends_at_once_when_it_is_taken_back(client: TestClient, grid_id: str) -> None:
    address = share(client, grid_id)
    page = client.get(f"/grids/{grid_id}/shares").text
    [end] = re.findall(r'action="(/grids/\w+/shares/\d+/revocation)"', page)
    assert "taken back" in client.post(end).text
    ends = ("", "/preview.png", "/answers/1", "/figures/bars.svg", *(f"/{it}" for it in FORMATS))
    for path in (address + end for end in ends):
        gone = client.get(path)
        assert gone.status_code == 410
        assert "Whoever shared this took it back." in gone.text
        assert 'href="/"' not in gone.text
    assert client.get(f"/grids/{grid_id}").status_code == 200


def test_link_ends_on_its_day(client: TestClient, grid_id: str) -> None:
    address = share(client, grid_id, days="7")
    assert client.get(address).status_code == 200
    with database(client).write() as session:
        session.execute(update(Share).values(expires_at=now() - timedelta(seconds=1)))
        session.commit()
    gone = client.get(address)
    assert gone.status_code == 410
    assert "This link was good until" in gone.text


def test_unknown_links_and_answers_of_other_grids_are_not_found(
    client: TestClient, grid_id: str
) -> None:
    address = share(client, grid_id)
    assert client.get("/s/" + "x" * 22).status_code == 404
    with database(client).read() as session:
        last = session.exec(select(Answer.id).order_by(col(Answer.id).desc())).first()
    other = run_grid(client)
    assert other
    assert client.get(f"{address}/answers/{last + 1}").status_code == 404


def test_last_use_is_kept(client: TestClient, grid_id: str) -> None:
    address = share(client, grid_id)
    assert "not yet" in client.get(f"/grids/{grid_id}/shares").text
    client.get(address)
    assert "not yet" not in client.get(f"/grids/{grid_id}/shares").text


def test_nothing_that_makes_no_sense_is_made(client: TestClient, grid_id: str) -> None:
    wrong = ({"hide": "everything"}, {"days": "0"}, {"days": "soon"}, {"of": "past"})
    for fields in (*wrong, {"of": "new", "hide": "everything"}):
        assert client.post(f"/grids/{grid_id}/shares", data=fields).status_code == 422
    assert client.post(f"/grids/{grid_id}/shares", data={"of": "7"}).status_code == 404
    typed = {"of": "new", "hide": ["thinking"], "days": "4000", "listed": "1"}
    page = client.post(f"/grids/{grid_id}/shares", data=typed).text
    assert "days: Input should be less than or equal to 3650" in page
    for chosen in ('value="new"', 'value="thinking"', 'name="listed" value="1"'):
        assert f"{chosen} checked" in page, chosen
    assert 'value="costs" checked' not in page
    assert "<option selected>4000</option>" in page
    page = client.post(f"/grids/{grid_id}/shares", data={"of": "7", "days": "30"}).text
    assert "This grid has no snapshot v7." in page
    assert 'value="30" selected' in page
    page = client.get(f"/grids/{grid_id}/shares").text
    assert "No links yet." in page
    assert "Snapshots" not in page
    assert client.post(f"/grids/{grid_id}/shares/99/revocation").status_code == 404


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_link_is_made_that_the_log_does_not_tell_of(client: TestClient, grid_id: str) -> None:
    refuse = "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END"
    with database(client).write() as session:
        session.execute(text(refuse))
        session.commit()
    with pytest.raises(DBAPIError, match="full"):
        client.post(f"/grids/{grid_id}/shares", data={})
    assert "No links yet." in client.get(f"/grids/{grid_id}/shares").text


def test_frozen_link_shows_the_grid_as_it_was(client: TestClient, grid_id: str) -> None:
    address = share(client, grid_id, of="new", hide="reviewers")
    page = client.get(address).text
    [hash_] = re.findall(r"<code[^>]*>([0-9a-f]{64})</code>", page)
    assert "frozen snapshot v1" in page
    assert 'description" content="As of ' in page
    [copy_id] = re.findall(
        r'href="/grids/(\w+)">v1</a>', client.get(f"/grids/{grid_id}/shares").text
    )
    [*_, first] = re.findall(r"answers/(\d+)", page)
    ends = (
        "",
        f"/answers/{first}",
        "/figures/bars.svg",
        "/export.csv",
        "/labels.csv",
        "/export.md",
    )
    before = [client.get(address + end).text for end in ends]

    file = client.get(f"{address}/export.jsonl")
    assert file.headers["content-disposition"].endswith(f'{address[3:9]}-v1.jsonl"')
    assert "noindex" in file.headers["x-robots-tag"]
    lines = file.text.splitlines()
    assert json.loads(lines[-1])["content_hash"] == content_hash(lines) == hash_
    assert hash_ in client.get(f"{address}/export.html").text

    for item in client.get(f"/api/grids/{grid_id}/answers").json()["items"]:
        label = {"label": "correct", "reviewer": SECRETS["reviewers"], "note": "changed"}
        assert client.put(f"/api/answers/{item['id']}/label", json=label).status_code == 200
    wanted = {"failed": False, "labelled": True}
    assert client.post(f"/api/grids/{grid_id}/reruns", json=wanted).status_code == 202
    assert [client.get(address + end).text for end in ends] == before

    # The same in the app, to be looked at; and nothing is done to it.
    inside = client.get(f"/grids/{copy_id}").text
    assert "frozen snapshot v1" in inside
    assert "/reruns" not in inside
    assert '/review"' not in inside
    assert 'value="correct"' not in client.get(f"/grids/{copy_id}/answers/{first}").text
    label = {"label": "correct", "reviewer": "Eve"}
    refused = client.put(f"/api/answers/{first}/label", json=label)
    assert (refused.status_code, refused.json()["detail"][:27]) == (
        409,
        "This is a frozen snapshot: ",
    )
    for end in ("review", "additions", "reruns", "paste", "shares", "conflicts"):
        assert client.get(f"/grids/{copy_id}/{end}").status_code in (404, 409), end
    assert client.put(f"/api/grids/{copy_id}/pause").status_code == 409
    assert copy_id not in client.get("/").text
    assert [g["id"] for g in client.get("/api/grids").json()["items"]] == [grid_id]
    assert client.get(f"/grids/{copy_id}/export.zip").status_code == 200


def test_snapshot_has_another_hash_when_somebody_in_it_was_removed(
    client: TestClient, grid_id: str
) -> None:
    """As its file has, by which its readers see that nothing else became another."""
    addresses = [share(client, grid_id, of="new"), share(client, grid_id, of="1", hide="reviewers")]

    def hashes() -> list[str]:
        found = []
        for address in addresses:
            [shown] = re.findall(r"<code[^>]*>([0-9a-f]{64})</code>", client.get(address).text)
            lines = client.get(f"{address}/export.jsonl").text.splitlines()
            assert content_hash(lines) == json.loads(lines[-1])["content_hash"] == shown
            found.append(shown)
        listed = client.get(f"/grids/{grid_id}/shares").text
        return [*found, *re.findall(r'<code class="hash">([0-9a-f]{64})</code>', listed)]

    before = hashes()
    with database(client).read() as session:
        ada = get_reviewer(session, SECRETS["reviewers"]).id
    gone = client.post(f"/people/{ada}/removal", data={"sure": "1"}, follow_redirects=False)
    assert gone.status_code == 303
    assert SECRETS["reviewers"] not in everything(client, addresses[0])
    after = hashes()
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, False]


def test_links_lead_to_a_row_an_answer_a_picture_and_a_filter(client: TestClient) -> None:
    """Of a grid that is sent in several blocks."""
    prompts = [{"text": f"Question {n}"} for n in range(1, 61)]
    grid_id = run_grid(client, prompts=prompts, repeats=1, models=["practice/honest"])
    address = share(client, grid_id, of="new")
    page = client.get(address).text
    assert "Question 60<" not in page
    [last] = re.findall(r"row=(\d+)", page)[-1:]
    assert f'id="p-{last}"' in client.get(f"{address}?row={last}").text
    ids = re.findall(r"/answers/(\d+)", client.get(f"{address}/export.csv").text)
    assert len(ids) == 60
    assert f'id="a-{ids[-1]}"' in client.get(f"{address}?at={ids[-1]}").text
    assert "Question 60<" in client.get(f"{address}/answers/{ids[-1]}").text
    assert "No answer matches." in client.get(f"{address}?label=correct").text
    assert "label=correct" in client.get(f"{address}?label=correct").text
    assert client.get(f"{address}/export.csv?label=correct").text.count("\n") == 1
