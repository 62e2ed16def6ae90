"""One answer whole, and two compared, over plain HTTP: as pages and as pieces for the drawer."""

import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from app.main import create_app
from app.settings import Settings
from app.tables import Answer, AnswerState, Attempt
from tests.conftest import BASE_URL
from tests.factories import run_grid
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

HTMX = {"HX-Request": "true"}
NO_SUCH = "This grid has no such answer."


def write(client: TestClient, answer_id: int, **changes: Any) -> None:
    """Put other values into the attempt that counts, as another model would have."""
    services = client.app.state.services  # type: ignore[attr-defined]
    with services.database.write() as session:
        _change(session, answer_id, changes)
        session.commit()


def _change(session: Session, answer_id: int, changes: dict[str, Any]) -> None:
    attempt = session.get_one(Attempt, session.get_one(Answer, answer_id).attempt_id)
    for name, value in changes.items():
        setattr(attempt, name, value)
    session.add(attempt)


def in_order(client: TestClient, grid_id: str) -> list[int]:
    """The answers as the grid shows them: by row, by column, by repeat."""
    page = client.get(f"/grids/{grid_id}").text
    return [int(n) for n in re.findall(r'class="chip" id="a-(\d+)"', page)]


def links(page: str) -> set[str]:
    return {html.unescape(url) for url in re.findall(r'<a [^>]*?href="([^"]*)"', page)}


def two_answers(client: TestClient) -> tuple[str, int, int]:
    grid_id = run_grid(client, models=["practice/honest"])
    a, b = in_order(client, grid_id)
    write(client, a, text="On 03-07, I think.", thinking_text="It was in March.")
    write(client, b, text="On 03-08, I think.", thinking_text="")
    return f"/grids/{grid_id}/answers", a, b


def test_pages_lead_through_the_grid_in_its_order(client: TestClient) -> None:
    prompts = [{"text": t, "references": ["1"]} for t in ("One?", "Two?", "Three?")]
    grid_id = run_grid(client, prompts=prompts, variants=[
        {"wording": "allowed", "thinking": "off"}, {"wording": "forced", "thinking": "off"},
    ])  # fmt: skip
    order = in_order(client, grid_id)
    assert len(order) == 3 * 2 * 2 * 2
    before = None
    for here, after in zip(order, [*order[1:], None], strict=True):
        page = client.get(f"/grids/{grid_id}/answers/{here}?text=markdown").text
        found = dict(re.findall(r'rel="(prev|next)" href="([^"]*)"', page))
        wanted = {"prev": before, "next": after}
        assert found == {
            name: f"/grids/{grid_id}/answers/{id_}?text=markdown"
            for name, id_ in wanted.items() if id_ is not None
        }  # fmt: skip
        before = here


def test_buttons_that_need_the_grid_are_only_in_its_drawer(client: TestClient) -> None:
    answers, a, _ = two_answers(client)
    page, drawer = client.get(f"{answers}/{a}"), client.get(f"{answers}/{a}", headers=HTMX)
    for needs_grid in ('data-go="1"', "data-close"):
        assert (needs_grid in page.text, needs_grid in drawer.text) == (False, True)
    assert '<div class="panel narrow" hx-ignore>' in page.text  # its links and forms lead to pages
    assert page.headers["vary"] == drawer.headers["vary"] == "HX-Request"


def test_answer_is_plain_unless_markdown_is_asked_for(client: TestClient) -> None:
    answers, a, _ = two_answers(client)
    write(client, a, text="It is **one**.\n\n<img src=x>")
    url = f"{answers}/{a}"
    plain, marked = client.get(url).text, client.get(f"{url}?text=markdown").text
    assert '<pre class="answer-text" tabindex="0">It is **one**.' in plain
    assert "<p>It is <strong>one</strong>.</p>\n<p>&lt;img src=x&gt;</p>" in marked
    assert f"{url}?text=markdown" in links(plain)
    assert url in links(marked)
    wrong = client.get(f"{url}?text=html")
    assert wrong.status_code == 422
    assert "text: Input should be" in html.unescape(wrong.text)


def test_markdown_too_long_is_shown_plain_and_says_so(client: TestClient) -> None:
    answers, a, _ = two_answers(client)
    write(client, a, text="**a** " * 200_000)
    page = client.get(f"{answers}/{a}?text=markdown").text
    assert "Too long, or nested too deeply, for the Markdown view" in page
    assert '<pre class="answer-text" tabindex="0">**a** **a**' in page


