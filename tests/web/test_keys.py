"""Keys of one's own: a form, a cookie, and complaints in words."""

import pytest
from fastapi.testclient import TestClient

from app.web.keys import ALL, as_typed, face, read


def typed(**changes: str) -> dict[str, str]:
    return {usual: face(usual) for usual in ALL} | changes


@pytest.mark.parametrize(
    ("text", "key"),
    [("J", "j"), (" esc ", "Escape"), ("space", " "), ("Shift+←", "Shift+ArrowLeft"), ("f2", "F2"),
     ("+", "+"), ("pageup", "PageUp"), ("ArrowUp", "ArrowUp")],
)  # fmt: skip
def test_key_is_read_by_its_sign_or_its_name(text: str, key: str) -> None:
    assert read(text) == key
    assert read(face(key)) == key


def test_keys_that_do_not_go_are_told_in_words() -> None:
    rows = as_typed(typed(h="c", a="7", u="Hyper+x", z=""))
    name = "Give a letter, a sign, or the name of a key, such as Space, F2 or Shift+←."
    assert {row.usual: row.complaint for row in rows if row.complaint} == {
        "h": "c is taken by “correct, and on to the next”.",
        "a": "The digits are for tags: give another key.",
        "u": name,
        "z": name,
    }


def test_two_keys_change_places(client: TestClient) -> None:
    assert [row.complaint for row in as_typed(typed(c="h", h="c")) if row.complaint] == []
    changed = client.post(
        "/keys", data=typed(c="h", h="c") | {"next": "/library"}, follow_redirects=False
    )
    assert (changed.status_code, changed.headers["location"]) == (303, "/library")
    text = client.get("/keys", headers={"Referer": "http://testserver/grids/x?q=1"}).text
    assert 'name="c" value="h"' in text
    assert 'name="next" value="/grids/x?q=1"' in text
    reset = client.post("/keys", data={"reset": "1", "next": "//elsewhere"}, follow_redirects=False)
    assert reset.headers["location"] == "/"
    assert 'name="c" value="c"' in client.get("/keys").text


@pytest.mark.parametrize("kept", ["nonsense", "[]", "3", '{"c": 3}', '{"c": "longer than a key"}'])
def test_cookie_that_is_not_ours_is_passed_over(client: TestClient, kept: str) -> None:
    client.cookies.set("bluffcheck_keys", kept)
    assert 'name="c" value="c"' in client.get("/keys").text
