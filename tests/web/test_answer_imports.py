"""Importing answers over HTTP: page, API and command; imported grids beside others."""

import io
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from click.testing import CliRunner
from fastapi.testclient import TestClient

from app.__main__ import main
from app.settings import Settings
from tests.factories import run_grid
from tests.web.test_imports import said

CSV = """\
prompt,model,answer,grade,who,effort
Why?,acme/one,because,good,<b>Ada,off
Why?,acme/one,dunno,meh,Bob,off
How?,acme/one,so,good,Bob,loud
"""
MEANINGS = {"value": ["good", "meh"], "meaning": ["correct", "abstained"]}
COLUMNS = {
    "column": ["prompt", "model", "answer", "grade", "who", "effort"],
    "field": ["prompt", "model", "text", "label", "", "thinking"],
}
PASTED = {"prompt": 1, "variant": 1, "product": "x", "answers": ["y"]}
AS_IS = {"format": "", "header": "", "title": "", "model": "", "reviewer": ""}


def upload(client: TestClient, content: str | bytes, name: str = "evals.csv") -> str:
    response = client.post("/grids/import", files={"file": (name, content)}, follow_redirects=False)
    assert response.status_code == 303, response.text
    return str(response.headers["location"])


def test_upload_is_explained_checked_imported_and_known_again(
    client: TestClient, settings: Settings
) -> None:
    assert 'href="/grids/import"' in client.get("/").text
    page = upload(client, CSV)
    first = client.get(page).text
    assert "1 grid 1 prompt 1 column 2 answers" in said(first)
    assert "1 cannot be imported" in said(first)
    assert "line 4 thinking: “loud” is none of" in said(first)
    assert "what these 2 values of labels mean" in said(first)
    assert 'value="import"' not in first
    data = {**AS_IS, **COLUMNS, **MEANINGS}
    changed = client.post(page, data={**data, "action": "import"}).text
    assert "You changed how it is read." in changed
    assert "Import 2 answers, leave 1 line out" in said(changed)
    odd = client.post(page, data={**data, "meaning": ["correct", "fine"], "action": "check"})
    assert "A label cannot mean “fine”." in odd.text
    client.post(page, data={**data, "action": "check"})
    done = client.post(page, data={**data, "action": "import"}).text
    assert "Imported evals.csv evals 2 answers 1 not imported" in said(done)
    [folder] = settings.uploads.iterdir()
    assert not (folder / "file").exists()
    grid = re.findall(r'href="/grids/([^"/]{11})"', done)[0]

    shown = client.get(f"/grids/{grid}").text
    assert "imported from a table (evals.csv) on" in said(shown)
    assert "/additions" not in shown
    assert "/reruns" not in shown
    assert f"/compose?like={grid}" in shown
    assert "imported" in said(client.get("/").text)
    assert client.get(f"/api/grids/{grid}").json()["imported"] is True

    again = client.get(upload(client, CSV)).text  # before its labels are explained: another hash
    assert "open it" not in again
    page = upload(client, CSV)
    known = client.post(page, data={**data, "action": "check"}).text
    assert f'It is here already: <a href="/grids/{grid}">open it</a>' in known
    assert 'value="import"' not in known
    copy = client.post(page, data={**data, "action": "check", "again": "1"}).text
    assert "Import 2 answers" in said(copy)
    assert "Import answers and labels" in said(client.post(page, data={"action": "cancel"}).text)
    assert client.get(page).status_code == 404


MANY = "prompt,model,answer\n" + "".join(f"Why {n}?,acme/one,because\n" for n in range(300))


def test_form_sent_twice_imports_once_and_shows_the_same(client: TestClient) -> None:
    page = upload(client, MANY)
    columns = {"column": ["prompt", "model", "answer"], "field": ["prompt", "model", "text"]}
    data = {**AS_IS, **columns, "action": "import"}
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: client.post(page, data=data), range(3)))
    assert ["Imported evals.csv evals 300 answers" in said(one.text) for one in done] == [True] * 3
    assert len(client.get("/api/grids").json()["items"]) == 1
    assert "Imported evals.csv" in said(client.get(page).text)
    client.post(page, data={"action": "cancel"})
    assert client.post(page, data=data).status_code == 404


