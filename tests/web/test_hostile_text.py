"""Text from models and people on every page: parsed as a browser would, it adds no markup."""

import csv
import io
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import BASE_URL
from tests.factories import run_grid
from tests.wire import WireServer
from tests.wire_scripts import Script

ELEMENTS = "<script>hostile()</script></title></textarea></pre><img src=x onerror=hostile()>"
HOSTILE = f"""{ELEMENTS}"' onclick="hostile()" style='x' {{{{7*7}}}} javascript:hostile() \u202eשלום"""  # fmt: skip  # noqa: E501
MODEL = 'openai-chat/<img/src=x/onerror=hostile()>"'
WORDING = "script-hostile-script-title-textarea-pre"


class Page(HTMLParser):
    """What a browser would act on, and the texts it would only show."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: set[str] = set()
        self.scripts = ""
        self.texts = ""
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._in_script = tag == "script"
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src", "action", "formaction"):
                self.addresses.add(value or "")
            else:
                self.texts += value or ""

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts += data.strip()
        else:
            self.texts += data

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False


def hostile_grid(client: TestClient) -> str:
    """A grid in which every text that a person can give is hostile."""
    wording = {"title": HOSTILE[:50], "opt_out": HOSTILE}
    saved = client.post("/library/wordings/new", data=wording)
    assert saved.url.path == "/library", saved.text
    prompt = dict.fromkeys(("text", "constraint", "source", "answer_format"), HOSTILE)
    return run_grid(
        client,
        title=HOSTILE,
        prompts=[{**prompt, "references": [HOSTILE], "tags": [HOSTILE]}],
        models=[MODEL],
        variants=[{"wording": WORDING, "system_prompt": HOSTILE}],
    )


@pytest.mark.parametrize("failing", [False, True], ids=["answers", "errors"])
def test_hostile_text_adds_no_markup(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, failing: bool
) -> None:
    script = Script(status=400, error=HOSTILE) if failing else Script(HOSTILE, thinking=HOSTILE)
    with WireServer(lambda _: script) as wire:
        monkeypatch.setenv("OPENAI_BASE_URL", wire.openai_url)
        with TestClient(create_app(settings), base_url=BASE_URL) as client:
            grid_id = hostile_grid(client)
            item = client.get(f"/api/grids/{grid_id}/answers").json()["items"][0]
            client.post("/reviewer", data={"name": ELEMENTS[:79]})
            given = {"value": "hallucinated", "note": HOSTILE}
            client.post(f"/answers/{item['id']}/label", data=given)
            urls = [
                "/",
                "/library",
                f"/library/wordings/{WORDING}",
                f"/library/prompts/{item['prompt']['key']}",
                "/compose",
                f"/grids/{grid_id}",
                f"/grids/{grid_id}?density=full",
                f"/grids/{grid_id}/changes?since=0",
                f"/grids/{grid_id}/answers/{item['id']}",
            ]
            pages = {url: client.get(url).text for url in urls}
            typed = {"prompt_text": HOSTILE, "model": MODEL, "wording": HOSTILE, "title": HOSTILE}
            pages["typed"] = client.post("/grids", data={**typed, "repeats": HOSTILE}).text
            export = client.get(f"/grids/{grid_id}/export.csv").content.decode("utf-8-sig")
    assert item["state"] == ("failed" if failing else "done")
    for url, html in pages.items():
        page = Page(html)
        assert HOSTILE in page.texts, url  # it is there, whole, and only as text
        assert "img" not in page.tags, url
        assert page.scripts == "", url
        assert not [a for a in page.attributes if a == "style" or a.startswith("on")], url
        own = ("/", "?", "#", f"{grid_id}/answers/")
        assert not [a for a in page.addresses if not a.startswith(own)], url
    row = next(csv.DictReader(io.StringIO(export, newline="")))
    assert row["prompt"] == HOSTILE
    assert HOSTILE in row["error" if failing else "answer_text"]
