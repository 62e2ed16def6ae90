"""Labels of a file into a grid that is here: page, API and command; and bad lines as a file."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from httpx2 import Response

from app.__main__ import main
from app.settings import Settings
from tests.factories import run_grid
from tests.team import Someone, team
from tests.web.test_answer_imports import AS_IS, COLUMNS, CSV, MEANINGS, upload
from tests.web.test_imports import said


def labels_file(client: TestClient | Someone, grid: str, who: str = "Cyd") -> str:
    """Two answers of it with a label each by this reviewer, and one that is not here."""
    ids = [item["id"] for item in client.get(f"/api/grids/{grid}/answers").json()["items"]]
    rows = [f"/grids/{grid}/answers/{id_},correct,{who},\n" for id_ in ids[:2]]
    rows.append(f"/grids/{grid}/answers/1{ids[0]},correct,B,=x\n")
    return "link,label,reviewer,note\n" + "".join(rows)


def form(client: TestClient, page: str) -> dict[str, str | list[str]]:
    """What the form on a page says."""
    text = client.get(page).text
    names = ("column", "value")
    told = {name: re.findall(rf'name="{name}" value="([^"]*)"', text) for name in names}
    chosen = {}
    for name in ("field", "meaning"):
        menus = re.findall(rf'<select [^>]*name="{name}">(.*?)</select>', text, re.DOTALL)
        chosen[name] = [
            (re.findall(r'value="([^"]*)" selected', menu) or [""])[0] for menu in menus
        ]
    return {**AS_IS, **told, **chosen}


def test_labels_are_added_to_a_grid(client: TestClient) -> None:
    grid = run_grid(client)
    file = labels_file(client, grid)
    page = upload(client, file, "labels.csv")
    first = client.get(page).text
    assert "Add these labels to Ds 2 new 0 the same, left as they are 1 cannot be added" in said(
        first
    )
    assert "Or make a grid of its own Not yet: Say which column holds the prompts." in said(first)
    assert "Nobody here is called Cyd yet" in said(first)
    assert re.search(r"line 4 there is no answer 1\d+ in this grid", said(first))
    assert 'value="import"' not in first
    bad = client.get(f"{page}/bad.csv", params={"into": grid})
    assert bad.headers["content-disposition"] == 'attachment; filename="lines-not-imported.csv"'
    head, line, end = bad.text.removeprefix("\ufeff").split("\r\n")
    assert head == "import_line,import_problem,link,label,reviewer,note,import_raw"
    assert line.startswith("4,there is no answer 1")
    assert line.endswith(",correct,B,'=x,")
    assert end == ""

    told = {**form(client, page), "action": f"add:{grid}"}
    changed = client.post(page, data={**told, "reviewer": "Eve"}).text
    assert "You changed how it is read." in changed
    client.post(page, data={**told, "action": "check"})
    done = client.post(page, data=told).text
    assert "Labels added labels.csv → Ds 2 new 1 not added" in said(done)
    assert f'href="/grids/{grid}"' in done
    assert client.get(f"{page}/bad.csv", params={"into": grid}).text == bad.text
    assert client.get(f"/api/grids/{grid}").json()["progress"]["labelled"] == 2

    again = client.get(upload(client, file)).text
    assert "0 new 2 the same" in said(again)
    assert f'value="add:{grid}"' not in again
    other = file.replace(",correct,", ",abstained,")
    page = upload(client, other)
    told = {**form(client, page), "action": f"overwrite:{grid}"}
    assert "line 2 Cyd says abstained in the file, and here correct" in said(client.get(page).text)
    done = client.post(page, data=told).text
    assert "0 new 2 overwritten 1 not added" in said(done)

    page = upload(client, file)
    told = {**form(client, page), "action": f"overwrite:{grid}"}
    id_ = client.get(f"/api/grids/{grid}/answers").json()["items"][0]["id"]
    client.put(f"/api/answers/{id_}/label", json={"label": "correct", "reviewer": "cyd"})
    stale = client.post(page, data=told).text
    assert "changed since this was checked. This is what it would do now." in said(stale)
    assert "1 differs from what is here 1 the same" in said(stale)
    odd = client.post(page, data={**told, "action": "add:nonesuch"})
    assert (odd.status_code, "No label in it says" in odd.text) == (422, True)


def test_bad_lines_of_answers_can_be_put_right(client: TestClient) -> None:
    page = upload(client, CSV.replace(",so,", ",=so,"))
    data = {**AS_IS, **COLUMNS, **MEANINGS}
    shown = client.post(page, data={**data, "action": "check"}).text
    assert f"{page}/bad.csv" in shown
    bad = client.get(f"{page}/bad.csv").text
    assert bad == (
        "\ufeffimport_line,import_problem,prompt,model,answer,grade,who,effort,import_raw\r\n"
        "4,\"thinking: “loud” is none of default, off, on, minimal, low, medium, high, xhigh,"
        " max\",How?,acme/one,'=so,good,Bob,loud,\r\n"
    )  # fmt: skip
    done = client.post(page, data={**data, "action": "import"}).text
    assert f"{page}/bad.csv" in done
    assert client.get(f"{page}/bad.csv").text == bad
    report = client.post(
        "/api/grids/import",
        params={"meaning": "good:correct", "dry_run": "false"},
        content=bad.replace("loud,", "high,").encode(),
    ).json()
    grid = report["imported"][0]["id"]
    [answer] = client.get(f"/api/grids/{grid}/answers").json()["items"]
    assert answer["text"] == "=so"
    jsonl = client.get(upload(client, '{"kind":"grid","format":1,"title":"x"}\nodd\n', "x.jsonl"))
    odd = client.get(f"{jsonl.url}/bad.csv").text
    assert odd.splitlines()[1] == '2,"no valid JSON: cut off, or changed by hand",odd'


def test_api_adds_labels(client: TestClient) -> None:
    grid = run_grid(client)
    file = labels_file(client, grid).encode()
    url, into = "/api/grids/import", {"into": grid}
    look = client.post(url, content=file).json()
    assert look["labels_here"] == [
        {"id": grid, "url": f"/grids/{grid}", "title": "Ds", "new": 2, "changed": 0, "same": 0,
         "bad": 1, "refused": ""},
    ]  # fmt: skip
    look = client.post(url, params=into, content=file).json()
    assert (look["dry_run"], look["added"], [p["line"] for p in look["problems"]]) == (
        True, None, [4],
    )  # fmt: skip
    refused = client.post(url, params={**into, "dry_run": "false"}, content=file)
    assert (refused.status_code, "1 line cannot be imported" in refused.json()["detail"]) == (
        422, True,
    )  # fmt: skip
    does = {**into, "dry_run": "false", "skip_bad": "true"}
    assert client.post(url, params=does, content=file).json()["added"] == {
        "id": grid, "url": f"/grids/{grid}", "title": "Ds", "added": 2, "changed": 0, "same": 0,
        "left": 0, "bad": 1,
    }  # fmt: skip
    other = file.replace(b",correct,", b",abstained,")
    look = client.post(url, params=into, content=other).json()
    assert [one["text"] for one in look["differing"]] == [
        "Cyd says abstained in the file, and here correct"
    ] * 2
    nothing = client.post(url, params=does, content=other)
    assert (nothing.status_code, "nothing in it to add" in nothing.json()["detail"]) == (422, True)
    done = client.post(url, params={**does, "overwrite": "true"}, content=other).json()
    assert done["added"]["changed"] == 2
    elsewhere = client.post(url, params={"into": "nonesuch"}, content=file)
    assert (elsewhere.status_code, "No label in it" in elsewhere.json()["detail"]) == (422, True)
    unknown = client.post(url, params=into, content=file.replace(b",correct,", b",good,"))
    assert unknown.json()["values"][0]["meaning"] == ""


def test_command_adds_labels(client: TestClient, settings: Settings, tmp_path: Path) -> None:
    grid = run_grid(client)
    file, bad = tmp_path / "labels.csv", tmp_path / "bad.csv"
    file.write_text(labels_file(client, grid))
    environ = {"BLUFFCHECK_DATABASE_URL": settings.database_url}
    told = ["import-answers", str(file), "--data-dir", str(tmp_path)]

    def run(*more: str) -> tuple[int, str]:
        result = CliRunner(env=environ).invoke(main, [*told, *more])
        return result.exit_code, result.output

    code, output = run("--dry-run")
    assert code == 0, output
    assert f"labels for “Ds” /grids/{grid}: 2 new, 1 that cannot be added; add them with" in output
    code, output = run("--into", grid)
    assert (code, "line 4: there is no answer" in output) == (1, True)
    assert "or name a file for them with --bad-rows" in output
    code, output = run("--into", grid, "--bad-rows", str(bad))
    assert code == 0, output
    assert f"“Ds” /grids/{grid}: 2 labels added, 0 overwritten, 0 were there already" in output
    assert "there is no answer" in bad.read_text("utf-8-sig")
    file.write_text(file.read_text().replace(",correct,", ",abstained,"))
    code, output = run("--into", grid, "--skip-bad", "--overwrite")
    assert (code, "2 overwritten" in output) == (0, True), output
    assert run("--into", "nonesuch")[0] == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_owners_add_labels_in_names_that_may_label(settings: Settings) -> None:
    """Nobody gets a label by a file that they could not give by hand; the log says who added it."""
    with team(settings) as t:
        grid = run_grid(t.alice)
        does = {"into": grid, "dry_run": "false", "skip_bad": "true"}

        def add(who: str, by: Someone = t.alice) -> Response:
            file = labels_file(t.alice, grid, who).encode()
            return by.post("/api/grids/import", params=does, content=file)

        def problems(who: str) -> set[str]:
            file = labels_file(t.alice, grid, who).encode()
            look = t.alice.post("/api/grids/import", params={"into": grid}, content=file).json()
            return {one["text"] for one in look["problems"][:2]}

        assert [add("Bob", by=who).status_code for who in (t.bob, t.carol, t.dave)] == [403] * 3
        assert problems("Carol") == {"Carol may not label this grid"}  # she only reads
        assert add("Bob").json()["added"]["added"] == 2
        log = t.alice.get("/audit?action=labels+imported").text
        assert f"Alice labels imported 2 new, 0 changed grid {grid}" in said(log)

        access = {"labellers": "named", "labels": str(t.bob.id)}
        assert t.alice.post(f"/grids/{grid}/access", data=access).status_code == 303
        for who in ("Dave", "Somebody"):
            assert problems(who) == {f"{who} may not label this grid"}
        assert len(problems("Alice")) == 1  # an owner; only the line that is of no answer
        blind = "labels this grid only in its review, since it is reviewed blind"
        assert t.alice.post(f"/grids/{grid}/access", data={"blind": "1"}).status_code == 303
        for who in ("Dave", "Somebody"):
            assert problems(who) == {f"{who} {blind}"}
        assert add("Alice").json()["added"]["added"] == 2