def test_file_that_is_sent_twice_at_once_is_imported_once(client: TestClient) -> None:
    asked = {"name": "evals.csv", "dry_run": "false"}

    def post(_: int) -> int:
        return client.post("/api/grids/import", params=asked, content=MANY).status_code

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(post, range(3))) == [200, 409, 409]
    assert len(client.get("/api/grids").json()["items"]) == 1


def test_imported_grid_behaves_like_others_and_is_never_called(client: TestClient) -> None:
    run = run_grid(client, models=["practice/honest"])
    jsonl = client.get(f"/grids/{run}/export.jsonl").content
    asked = {"name": "x.jsonl", "dry_run": "false"}
    here = client.post("/api/grids/import", params=asked, content=jsonl)
    assert (here.status_code, here.json()["title"]) == (409, "Not possible right now")
    assert client.post("/api/grids/import", content=jsonl).json()["grids"][0]["here"] == run
    report = client.post("/api/grids/import", params={**asked, "again": "1"}, content=jsonl).json()
    [imported] = report["imported"]
    grid = imported["id"]
    assert imported["new"]
    assert grid != run

    client.post("/reviewer", data={"name": "Ada"})
    answer = client.get(f"/api/grids/{grid}/answers").json()["items"][0]
    said = {"label": "correct", "reviewer": "Ada"}
    labelled = client.put(f"/api/answers/{answer['id']}/label", json=said)
    assert labelled.status_code == 200, labelled.text
    ends = ["/results", "/review", "/conflicts", "/shares", "/export"]
    ends += ["/export.md", "/export.html", "/export.csv"]
    for end in ("", *ends, f"/answers/{answer['id']}", "?label=correct"):
        response = client.get(f"/grids/{grid}{end}")
        assert response.status_code == 200, end
        assert f"/grids/{grid}/reruns" not in response.text, end
    assert "Imported from a Bluffcheck export" in client.get(f"/grids/{grid}/export.md").text
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"/grids/{grid}/export.zip").content))
    assert "imported from a Bluffcheck export" in archive.read("README.txt").decode()
    shared = client.post(f"/grids/{grid}/shares", data={}, follow_redirects=True).text
    address = re.findall(r"/s/[\w-]+", shared)[0]
    assert "imported: asked elsewhere" in client.get(address).text

    calls = client.get(f"/api/grids/{grid}").json()["calls"]
    refused = [
        client.post(f"/api/grids/{grid}/reruns", json={"failed": False, "labelled": True}),
        client.post(f"/api/grids/{grid}/additions", json={"repeats": 3}),
        client.post(f"/grids/{grid}/reruns", data={"all": "1"}),
        client.post(f"/api/grids/{grid}/pasted", json=PASTED),
        client.get(f"/grids/{grid}/reruns"),
    ]
    assert [r.status_code for r in refused] == [409] * len(refused)
    assert "/compose?like=" in refused[0].json()["detail"]
    assert client.get(f"/api/grids/{grid}").json()["calls"] == calls == 0
    assert "How many Ds are in DEEPSEEK?" in client.get(f"/compose?like={grid}").text


def test_filter_finds_what_reviewers_out_of_a_file_labelled(client: TestClient) -> None:
    run = run_grid(client, models=["practice/honest"])
    answer = client.get(f"/api/grids/{run}/answers").json()["items"][0]["id"]
    said = {"label": "correct", "reviewer": "Zoë"}
    assert client.put(f"/api/answers/{answer}/label", json=said).status_code == 200
    jsonl = client.get(f"/grids/{run}/export.jsonl").content
    asked = {"name": "x.jsonl", "dry_run": "false", "again": "1"}
    report = client.post("/api/grids/import", params=asked, content=jsonl).json()
    grid = report["imported"][0]["id"]
    [link] = re.findall(r'href="(\?by=[^"]+)"', client.get(f"/grids/{grid}").text)
    assert link == "?by=Zo%C3%AB"
    for public_id in (run, grid):
        assert 'id="a-' in client.get(f"/grids/{public_id}{link}").text, public_id
    assert 'id="a-' not in client.get(f"/grids/{grid}?by=Nobody").text
    # Somebody here of the same name labels the same answer: that is one answer still.
    answer = client.get(f"/api/grids/{grid}/answers").json()["items"][0]["id"]
    assert client.put(f"/api/answers/{answer}/label", json=said).status_code == 200
    page = client.get(f"/grids/{grid}{link}").text
    assert 'Labelled in the whole grid: 1"' in page
    assert re.findall(r'id="n-all">(\d+)<', page) == ["1"]