def test_everything_sent_and_kept_of_a_call_is_there(client: TestClient) -> None:
    answers, a, _ = two_answers(client)
    write(client, a, response_id="resp-1", finish_reason="stop", usage={"in": [1]}, cached_tokens=3)
    page = html.unescape(client.get(f"{answers}/{a}").text)
    for shown in (
        '"id": "resp-1"', '"finish_reason": "stop"', '"text": "On 03-07, I think."',
        '"thinking": "It was in March."', '"in": [\n', "3 in from a cache", "Request body",
        "How many Ds are in DEEPSEEK?", "practice model: costs nothing",
    ):  # fmt: skip
        assert shown in page
    copied = set(re.findall(r'data-copy-text="([^"]+)"', page))
    assert len(copied) == 5  # the answer, thinking, user message, request, response
    assert copied <= set(re.findall(r' id="([^"]+)"', page))


def test_attempts_each_have_their_own_part(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def handler(request: Recorded) -> Script:
        if len(wire.calls) <= 1:
            return Script(status=503, error="come <b>back</b> later")
        return Script(text=f"It is {len(wire.calls)}.")

    with WireServer(handler) as wire:
        monkeypatch.setenv("OPENAI_BASE_URL", wire.openai_url)
        with TestClient(create_app(settings), base_url=BASE_URL) as client:
            grid_id = run_grid(client, models=["openai-chat/some"], repeats=1)
            url = f"/grids/{grid_id}/answers/{in_order(client, grid_id)[0]}"
            page = client.get(url).text
    attempts = page.partition('<ol class="attempts">')[2]
    failed, counts = re.split(r'<li value="2">', attempts)
    assert "come &lt;b&gt;back&lt;/b&gt; later" in failed
    for part in (
        "Message as sent",
        "Request body",
        "Response as received",
        "&#34;status&#34;: 503",
    ):
        assert part in failed
    assert "counts, shown above" in counts
    assert "It is 2." in page.partition('<ol class="attempts">')[0]


def test_diff_is_a_page_and_a_drawer(client: TestClient) -> None:
    answers, a, b = two_answers(client)
    url = f"{answers}/{a}/diff/{b}"
    whole, part = client.get(url).text, client.get(url, headers=HTMX).text
    assert whole.startswith("<!doctype html>")
    assert part.startswith('<article class="answer diff" hx-get=')
    for page in (whole, part):
        assert "On<del> 03-07</del> <ins>03-08</ins>, I think.</pre>" in page
        assert "2 words differ: 1 only in A, 1 only in B." in page
        assert page.count("practice/honest") >= 2
        assert "repeat 1" in page
        assert "repeat 2" in page
        assert "(4 words differ: 4 only in A, 0 only in B.)" in page  # thinking
    assert {f"{answers}/{b}/diff/{a}", f"{answers}/{a}", f"{answers}/{b}"} <= links(whole)
    swapped = client.get(f"{answers}/{b}/diff/{a}", headers=HTMX).text
    assert "On<del> 03-08</del> <ins>03-07</ins>, I think.</pre>" in swapped


def test_diff_shows_the_labels(client: TestClient) -> None:
    answers, a, b = two_answers(client)
    client.post("/reviewer", data={"name": "Ada"})
    client.post(f"/answers/{a}/label", data={"value": "hallucinated"})
    page = client.get(f"{answers}/{a}/diff/{b}").text
    heads = re.findall(r'<span class="now">(.*?)</span>\s*(?:</dd>|<span)', page, re.DOTALL)
    assert ["hallucinated" in heads[0], "unlabelled" in heads[1]] == [True, True]


def test_answer_to_compare_with_is_chosen_without_scripts(client: TestClient) -> None:
    prompts = [{"text": t, "references": ["1"]} for t in ("One?", "Two?")]
    grid_id = run_grid(client, prompts=prompts)
    order = in_order(client, grid_id)
    answers, a = f"/grids/{grid_id}/answers", order[1]
    assert f"{answers}/{a}?mark={a}" in links(client.get(f"{answers}/{a}").text)
    choice = links(client.get(f"{answers}/{a}?mark={a}").text)
    row = order[:4]
    assert {u for u in choice if "/diff/" in u} == {
        f"{answers}/{a}/diff/{other}" for other in row if other != a
    }
    # Of another row: on, with the mark in the address.
    far = order[-1]
    page = client.get(f"{answers}/{far}?mark={a}&text=markdown").text
    assert f"{answers}/{a}/diff/{far}" in links(page)
    assert f"{answers}/{far}?text=markdown" in links(page)  # to let it go
    assert f"{answers}/{order[-2]}?text=markdown&mark={a}" in links(page)
    both = client.get(f"{answers}/{a}/diff/{far}").text
    assert both.count('<span class="prompt-text">') == 2  # they were asked different things


def test_lone_answer_has_nothing_to_compare_with(client: TestClient) -> None:
    grid_id = run_grid(client, models=["practice/honest"], repeats=1)
    [a] = in_order(client, grid_id)
    page = client.get(f"/grids/{grid_id}/answers/{a}?mark={a}").text
    assert "There is no other answer to this prompt." in page
    assert 'rel="' not in page.partition("<main")[2]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "drawer"])
