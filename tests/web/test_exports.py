"""The page that lists what a grid can be exported as."""

import re

from fastapi.testclient import TestClient

from app.web.exports import FORMATS
from tests.factories import run_grid


def links(html: str) -> list[str]:
    return re.findall(r'href="/grids/[^/]+/([^"]+)" download', html)


def test_every_format_is_listed_and_comes(client: TestClient) -> None:
    grid_id = run_grid(client)
    assert f'href="/grids/{grid_id}/export"' in client.get(f"/grids/{grid_id}").text
    html = client.get(f"/grids/{grid_id}/export").text
    assert "<b>4</b> answers: all of the grid" in html
    assert "4 answers · about" in html
    assert "0 labels" in html
    found = links(html)
    assert found == [
        "export.html", "export.csv", "labels.csv", "export.jsonl", "export.md", "export.zip",
        "probe.toml",
    ]  # fmt: skip
    for name in found:
        response = client.get(f"/grids/{grid_id}/{name}")
        assert response.status_code == 200
        assert response.headers["content-disposition"].startswith("attachment; filename=")


def test_filters_and_labelled_go_into_the_links(client: TestClient) -> None:
    grid_id = run_grid(client)
    item = client.get(f"/api/grids/{grid_id}/answers").json()["items"][0]["id"]
    client.put(f"/api/answers/{item}/label", json={"label": "correct", "reviewer": "Ada"})
    html = client.get(f"/grids/{grid_id}/export?label=correct&labelled=1").text
    assert "<b>1</b> answer<" in html.replace("</p>", "<")
    assert "Correct ✕" in html
    assert links(html)[:3] == [
        "export.html?label=correct",
        "export.csv?label=correct&amp;labelled=1",
        "labels.csv?label=correct&amp;labelled=1",
    ]
    assert f'href="/grids/{grid_id}/export?labelled=1"' in html  # without the filter


def test_size_is_about_that_of_the_file(client: TestClient) -> None:
    grid_id = run_grid(client, repeats=5)
    html = client.get(f"/grids/{grid_id}/export").text
    told = re.findall(r"about ([\d.]+) (kB|Bytes)", html)
    for name, (about, unit) in zip(FORMATS, told, strict=True):
        response = client.get(f"/grids/{grid_id}/{name}")
        size = len(response.content)
        assert response.headers["content-length"] == str(size)
        assert abs(float(about) * (1000 if unit == "kB" else 1) - size) < 0.1 * size, name
