"""Input that no page of ours sends: it is refused with a sentence and never breaks anything."""

import re
from collections.abc import Iterator

from fastapi.testclient import TestClient
from sqlmodel import text

from app.settings import Settings
from app.web.security import RESPONSE_HEADERS
from tests.conftest import BASE_URL
from tests.factories import grid_input, run_grid
from tests.team import team

HUGE = 10**30
JSON = {"content-type": "application/json"}
FORM = {"prompt_text": "Why?", "model": "practice/honest", "wording": "allowed", "thinking": "off"}


def test_addresses_of_nothing_are_not_found(client: TestClient) -> None:
    for url in (
        "/grids/a%00b", "/grids/a%00b/events", "/grids/a%00b/export.csv", "/api/grids/a%00b",
        "/library/prompts/a%00b", "/library/wordings/a%00b", "/grids/nothing/events",
        "/grids/nothing/changes", "/grids/%ff%fe", "/static/%2e%2e/pyproject.toml",
    ):  # fmt: skip
        assert client.get(url).status_code == 404, url


def test_numbers_and_words_out_of_range_are_refused(client: TestClient) -> None:
    grid_id = run_grid(client)
    for url in (
        f"/grids/{grid_id}/answers/{HUGE}",
        f"/grids/{grid_id}/answers/0",
        f"/grids/{grid_id}/changes?since=-{HUGE}",
        f"/grids/{grid_id}/changes?since={HUGE}",
        f"/grids/{grid_id}/events?since={2**31}",
        f"/grids/{grid_id}?show=nothing",
        f"/grids/{grid_id}/export.csv?labelled=perhaps",
        f"/api/grids/{grid_id}/answers?cursor=abc",
        f"/api/grids/{grid_id}/answers?limit=1001",
    ):
        assert client.get(url).status_code == 422, url
    url = f"/api/answers/{HUGE}/label"
    assert client.put(url, json={"label": "correct"}).status_code == 422
    assert client.delete(url).status_code == 422


def test_text_that_postgres_does_not_take_is_refused_wherever_it_stands(client: TestClient) -> None:
    grid_id = run_grid(client)
    assert client.get("/compose?like=a%00b").status_code == 404
    assert client.get(f"/grids/{grid_id}/comparison?with=a%00b").status_code == 404
    for name in ("action", "kind", "subject"):  # of the log, which has no such line
        assert "<tr><td" not in client.get(f"/audit?{name}=a%00b").text
    pasted = client.get(f"/grids/{grid_id}/pasted?product=a%00b").text
    [variant] = re.findall(r'name="variant" value="(\d+)"', pasted)
    fields = {"variant": variant, "product": "X", "prompt": "1", "answer": "Me"}
    for name in ("product", "source"):
        page = client.post(f"/grids/{grid_id}/pasted", data={**fields, name: "a\0b"})
        assert page.status_code == 422, name
        assert "Me</textarea>" in page.text


def test_login_that_postgres_does_not_take_is_nobodys(settings: Settings) -> None:
    with team(settings) as people:
        typed = {"login": "a\0b", "password": "x"}
        assert people.dave.post("/login", data=typed).status_code == 401


def test_numbers_out_of_range_in_forms_are_refused(client: TestClient) -> None:
    grid_id = run_grid(client)
    pasted = {"product": "X", "prompt": "1", "answer": "Me"}
    for number in (str(HUGE), "9" * 5000):
        for name in ("variant", "prompt"):
            fields = {"variant": "1", **pasted, name: number}
            page = client.post(f"/grids/{grid_id}/pasted", data=fields)
            assert page.status_code in (404, 422), (name, number[:40])
            assert "Me</textarea>" in page.text
        edited = client.post("/compose", data={**FORM, "action": f"remove-{number}"})
        assert "Why?</textarea>" in edited.text
        removed = client.post("/models/prices/removal", data={"price": number})
        assert removed.status_code == 404
    given = {"prompt": 1, "variant": HUGE, "product": "X", "answers": ["Me"]}
    assert client.post(f"/api/grids/{grid_id}/pasted", json=given).status_code == 422


def test_cursor_behind_the_end_is_an_empty_page(client: TestClient) -> None:
    page = client.get(f"/api/grids/{run_grid(client)}/answers?cursor=99999999999999999999")
    assert page.json() == {"items": [], "next": None}


