"""Importing prompts over HTTP: pages, API and command; what is odd is refused with a sentence."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from app.__main__ import main
from app.prompts import library
from app.settings import Settings
from tests.conftest import BASE_URL

CSV = "Frage,Antwort,topic\nWarum?,darum,words\nWie?,so,words\nWer?,\n"
AS_IS = {"format": "csv", "header": "", "tags": "", "source": "", "separator": "", "answerable": ""}


def columns(**fields: str) -> dict[str, Any]:
    return {**AS_IS, "column": list(fields), "field": list(fields.values())}


def upload(client: TestClient, content: str | bytes, name: str = "x.csv") -> str:
    """The address of the page that says what it would do."""
    response = client.post(
        "/library/import", files={"file": (name, content)}, follow_redirects=False
    )
    assert response.status_code == 303, response.text
    return str(response.headers["location"])


def texts(client: TestClient) -> list[str]:
    services = client.app.state.services  # type: ignore[attr-defined]
    with services.database.read() as session:
        return [prompt.text for prompt in library(session)]


def said(html: str) -> str:
    """The words of the page."""
    main = html[html.index("<main") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", main))


def test_upload_is_mapped_checked_and_imported(client: TestClient, settings: Settings) -> None:
    assert 'href="/library/import"' in client.get("/library").text
    before = texts(client)
    page = upload(client, CSV)
    assert "Say which column holds the prompts." in said(client.get(page).text)

    mapping = columns(Frage="text", Antwort="references", topic="tags")
    checked = client.post(page, data={**mapping, "action": "check", "tags": "mine"})
    assert "2 new 1 cannot be imported" in said(checked.text)
    assert "line 4 2 cells where the first line has 3" in said(checked.text)
    assert "Warum? reference: darum words mine" in said(checked.text)
    assert texts(client) == before

    bad = client.get(page + "/bad.csv")
    assert bad.headers["content-disposition"] == 'attachment; filename="rows-not-imported.csv"'
    assert bad.text.startswith("\ufeffimport_line,import_problem,Frage,Antwort,topic,import_raw")

    done = client.post(page, data={**mapping, "action": "import", "tags": "mine"})
    assert "Imported x.csv 2 new 1 not imported" in said(done.text)
    assert texts(client) == ["Warum?", "Wie?", *before]
    assert client.post(page, data={**mapping, "action": "import"}).text == done.text
    assert texts(client) == ["Warum?", "Wie?", *before]
    [folder] = settings.uploads.iterdir()
    assert not (folder / "file").exists()
    assert client.get(page + "/bad.csv").text == bad.text

    undone = client.post(page, data={"action": "undo"})
    assert "The 2 new prompts are archived" in said(undone.text)
    assert texts(client) == before


def test_what_was_changed_but_not_checked_is_shown_first(client: TestClient) -> None:
    page = upload(client, "question,answer\nWhy?,because\n")
    changed = columns(question="text", answer="constraint")
    first = client.post(page, data={**changed, "action": "import"})
    assert "You changed how it is read." in first.text
    assert "constraint: because" in said(first.text)
    assert "Why?" not in texts(client)
    assert "Imported" in client.post(page, data={**changed, "action": "import"}).text
    assert "Why?" in texts(client)


def test_what_was_imported_is_composed_at_once(client: TestClient) -> None:
    rows = "".join(f"Why {n}?,because\n" for n in range(60))
    data = columns(question="text", answer="references") | {"action": "import"}
    page = upload(client, "question,answer\n" + rows[: rows.index("Why 30?")])
    client.post(page, data=data)
    page = upload(client, "question,answer\n" + rows + "Why 3?,because\n,nothing\n")
    ask = f"/compose?imported={page.rpartition('/')[2]}"
    assert "60 chosen" not in said(client.get(ask).text)  # nothing is imported yet
    done = client.post(page, data=data)
    assert f'href="{ask}">Compose a grid of them</a>' in done.text
    composed = said(client.get(ask).text)
    assert "60 chosen" in composed
    assert "60 prompts × " in composed
    undone = client.post(page, data={"action": "undo"})
    assert "Compose a grid" not in undone.text
    assert client.get("/compose?imported=gone").status_code == 404


def test_form_sent_twice_imports_once_and_can_be_taken_back(client: TestClient) -> None:
    before = texts(client)
    rows = "".join(f"Why {n}?,because\n" for n in range(200))
    page = upload(client, "question,answer\n" + rows)
    data = columns(question="text", answer="references") | {"action": "import"}
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: client.post(page, data=data), range(3)))
    assert ["Imported x.csv 200 new" in said(one.text) for one in done] == [True] * 3
    assert len(texts(client)) == len(before) + 200
    undone = client.post(page, data={"action": "undo"})
    assert "The 200 new prompts are archived" in said(undone.text)
    assert texts(client) == before


def test_file_that_is_sent_twice_at_once_is_imported_once(client: TestClient) -> None:
    before = texts(client)
    content = "question,answer\n" + "".join(f"Why {n}?,because\n" for n in range(200))
    pages = [upload(client, content) for _ in range(3)]
    data = columns(question="text", answer="references") | {"action": "import"}
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda page: said(client.post(page, data=data).text), pages))
    assert sorted("Imported" in one for one in done) == [False, False, True]
    assert sum("The library has changed since" in one for one in done) == 2
    assert len(texts(client)) == len(before) + 200


def test_library_that_changed_is_held_against_the_file_again(client: TestClient) -> None:
    page = upload(client, "question,answer\nWhy?,because\n")
    client.post("/library/prompts/new", data={"text": "Why?", "answerable": "unknown"})
    mapping = columns(question="text", answer="references")
    again = client.post(page, data={**mapping, "action": "import"})
    assert "The library has changed since this was checked." in again.text
    assert "1 changed: a new version" in said(again.text)
    assert "reference answers was: empty" in said(again.text)
    assert "Imported" in client.post(page, data={**mapping, "action": "import"}).text
    assert "version 2" in said(client.get("/library").text)


def test_pasted_text_is_taken_and_kept_where_it_cannot_be_read(client: TestClient) -> None:
    pasted = client.post("/library/import", data={"text": "problem\tanswer\r\nWhy?\tbecause\r\n"})
    assert "TSV (tabs), UTF-8" in said(pasted.text)
    assert "Why? reference: because" in said(pasted.text)
    lines = client.post("/library/import", data={"text": "Why?\r\nHow, so?\r\n"})
    assert "one prompt per line" in said(lines.text)
    for text, more, sentence in (
        ("", {}, "Choose a file, or paste."),
        ("<b>\u2028", {"format": "yaml"}, "There is no format “yaml”."),
        ("a,b", {"format": "csv"}, "There is no row in it under the names of columns."),
    ):
        response = client.post("/library/import", data={"text": text, **more})
        assert response.status_code == 422
        assert sentence in said(response.text)
        assert text.replace("<b>", "&lt;b&gt;") in response.text
    both = client.post("/library/import", data={"text": "x"}, files={"file": ("x.csv", "y")})
    assert "Choose a file or paste text, not both." in said(both.text)


def test_odd_bytes_are_shown_and_break_nothing(client: TestClient) -> None:
    rows = "question\nZürich\n<script>\n=1+1\n".encode() + b"a\x00b\n\xffc\n"
    page = client.get(upload(client, rows, "<i>\0\u202e.csv")).text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page[page.index("<main") :]
    assert "contains a NUL character; remove it a␀b" in said(page)
    assert "contains what is no text, “\\xffc”" in said(page)
    content = json.dumps([{"text": "a\ud800"}, {"text": "b"}]).encode()
    assert "“a\\ud800”" in said(client.get(upload(client, content, "x.json")).text)


@pytest.mark.parametrize("path", ["/library/import", "/api/prompts/import"])
def test_files_may_be_larger_than_other_bodies_but_not_too_large(
    client: TestClient, settings: Settings, path: str
) -> None:
    large = (b"Why?" * 500 + b"\n") * (settings.max_body_bytes // 1500)
    middleware = client.app.middleware_stack  # type: ignore[attr-defined]
    while not hasattr(middleware, "uploading"):
        middleware = middleware.app
    too_large = "The file is too large. Import it in parts, or raise BLUFFCHECK_MAX_UPLOAD_BYTES."

    def send(chunked: bool) -> Any:
        if path.startswith("/api"):
            body = iter([large[:1000], large[1000:]]) if chunked else large
            return client.post(path, content=body)
        return client.post(path, files={"file": ("x.txt", large)})

    assert send(chunked=False).status_code == 200
    middleware.max_upload_bytes = middleware.uploading.max_body_size = len(large) - 1
    for chunked in (False, True):
        refused = send(chunked)
        assert refused.status_code == 413
        assert too_large in refused.text
    assert client.post("/library/import", data={"text": "x" * settings.max_body_bytes}).status_code
    assert client.post("/library/wordings/new", content=large).status_code == 413


def test_pasted_text_that_is_too_long_says_what_to_do(client: TestClient) -> None:
    text = {"text": (None, "x" * 2_000_001)}
    response = client.post("/library/import", files=text)
    assert response.status_code == 413
    assert "Save it as a file and choose that." in said(response.text)


def test_data_folder_that_takes_no_file_is_said(client: TestClient, settings: Settings) -> None:
    settings.uploads.write_text("in the way")
    page = client.post("/library/import", data={"text": "Why?"})
    assert (page.status_code, "Why?" in page.text) == (503, True)
    api = client.post("/api/prompts/import", content=b"Why?")
    for answer in (said(page.text), api.json()["detail"]):
        assert "The file cannot be kept while it is looked at:" in answer
        assert "BLUFFCHECK_DATA_DIR" in answer


def test_other_sites_and_lost_uploads_are_refused(client: TestClient, settings: Settings) -> None:
    for path in ("/library/import", "/api/prompts/import?dry_run=false"):
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
            assert client.post(path, content=b"Why?\n", headers=headers).status_code == 403
    assert "Why?" not in texts(client)
    page = upload(client, "text\nWhy?\n")
    for path in ("/library/import/" + "x" * 22, "/library/import/..%2f..", f"{page}x"):
        assert client.get(path).status_code == 404
        assert "Choose the file again" in client.get("/library/import/" + "x" * 22).text
    assert client.post(page, data={"action": "cancel"}).url == f"{BASE_URL}/library/import"
    assert client.get(page).status_code == 404
    assert list(settings.uploads.iterdir()) == []


def test_api_looks_first_and_imports_when_asked(client: TestClient, settings: Settings) -> None:
    url = "/api/prompts/import"
    body = b"question,answer\nWhy?,because\nHow?,so\n"
    report = client.post(url, content=body).json()
    assert (report["dry_run"], report["format"], report["encoding"]) == (True, "csv", "UTF-8")
    assert report["columns"] == {"question": "text", "answer": "references"}
    assert (report["counts"]["new"], report["first"][0]["prompt"]["text"]) == (2, "Why?")
    assert "Why?" not in texts(client)

    report = client.post(f"{url}?dry_run=false&tags=mine", content=body).json()
    assert (report["dry_run"], report["counts"]["new"]) == (False, 2)
    assert texts(client)[:2] == ["Why?", "How?"]
    assert client.post(f"{url}?tags=mine", content=body).json()["counts"]["same"] == 2

    mapped = client.post(f"{url}?column=question:text&column=answer:constraint", content=body)
    assert mapped.json()["counts"]["changed"] == 2
    assert list(settings.uploads.iterdir()) == []


def test_api_imports_nothing_where_a_row_is_bad_unless_told_to(client: TestClient) -> None:
    url = "/api/prompts/import?dry_run=false"
    body = b'{"text": "Why?"}\n{"text": ""}\n'
    refused = client.post(url, content=body)
    assert (refused.status_code, refused.json()["detail"]) == (
        422,
        "1 row cannot be imported, so nothing was: line 2: prompt: a prompt needs a text. To import"
        " the others, give skip_bad=true.",
    )
    assert "Why?" not in texts(client)
    report = client.post(f"{url}&skip_bad=true", content=body).json()
    assert [(p["line"], p["problem"]) for p in report["problems"]] == [
        (2, "prompt: a prompt needs a text")
    ]
    assert "Why?" in texts(client)
    for query, sentence in (
        ("column=text", "column is name:field"),
        ("column=other:text", "Give all columns or none; it has text."),
        ("column=text:colour", "There is no field “colour”."),
        ("format=yaml", "There is no format “yaml”."),
        ("answerable=perhaps", "answerable"),
    ):
        response = client.post(f"{url}&{query}", content=b'{"text": "Why?"}\n')
        assert response.status_code == 422
        assert sentence in response.json()["detail"]
    assert client.post(url, content=b"").json()["detail"] == "The file is empty."


def test_library_is_exported_and_comes_back_the_same(client: TestClient) -> None:
    data = {"text": "=1+1\n'x", "references": "a\n=b", "tags": "x, 'y", "answerable": "no"}
    client.post("/library/prompts/new", data=data)
    for name, kind in (("export.csv", "text/csv"), ("export.jsonl", "application/jsonl")):
        exported = client.get(f"/library/{name}")
        assert exported.headers["content-type"] == f"{kind}; charset=utf-8"
        page = upload(client, exported.content, name)
        assert "0 new 8 in the library already There is nothing to import" in said(
            client.get(page).text
        )
        nothing = client.post(page, data={"action": "check", **columns(key="key"), "format": "csv"})
        assert nothing.status_code in (200, 422)
        assert client.get(f"/library/{name}").content == exported.content


def test_command_does_the_same(
    client: TestClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLUFFCHECK_DATABASE_URL", settings.url)
    file, bad = tmp_path / "fragen.csv", tmp_path / "bad.csv"
    file.write_text("Frage,answer\nWarum?,darum\n,x\n")

    def run(*options: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["import-prompts", str(file), *options])
        return done.exit_code, done.output

    assert run() == (
        1, "Error: Say which column holds the prompts. Name it with --column NAME:text.\n"
    )  # fmt: skip
    named = ("--column", "Frage:text", "--tag", "mine")
    code, output = run(*named, "--dry-run")
    assert (code, "Nothing was changed: this was a dry run." in output) == (0, True)
    assert "columns: Frage → prompt, answer → reference answers" in output
    assert "line 3: prompt: a prompt needs a text" in output
    assert run(*named)[0] == 1
    assert "Warum?" not in texts(client)
    code, output = run(*named, "--bad-rows", str(bad))
    assert (code, "        1 new\n" in output, "Imported into" in output) == (0, True, True)
    assert "Warum?" in texts(client)
    assert "3,prompt: a prompt needs a text,,x," in bad.read_text("utf-8-sig")
    assert "“Wo:text” is not NAME:FIELD" in run("--column", "Wo:text")[1]


def test_command_without_a_database_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.txt"
    file.write_text("Why?")
    done = CliRunner().invoke(main, ["import-prompts", str(file), "--data-dir", str(tmp_path)])
    assert done.exit_code == 1
    assert "Start the server on it once." in done.output
    assert list(tmp_path.iterdir()) == [file]
