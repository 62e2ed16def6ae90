"""A team that logs in: the first owner, an invite, a blind review, logging out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.people.members import first_link
from app.settings import Settings
from tests.browser.conftest import Open, Served, axe_findings, served, start_example

PASSWORD = "curiouser and curiouser"


@pytest.fixture
def team_server(tmp_path: Path, sqlite_template: Path) -> Iterator[Served]:
    (tmp_path / "bluffcheck.db").write_bytes(sqlite_template.read_bytes())
    settings = Settings(data_dir=tmp_path, discover=False, practice_latency_ms=0, login="password")
    with served(settings) as it:
        yield it


@pytest.fixture
def site(team_server: Served) -> str:
    return team_server.url


def join(page: Page, name: str) -> None:
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Email or login name").fill(f"{name.lower()}@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    page.wait_for_url("**/")


def test_owner_lets_a_reviewer_in_who_labels_blind(open_page: Open, team_server: Served) -> None:
    alice = open_page(first_link(team_server.services.database))
    found = axe_findings(alice)
    join(alice, "Alice")
    start_example(alice)
    grid = alice.url.partition("?")[0].removeprefix(team_server.url)
    alice.get_by_role("link", name="Access…").click()
    alice.get_by_label("blind by rule").check()
    found += axe_findings(alice)
    alice.get_by_role("button", name="Save").click()
    expect(alice.get_by_label("blind by rule")).to_be_checked()
    alice.goto(f"{team_server.url}/people")
    alice.get_by_role("button", name="Make a link").click()
    link = alice.locator("#new-link").inner_text().removeprefix(team_server.url)
    found += axe_findings(alice)

    phone = {"width": 390, "height": 844}
    bob = open_page(link, viewport=phone, color_scheme="dark")
    join(bob, "Bob")
    found += axe_findings(bob)
    bob.goto(team_server.url + grid)
    expect(bob).to_have_url(f"{team_server.url}{grid}/review?seed=" + bob.url.rpartition("=")[2])
    expect(bob.get_by_text("Blind by rule")).to_be_visible()
    bob.keyboard.press("c")
    expect(bob.get_by_text("1 of 108 labelled by you")).to_be_visible()
    bob.goto(f"{team_server.url}/me")
    found += axe_findings(bob)
    assert not bob.evaluate("document.documentElement.scrollWidth > innerWidth")
    bob.locator("#reviewer summary").click()
    bob.get_by_role("button", name="Log out").click()
    bob.wait_for_url("**/login")
    found += axe_findings(bob)

    alice.goto(f"{team_server.url}/audit")
    expect(alice.locator("tbody tr").first).to_contain_text("logout")
    found += axe_findings(alice)
    assert found == []