def test_missing_and_foreign_answers_are_not_found(
    client: TestClient, headers: dict[str, str]
) -> None:
    answers, a, b = two_answers(client)
    other = run_grid(client, models=["practice/honest"])
    foreign = in_order(client, other)[0]
    for url in (
        f"{answers}/{a}/diff/{foreign}", f"{answers}/{foreign}/diff/{a}",
        f"{answers}/{a}/diff/999999", f"{answers}/{a}?mark={foreign}", f"{answers}/{foreign}",
        f"/grids/{other}/answers/{a}/diff/{b}",
    ):  # fmt: skip
        response = client.get(url, headers=headers)
        assert (response.status_code, NO_SUCH in response.text) == (404, True), url
    for id_ in ("0", "x", str(2**31)):
        assert client.get(f"{answers}/{a}/diff/{id_}", headers=headers).status_code == 422
        assert client.get(f"{answers}/{a}?mark={id_}", headers=headers).status_code == 422
    same = client.get(f"{answers}/{a}/diff/{a}", headers=headers)
    assert same.status_code == 422
    assert "An answer does not differ from itself." in same.text
    assert client.get(f"/grids/nothing/answers/{a}/diff/{b}", headers=headers).status_code == 404


def test_answers_that_failed_can_be_compared_too(client: TestClient) -> None:
    answers, a, b = two_answers(client)
    services = client.app.state.services  # type: ignore[attr-defined]
    with services.database.write() as session:
        failed = session.exec(select(Answer).where(Answer.id == b)).one()
        failed.attempt_id, failed.state = None, AnswerState.cancelled
        session.add(failed)
        session.commit()
    page = client.get(f"{answers}/{a}/diff/{b}").text
    assert "<del>On 03-07, I think.</del></pre>" in page
    assert '· <span class="muted">cancelled</span>' in " ".join(page.split())


HOSTILE = "</pre><script>x()</script>![p](//e.example/p.gif) [a](javascript:x()) <img src=x> ' \""


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses |= {v or "" for k, v in attrs if k in ("href", "src", "action", "hx-get")}


def test_hostile_text_adds_no_markup(client: TestClient) -> None:
    answers, a, b = two_answers(client)
    write(client, a, text=HOSTILE, thinking_text=HOSTILE, finish_reason=HOSTILE,
          usage={HOSTILE: HOSTILE}, served_model=HOSTILE, response_id=HOSTILE)  # fmt: skip
    write(client, b, text=f"other {HOSTILE}", thinking_text="")
    for url in (
        f"{answers}/{a}", f"{answers}/{a}?text=markdown", f"{answers}/{a}/diff/{b}",
        f"{answers}/{b}/diff/{a}",
    ):  # fmt: skip
        for headers in ({}, HTMX):
            tags = Tags(client.get(url, headers=headers).text.partition("<main")[2] or
                        client.get(url, headers=headers).text)  # fmt: skip
            assert tags.found.isdisjoint({"script", "img", "iframe", "style"}), url
            assert not [n for n in tags.attributes if n == "style" or n.startswith("on")], url
            assert all(u.startswith(("/", "?", "#")) and u[:2] != "//" for u in tags.addresses), url
