"""The library where it is large: found by words and tags, a page at a time, and chosen from."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from app.prompts import PromptInput, archive, prompt_versions, save_prompt
from app.tables import Prompt, now
from tests.factories import run_grid

HTMX = {"HX-Request": "true"}
FORM = {
    "prompt_text": "", "model": "practice/honest", "wording": "allowed", "thinking": "off",
    "repeats": "1",
}  # fmt: skip


@pytest.fixture
def filled(client: TestClient) -> TestClient:
    """A library of 250 numbered questions beside the seven that are shipped."""
    services = client.app.state.services  # type: ignore[attr-defined]
    at = now()
    with services.database.write() as session:
        for n in range(250):
            tags = ["simpleqa", "Art" if n % 5 == 0 else "Müsik"]
            given = PromptInput(text=f"Question {n}?", references=[f"Réponse {n}"], tags=tags)
            session.add(Prompt(key=f"q-{n}", created_at=at, **given.model_dump()))
        session.commit()
    return client


def texts(html: str) -> list[str]:
    """The prompts of the list, as they are named."""
    listed = html.partition('<ul class="plain library">')[2].partition("</ul>")[0]
    return re.findall(r'href="/library/prompts/[^"]+">([^<]+)</a>', listed)


def ticks(html: str) -> dict[str, bool]:
    """The prompts that are offered, and whether they are ticked."""
    found = re.findall(r'name="library" value="([^" ]+)" (checked)?', html)
    return {key: bool(checked) for key, checked in found}


def carried(html: str) -> list[str]:
    found = re.search(r'type="hidden" name="library" value="([^"]+)"', html)
    return found[1].split(" ") if found else []


def chosen(html: str) -> set[str]:
    return {key for key, ticked in ticks(html).items() if ticked} | set(carried(html))


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_library_is_shown_a_hundred_at_a_time(filled: TestClient) -> None:
    first = filled.get("/library").text
    assert "1–100 of 257" in first
    assert "Previous" not in first
    assert 'rel="next" href="/library?page=2"' in first
    last = filled.get("/library?page=3").text
    assert "201–257 of 257" in last
    assert "Next →" not in last
    pages = [texts(filled.get(f"/library?page={n}").text) for n in (1, 2, 3)]
    assert [len(one) for one in pages] == [100, 100, 57]
    assert len({text for one in pages for text in one}) == 257
    assert texts(filled.get("/library?page=99").text) == pages[2]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=question+24%3F", ["Question 24?"]),
        ("q=RÉPONSE+249", ["Question 249?"]),
        ("q=%25", []),
        ("q=_", []),
        ("q=%5C", []),
        ("q=a%00b", []),
        ("q=', '", []),
        ("q=question+24&tag=Art", ["Question 240?", "Question 245?"]),
        ("q=question+24&tag=nothing", []),
        ("q=question+11&tag=Müsik",
         [f"Question {n}?" for n in (11, 111, 112, 113, 114, 116, 117, 118, 119)]),
    ],
)  # fmt: skip
def test_prompts_are_found_by_words_and_tag(
    filled: TestClient, query: str, found: list[str]
) -> None:
    page = filled.get(f"/library?{query}").text
    assert sorted(texts(page)) == sorted(found)
    assert f"{len(found)} prompt" in plain(page)
    assert ("Nothing was found." in page) is (not found)


def test_tags_tell_how_many_match(filled: TestClient) -> None:
    page = plain(filled.get("/library?q=question&tag=Art").text)
    assert "All simpleqa 250 Müsik 200 Art 50" in page
    assert "50 prompts with “question” and the tag “Art”" in page


def test_search_is_in_every_link_and_scripts_get_the_list_alone(filled: TestClient) -> None:
    address = "/library?q=question&amp;tag=M%C3%BCsik&amp;page=2"
    page = filled.get("/library?q=question&tag=Müsik").text
    assert f'href="{address}" hx-get="{address}"' in page
    alone = filled.get("/library?q=question&tag=Müsik", headers=HTMX).text
    assert "<html" not in alone
    assert texts(alone) == texts(page)


def test_newest_version_is_found_and_not_what_it_said_before(client: TestClient) -> None:
    services = client.app.state.services  # type: ignore[attr-defined]
    with services.database.write() as session:
        for text in ("Whence?", "Whither?", "Wherefore?"):
            save_prompt(session, PromptInput(text=text), "deepseek-ds")
        session.commit()
    assert texts(client.get("/library?q=whence").text) == []
    assert texts(client.get("/library?q=wherefore").text) == ["Wherefore?"]
    assert "7 prompts" in plain(client.get("/library").text)


def test_archived_prompts_are_reached_and_restored(client: TestClient) -> None:
    assert "archived=1" not in client.get("/library").text
    assert "No prompt is archived." in client.get("/library?archived=1").text
    client.post("/library/prompts/spell-ls", data={"action": "archive"})
    page = client.get("/library").text
    assert '<a href="/library?archived=1">Archived <span class="n">1</span></a>' in page
    assert not any("SPELL" in text for text in texts(page))
    [text] = texts(client.get("/library?archived=1&q=spell").text)
    assert "SPELL" in text
    client.post("/library/prompts/spell-ls", data={"action": "restore"})
    assert "archived=1" not in client.get("/library").text


def test_archived_wordings_are_reached_and_restored(client: TestClient) -> None:
    link = '<a href="/library/wordings/forced">'
    assert "Archived" not in client.get("/library").text
    client.post("/library/wordings/forced", data={"action": "archive"})
    page = client.get("/library").text
    assert link not in page.partition("Archived")[0]
    assert link in page.partition("Archived")[2]
    client.post("/library/wordings/forced", data={"action": "restore"})
    page = client.get("/library").text
    assert link in page
    assert "Archived" not in page


def test_new_prompt_is_listed_also_where_another_once_said_the_same(client: TestClient) -> None:
    before, after = {"text": "Whence?"}, {"text": "Whither?"}
    client.post("/library/prompts/deepseek-ds", data={**before, "answerable": "unknown"})
    client.post("/library/prompts/deepseek-ds", data={**after, "answerable": "unknown"})
    for _ in range(2):
        client.post("/library/prompts/new", data={**before, "answerable": "unknown"})
    assert texts(client.get("/library?q=whence").text) == ["Whence?"]
    client.post("/library/prompts/deepseek-ds", data={"action": "archive"})
    client.post("/library/prompts/new", data={**after, "answerable": "unknown"})
    assert texts(client.get("/library?q=whither").text) == ["Whither?"]


def test_what_somebody_else_saved_meanwhile_is_not_written_over(client: TestClient) -> None:
    for url, field in (("prompts/deepseek-ds", "text"), ("wordings/forced", "opt_out")):
        fields = {"title": "forced", "answerable": "unknown", "version": "1"}
        mine = fields | {field: "What I want."}
        client.post(f"/library/{url}", data=fields | {field: "What they want."})
        page = client.post(f"/library/{url}", data=mine)
        assert page.status_code == 409
        assert "Version 2 was saved since this page was opened." in page.text
        assert "What I want.</textarea>" in page.text
        assert "What they want." in page.text
        assert 'name="version" value="2"' in page.text
        for _ in range(2):  # a form that is sent twice is saved once
            saved = client.post(f"/library/{url}", data=mine | {"version": "2"})
            assert saved.url.path == "/library"
        assert 'name="version" value="3"' in client.get(f"/library/{url}").text


def test_new_wording_that_is_sent_twice_is_saved_once(client: TestClient) -> None:
    fields = {"title": "Strict", "opt_out": "Be strict."}
    for _ in range(2):
        assert client.post("/library/wordings/new", data=fields).url.path == "/library"
    other = client.post("/library/wordings/new", data=fields | {"opt_out": "Be lenient."})
    assert other.status_code == 422
    assert "There is already a wording called “Strict”." in other.text
    assert "Save as version 2" in client.get("/library/wordings/strict").text


def test_reference_of_several_lines_stays_one(client: TestClient) -> None:
    references = ["one\ntwo", "a\u2028b", "x, y; z"]
    services = client.app.state.services  # type: ignore[attr-defined]
    with services.database.write() as session:
        save_prompt(session, PromptInput(text="Which?", references=references), "spell-ls")
        session.commit()
    typed = {"text": "Which?", "answerable": "unknown", "references": "\r\n".join(references)}
    url = "/library/prompts/spell-ls"
    client.post(url, data={**typed, "version": "2"})
    assert "Save as version 3" in client.get(url).text  # nothing was changed
    client.post(url, data={**typed, "references": "new\r\none\r\ntwo"})
    with services.database.read() as session:
        assert prompt_versions(session, "spell-ls")[0].references == ["new", "one\ntwo"]


def test_empty_library_says_how_to_fill_it(client: TestClient) -> None:
    services = client.app.state.services  # type: ignore[attr-defined]
    with services.database.write() as session:
        for prompt in session.exec(select(Prompt)):
            archive(prompt)
        session.commit()
    assert "No prompts yet." in client.get("/library").text
    assert 'href="/library/import"' in client.get("/compose").text


def compose(client: TestClient, url: str = "/compose", **fields: Any) -> str:
    response = client.post(url, data={**FORM, **fields})
    assert response.status_code == 200, response.text
    return response.text


def test_choice_shows_the_first_and_says_how_many_more(filled: TestClient) -> None:
    page = filled.get("/compose").text
    assert len(ticks(page)) == 50
    assert "207 more: search to narrow." in page
    linked = filled.get("/compose?find=question&find_tag=Art").text
    assert len(ticks(linked)) == 50
    assert "50 prompts with “question” and the tag “Art” Add all 50" in plain(linked)
    assert chosen(linked) == set()


def test_what_is_chosen_stays_while_one_searches(filled: TestClient) -> None:
    wanted = {"q-3", "q-7", "kalai-birthday"}
    for url in ("/compose", "/compose/library"):
        page = compose(filled, url, library=sorted(wanted), find="question 9", action="find")
        assert chosen(page) == wanted
        assert carried(page) == ["q-3", "q-7", "kalai-birthday"]  # as in the library
        assert [key for key, ticked in ticks(page).items() if not ticked] == [
            "q-9", *(f"q-{n}" for n in range(90, 100))
        ]  # fmt: skip
    again = compose(filled, library=[" ".join(wanted), "q-9"], find="birthday")
    assert ticks(again)["kalai-birthday"]
    assert chosen(again) == wanted | {"q-9"}


def test_all_that_match_are_added_and_taken_away(filled: TestClient) -> None:
    added = compose(
        filled, "/compose/library", library="q-0", find_tag="simpleqa", action="add-found"
    )
    assert "249 prompts added. 250 chosen." in added
    assert len(chosen(added)) == 250
    assert len(carried(added)) == 200
    assert "200 more: search to narrow." in added
    narrowed = compose(
        filled,
        library=[" ".join(carried(added)), *ticks(added)],
        find="question 24",
        action="drop-found",
    )
    assert "11 prompts taken away. 239 chosen." in narrowed
    assert len(chosen(narrowed)) == 239
    assert not chosen(narrowed) & {"q-24", *(f"q-{n}" for n in range(240, 250))}
    none = compose(filled, library=" ".join(chosen(narrowed)), action="drop-found")
    assert chosen(none) == set()


def test_preview_and_form_with_an_error_keep_the_choice(filled: TestClient) -> None:
    library = " ".join(f"q-{n}" for n in range(120))
    preview = compose(filled, "/compose/preview", library=[library, "q-200"])
    assert "<b>121</b> calls" in preview
    assert re.search(r'id="chosen-count"[^>]*>, 121 chosen', preview)
    wrong = filled.post(
        "/grids", data={**FORM, "library": [library], "repeats": "many", "find": "question 7"}
    )
    assert wrong.status_code == 422
    assert len(chosen(wrong.text)) == 120
    assert 'name="find" value="question 7"' in wrong.text
    costly = filled.post("/grids", data={**FORM, "library": [library], "max_calls": "100"})
    assert costly.status_code == 422
    started = filled.post("/grids", data={**FORM, "library": [library]}, follow_redirects=False)
    grid = filled.get("/api" + started.headers["location"]).json()
    assert [prompt["key"] for prompt in grid["prompts"]] == [f"q-{n}" for n in range(120)]


def test_question_that_was_typed_without_its_prompt_is_not_passed_over(
    filled: TestClient,
) -> None:
    fields = {**FORM, "library": "q-0", "prompt_question": "Who?"}
    page = filled.post("/grids", data=fields, follow_redirects=False)
    assert page.status_code == 422
    assert "a prompt needs a text" in plain(page.text)
    assert "Who?</textarea>" in page.text


def test_scripts_are_told_to_look_at_the_preview_again(filled: TestClient) -> None:
    data = {**FORM, "find_tag": "Art"}
    added = filled.post("/compose/library", data={**data, "action": "add-found"})
    assert added.headers["hx-trigger"] == '{"chosen": {"target": "#library-choices"}}'
    assert "hx-trigger" not in filled.post("/compose/library", data=data).headers


def test_more_than_a_grid_holds_is_not_added(
    filled: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.choosing.MAX_PROMPTS", 200)
    page = compose(filled, action="add-found")
    assert "None was added: a grid has at most 200 prompts." in page
    assert chosen(page) == set()
    assert "50 prompts added" in compose(filled, find_tag="Art", action="add-found")


def test_additions_leave_out_what_the_grid_has(filled: TestClient) -> None:
    grid_id = run_grid(filled, prompts=[{"key": f"q-{n}"} for n in range(60)])
    url = f"/grids/{grid_id}/additions"
    page = filled.get(url).text
    assert "q-0" not in ticks(page)  # those come last
    assert "Add the 197 that are not in the grid" in plain(page)
    added = compose(filled, f"{url}/library", find="question", action="add-found")
    assert chosen(added) == {f"q-{n}" for n in range(60, 250)}
    assert chosen(compose(filled, f"{url}/draft", find="question", action="add-found")) == chosen(
        added
    )
