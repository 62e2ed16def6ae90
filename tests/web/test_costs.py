"""Costs on pages: a known one with its source, an unknown one as such, none at all."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.pricing.prices import LISTED
from tests.factories import run_grid

GPT = "openai-chat/gpt-5.2"  # 11 tokens in, 7 out: 1.75 × 11 + 14 × 7 millionths of a dollar
EACH = 0.00011725
pytestmark = pytest.mark.usefixtures("wire")


def heads(page: str) -> list[str]:
    """What each column cost."""
    return re.findall(r'class="cost muted"[^>]*>([^<·]*?)(?: ·[^<]*)?<', page)


def drawer(client: TestClient, grid_id: str) -> list[str]:
    """What the drawers of a grid's answers say of the cost."""
    found = []
    for answer in client.get(f"/api/grids/{grid_id}/answers").json()["items"]:
        page = client.get(f"/grids/{grid_id}/answers/{answer['id']}").text
        found += re.findall(r"<dt>Cost</dt><dd>(.*?)</dd>", page)
    return found


def summary(client: TestClient, grid_id: str) -> Any:
    return client.get(f"/api/grids/{grid_id}").json()["spending"]


def test_costs_are_shown_with_their_source_and_their_gaps(client: TestClient) -> None:
    grid_id = run_grid(client, models=[GPT, "openai-chat/plain", "practice/honest"])
    page = client.get(f"/grids/{grid_id}").text
    assert heads(page) == ["$0.00023", "n/a", "$0"]
    assert ">cost ≥ $0.00023</span>" in page
    assert "not known of 2 of them" in page
    listed = f'$0.00012 <span class="muted">{LISTED}</span>'
    free = '$0 <span class="muted">practice model: costs nothing</span>'
    assert sorted(set(drawer(client, grid_id))) == sorted([listed, "n/a", free])
    assert '<td class="cost">≥ $0.00023</td>' in client.get("/").text
    assert summary(client, grid_id) == {
        "usd": pytest.approx(2 * EACH), "known": 4, "unknown": 2,
    }  # fmt: skip
    [item] = client.get("/api/grids").json()["items"]
    assert item["spending"] == summary(client, grid_id)


def test_nothing_known_is_not_nothing(client: TestClient) -> None:
    grid_id = run_grid(client, models=["openai-chat/plain"])
    assert ">cost n/a</span>" in client.get(f"/grids/{grid_id}").text
    assert summary(client, grid_id) == {"usd": None, "known": 0, "unknown": 2}