def test_json_that_cannot_be_stored_is_a_problem(client: TestClient) -> None:
    for body, status in (
        (b'{"prompts": [{"text": "x"}], "models": ["practice/\\ud800"]}', 422),
        (b'{"prompts": [{"text": "x"}], "models": ["practice/a\\u0000b"]}', 422),
        (b'{"prompts": [{"key": "a\\u0000b"}], "models": ["practice/honest"]}', 422),
        (b'{"prompts": [{"text": "\\ud800"}], "models": ["practice/honest"]}', 422),
        (b'{"prompts": [{"text": "x"}], "models": ["practice/honest"], "repeats": 1e400}', 422),
        (b'{"prompts": [{"text": "\xff"}], "models": ["practice/honest"]}', 400),
        (b"[" * 100_000, 400),
    ):
        response = client.post("/api/grids", content=body, headers=JSON)
        assert (response.status_code, response.json()["status"]) == (status, status), body[:90]
        assert response.headers["content-type"] == "application/problem+json"
    assert client.get("/api/grids").json() == {"items": [], "next": None}


def test_body_that_is_no_json_is_told_so(client: TestClient) -> None:
    for body, headers, words in (
        (b"{}", {"content-type": "text/plain"}, "with the header Content-Type: application/json"),
        (b"[]", JSON, "Send a JSON object"),
        (b'{"prompts": [}', JSON, "This is no JSON: Expecting value at character 13."),
    ):
        response = client.post("/api/grids", content=body, headers=headers)
        assert response.status_code == 422
        assert words in response.json()["detail"]


def test_number_that_may_be_another_is_refused(client: TestClient) -> None:
    words = ": Input should be a valid integer"
    for name in ("max_tokens", "repeats", "max_calls"):
        response = client.post("/grids", data={**FORM, name: "16.000"})
        assert response.status_code == 422
        assert words in response.text
    for name in ("calls", "requests_per_minute", "tokens_per_minute"):
        fields = {"account": "practice", name: "16.000"}
        response = client.post("/models/limits", data=fields)
        assert response.status_code == 422
        assert words in response.text
    ceiling = client.post(f"/grids/{run_grid(client)}/ceiling", data={"max_calls": "16.000"})
    assert ceiling.status_code == 422
    assert words in ceiling.text


def test_form_that_cannot_be_stored_is_shown_again(client: TestClient) -> None:
    for name, value in (
        ("library", "a\0b"), ("model_extra", "practice/a\0b"), ("wording", "a\0b"),
        ("thinking", "a lot"), ("temperature", "nan"), ("title", "a\0b"),
    ):  # fmt: skip
        response = client.post("/grids", data={**FORM, name: value})
        assert response.status_code == 422, name
        assert "Nothing was started." in response.text


def test_uploaded_file_is_no_prompt(client: TestClient) -> None:
    response = client.post("/grids", data=FORM, files={"prompt_text": ("p.txt", b"Why?")})
    assert response.status_code == 400
    assert client.get("/api/grids").json() == {"items": [], "next": None}


def test_broken_cookie_is_nobody(client: TestClient) -> None:
    headers = {"cookie": 'bluffcheck_reviewer="a\\000b"'}
    assert "Who is reviewing?" in client.get("/", headers=headers).text


def test_origin_that_is_none_is_foreign(client: TestClient) -> None:
    for origin in ("http://[", "http://127.0.0.1:8000/x", "127.0.0.1:8000", ""):
        response = client.post("/api/grids", json=grid_input(), headers={"Origin": origin})
        assert response.status_code == 403, origin


def test_body_that_hides_its_length_is_refused(client: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield b'"' + b"x" * 100_000

    form = {"content-type": "application/x-www-form-urlencoded"}
    for url, headers in (("/api/grids", JSON), ("/grids", form)):
        response = client.post(url, content=pieces(), headers=headers)
        assert response.status_code == 413
        assert "BLUFFCHECK_MAX_BODY_BYTES" in response.text
        for name, value in RESPONSE_HEADERS.items():
            assert response.headers[name] == value


def test_fault_of_ours_is_a_page_with_all_headers(client: TestClient) -> None:
    database = client.app.state.services.database  # type: ignore[attr-defined]
    with database.write() as session:
        session.execute(text("ALTER TABLE wording RENAME TO gone"))
        session.commit()
    careless = TestClient(client.app, base_url=BASE_URL, raise_server_exceptions=False)
    page, answer = careless.get("/library"), careless.get("/api/grids?limit=1")
    assert answer.status_code == 200
    assert page.status_code == 500
    assert "This is a fault in Bluffcheck; see its log." in page.text
    assert "wording" not in page.text  # nothing of what broke
    for name, value in RESPONSE_HEADERS.items():
        assert page.headers[name] == value
