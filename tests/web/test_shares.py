"""Links for people outside: what they see, what is left out, and how they end."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select, update

from app.labels import get_reviewer, set_label
from app.shares import HIDEABLE
from app.tables import Answer, Attempt, Grid, LabelValue, Share, now
from tests.factories import answers_of, run_grid

SECRETS = {
    "reviewers": "Ada Lovelace",
    "notes": "a note in confidence",
    "thinking": "I ponder in secret",
    "prompts": "How many Ds are in ZDZDZ?",
    "costs": "12.34",
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
        for answer in answers_of(session, grid):
            attempt = session.get_one(Attempt, answer.attempt_id)
            attempt.thinking_text, attempt.cost_usd = SECRETS["thinking"], 12.34
            attempt.request = {"key": "sk-never-to-be-seen"}
            session.add(attempt)
            set_label(session, answer.id, ada, LabelValue.hallucinated, SECRETS["notes"])
        session.commit()
    return grid_id


def share(client: TestClient, grid_id: str, **fields: Any) -> str:
    page = client.post(f"/grids/{grid_id}/shares", data=fields)
    assert page.status_code == 200, page.text
    [address, *_] = re.findall(r'href="(/s/[\w-]{22})"', page.text)
    return str(address)


def everything(client: TestClient, address: str) -> str:
    """All pages that a stranger can reach from the link."""
    pages, todo = {}, [address]
    while todo:
        path = todo.pop()
        if path in pages:
            continue
        answer = client.get(path)
        assert answer.status_code == 200, path
        pages[path] = answer.text if "png" not in answer.headers["content-type"] else ""
        for link in re.findall(r'(?:href|src)="([^"]+)"', pages[path]):
            target = str(answer.url.join(unescape(link)))
            path = target.removeprefix("http://127.0.0.1:8000").partition("#")[0]
            if not path.startswith("/static/"):
                assert path.startswith(address), f"{link} leads out of the share"
                # One look of each kind, and pictures as text.
                if path.count("=") < 2 and "," not in path and not path.endswith(".png"):
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
    assert "sk-never" not in seen
    assert grid_id not in seen
    assert "<script" not in client.get(address).text


@pytest.mark.parametrize("hidden", HIDEABLE)
def test_what_is_left_out_is_on_no_page(client: TestClient, grid_id: str, hidden: str) -> None:
    address = share(client, grid_id, hide=hidden)
    seen = everything(client, address)
    assert SECRETS[hidden] not in seen
    others = [text for name, text in SECRETS.items() if name != hidden]
    assert [text for text in others if text not in seen] == []
    if hidden == "prompts":
        assert "fourteen-ish" not in seen
        assert client.get(f"{address}/figures/heat.svg").status_code == 404


def test_what_is_left_out_cannot_be_searched_for(client: TestClient, grid_id: str) -> None:
    address = share(client, grid_id, hide=list(HIDEABLE))
    usual = client.get(address).text
    for query in ("q=ponder", "q=nowhere", "by=Ada Lovelace", "by=Nobody"):
        assert client.get(f"{address}?{query}").text == usual


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


def test_link_ends_at_once_when_it_is_taken_back(client: TestClient, grid_id: str) -> None:
    address = share(client, grid_id)
    page = client.get(f"/grids/{grid_id}/shares").text
    [end] = re.findall(r'action="(/grids/\w+/shares/\d+/revocation)"', page)
    assert "taken back" in client.post(end).text
    for path in (address, f"{address}/preview.png", f"{address}/answers/1"):
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
    for fields in ({"hide": "everything"}, {"days": "0"}, {"days": "soon"}):
        assert client.post(f"/grids/{grid_id}/shares", data=fields).status_code == 422
    assert "No links yet." in client.get(f"/grids/{grid_id}/shares").text
    assert client.post(f"/grids/{grid_id}/shares/99/revocation").status_code == 404