def test_models_that_are_not_here_are_shown_by_their_names(client: TestClient) -> None:
    rows = "prompt,model,answer,wording\nWhy?,no such:model,x,terse\nWhy?,acme/one,y,terse\n"
    asked = {"name": "x.csv", "dry_run": "false"}
    report = client.post("/api/grids/import", params=asked, content=rows).json()
    grid = report["imported"][0]["id"]
    assert client.get(f"/grids/{grid}/results").status_code == 200
    for end in ("", "/probe.toml", "/export.md"):
        response = client.get(f"/grids/{grid}{end}")
        assert response.status_code == 200, end
        assert "no such:model" in response.text, end
    assert client.get(f"/compose?like={grid}").status_code == 200


def test_odd_requests_are_refused_with_a_sentence(shared_client: TestClient) -> None:
    for content, params, why in (
        (b"", {}, "The file is empty."),
        (b"a,b\n1,2\n", {}, ""),
        (CSV.encode(), {"dry_run": "false"}, "Say what each value of a label means"),
        (CSV.encode(), {"meaning": "good"}, "meaning is value:meaning, such as A:correct"),
        (CSV.encode(), {"meaning": ["good:correct", "meh:none"], "dry_run": "false"},
         "1 line cannot be imported, so nothing was: line 4"),
        (b"x", {"format": "word"}, "There is no format “word”."),
    ):  # fmt: skip
        response = shared_client.post("/api/grids/import", params=params, content=content)
        if why:
            assert (response.status_code, why in response.json()["detail"]) == (422, True), why
        else:
            assert "which column holds the prompts" in response.json()["problem"]
    empty = shared_client.post("/grids/import", data={"text": " "})
    assert (empty.status_code, "Choose a file, or paste." in empty.text) == (422, True)
    kept = shared_client.post("/grids/import", data={"text": "x,y", "format": "word"})
    assert "x,y</textarea>" in kept.text
    assert shared_client.get("/grids/import/nonesuch").status_code == 404
    other = shared_client.post(
        "/library/import", files={"file": ("x.csv", "question\nWhy?\n")}, follow_redirects=False
    )
    token = other.headers["location"].rpartition("/")[2]
    assert shared_client.get(f"/grids/import/{token}").status_code == 404


def test_command_imports_answers(client: TestClient, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "evals.csv"
    file.write_text(CSV)
    environ = {"BLUFFCHECK_DATABASE_URL": settings.database_url}
    told = ["import-answers", str(file), "--data-dir", str(tmp_path), "--label", "good:correct"]

    def run(*more: str) -> tuple[int, str]:
        result = CliRunner(env=environ).invoke(main, [*told, *more])
        return result.exit_code, result.output

    code, output = run("--dry-run")
    assert code == 0
    assert "label “meh” (once, first in line 3): not known: say it with --label" in output
    assert "Nothing was changed" in output
    code, output = run()
    assert (code, "Say what each value of a label means" in output) == (1, True)
    code, output = run("--label", "meh:abstained", "--skip-bad", "--title", "From a terminal")
    assert code == 0, output
    assert "“From a terminal” imported as /grids/" in output
    code, output = run("--label", "meh:abstained", "--skip-bad", "--title", "From a terminal")
    assert (code, "is here already: /grids/" in output) == (1, True)
    assert run("--column", "nothing:text")[0] == 1
    titles = [grid["title"] for grid in client.get("/api/grids").json()["items"]]
    assert titles == ["From a terminal"]
