"""Grids as probe files: saved, read, and the same again."""

import tomllib
from collections.abc import Iterator

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from app.additions import AdditionInput, add_to_grid, plan_addition
from app.db import Database
from app.errors import Conflict, InvalidInput
from app.grid.shape import load_columns, load_prompts
from app.grids import get_grid
from app.plans import GridInput, VariantInput, plan_grid
from app.pricing.ceilings import NO_CEILINGS
from app.probes import Probe, again, grid_of, read_probe, save_probe
from app.prompts import WordingInput, archive, current_wording, save_wording, wordings
from tests.factories import new_grid, practice
from tests.imports.answers.importing import bring_in

VARIANTS = [
    {"wording": "allowed", "thinking": "off"},
    {"wording": "target-75", "thinking": "on", "system_prompt": 'Say "so".\n\nBriefly.',
     "temperature": 0.5, "max_tokens": 100},
]  # fmt: skip
PROMPTS = [
    {"text": 'Who? Say """it""".\n\nIf you know.', "question": "Who?", "references": ["A", "B"],
     "answer_format": "A name.", "tags": ["people"], "answerable": "yes", "source": "me"},
    {"text": "When — 'then'? \\ # = [x]", "constraint": "Not in spring.", "answerable": "no"},
]  # fmt: skip


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as session:
        yield session


def test_grid_that_a_probe_starts_asks_the_same_to_the_letter(session: Session) -> None:
    grid = new_grid(session, prompts=PROMPTS, variants=VARIANTS, repeats=3, title="=Who?")
    text = save_probe(session, grid)
    assert text.startswith("# A grid of Bluffcheck.")
    given = grid_of(session, read_probe(text))
    twin = new_grid(session, **given.model_dump(mode="json"))

    assert twin.title == "=Who?"
    assert load_prompts(session, twin.id) == load_prompts(session, grid.id)  # the same rows
    asked = [[c.name for c in load_columns(session, it.id)] for it in (grid, twin)]
    assert asked[0] == asked[1]
    assert save_probe(session, twin) == text


def test_wording_that_says_something_else_here_comes_under_another_name(session: Session) -> None:
    grid = new_grid(session, variants=[{"wording": "allowed"}])
    text = save_probe(session, grid)
    said = current_wording(session, "allowed").opt_out
    edited = WordingInput(title="allowed", opt_out="You may pass.", may_abstain=True)
    save_wording(session, edited, "allowed")

    for _ in range(2):  # the second time it is known
        [variant] = grid_of(session, read_probe(text)).variants
        assert variant.wording == "allowed-2"
        assert current_wording(session, "allowed-2").opt_out == said
    assert current_wording(session, "allowed").opt_out == "You may pass."
    [variant] = again(session, grid).variants
    assert variant.wording == "allowed"  # run again, it is what it is now


def test_wordings_that_are_not_here_are_added(session: Session) -> None:
    before = len(wordings(session))
    probe = Probe.model_validate(
        {
            "models": ["practice/bluffer"],
            "variants": [{"wording": "pirate"}],
            "wordings": [{"slug": "pirate", "title": "Pirate", "opt_out": "Arr, pass if ye must."}],
            "prompts": [{"text": "Where be it?"}],
        }
    )
    plan_grid(session, grid_of(session, probe), practice())
    assert len(wordings(session)) == before + 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("models = [", "This is no TOML"),
        ("models = []", "models: "),
        ('models = ["a/b"]\nprompts = [{text = ""}]\nvariants = [{}]', "a prompt needs a text"),
        ('models = ["a/b"]\nprompts = [{text = "a"}]\nvariants = [{}]\nsurprise = 1', "surprise"),
        ('models = ["a/b"]\nprompts = [{text = "a\\u0000"}]\nvariants = [{}]', "NUL"),
    ],
)
def test_what_is_no_probe_is_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_probe(text)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"repeats": 0}, "repeats: "),
        ({"repeats": 101}, "repeats: "),
        ({"models": [f"practice/{n}" for n in range(101)]}, "models: "),
        ({"variants": [{"max_tokens": n} for n in range(1, 102)]}, "variants: "),
    ],
)
def test_more_than_a_grid_takes_is_refused_with_the_place(
    session: Session, changed: dict[str, object], words: str
) -> None:
    probe = {"models": ["practice/honest"], "variants": [{}], "prompts": [{"text": "Who?"}]}
    with pytest.raises(InvalidInput, match=words):
        grid_of(session, Probe.model_validate(probe | changed))


def test_grid_that_was_pasted_whole_has_none(database: Database) -> None:
    table = "prompt,model,answer\nWho?,pasted/ChatGPT,Me\n"
    public_id = bring_in(database, table, "a.csv").public_id
    with database.read() as session:
        grid = get_grid(session, public_id)
        for make in (save_probe, again):
            with pytest.raises(Conflict, match="All of this grid was pasted"):
                make(session, grid)


def as_here(session: Session, slug: str, title: str, opt_out: str, called: str = "") -> str:
    """What a wording of a file is called here."""
    probe = {
        "models": ["practice/honest"],
        "variants": [{"wording": called or slug}],
        "wordings": [{"slug": slug, "title": title, "opt_out": opt_out}],
        "prompts": [{"text": "Who?"}],
    }
    [variant] = grid_of(session, Probe.model_validate(probe)).variants
    assert current_wording(session, variant.wording).opt_out == opt_out
    return variant.wording


def test_name_that_is_taken_here_gets_a_number(session: Session) -> None:
    gone = save_wording(session, WordingInput(title="Strict", opt_out="Be strict."))
    archive(gone)
    assert as_here(session, "strict", "Strict", "Be strict.") == "strict-2"
    assert as_here(session, "strict", "Strict", "Be strict.") == "strict-2"
    assert as_here(session, "lenient", "allowed", "You may pass.") == "allowed-2"
    assert as_here(session, "newer", "New", "You may.") == "new-2"


def test_long_name_that_is_taken_here_stays_one(session: Session) -> None:
    title = "a" * 60
    save_wording(session, WordingInput(title=title, opt_out="One."))
    slug = as_here(session, title, title, "Another.")
    assert slug == "a" * 55 + "-2"
    grid = new_grid(session, variants=[{"wording": slug}])
    assert f'title = "{"a" * 55}… (2)"' in save_probe(session, grid)


def test_wording_of_the_file_is_found_as_people_write_it(session: Session) -> None:
    assert as_here(session, "allowed", "allowed", "You may pass.", "Allowed") == "allowed-2"
    assert as_here(session, "My way", "My way", "Mine.", "my_way") == "my-way"


def test_slug_that_means_two_wordings_is_refused() -> None:
    wording = '[[wordings]]\nslug = "{}"\ntitle = "{}"\n'
    with pytest.raises(InvalidInput, match=r"wordings: .*“mine” stands there twice"):
        read_probe(
            'models = ["a/b"]\nprompts = [{text = "a"}]\nvariants = [{wording = "mine"}]\n'
            + wording.format("mine", "One")
            + wording.format("Mine", "Two")
        )


def test_two_versions_of_a_wording_stay_two(session: Session) -> None:
    grid = new_grid(session, variants=[{"wording": "allowed"}])
    said = current_wording(session, "allowed").opt_out
    edited = WordingInput(title="allowed", opt_out="You may pass.", may_abstain=True)
    save_wording(session, edited, "allowed")
    plan = plan_addition(
        session, grid, AdditionInput(variants=[VariantInput(wording="allowed")]), practice()
    )
    add_to_grid(session, grid, plan, 100, NO_CEILINGS)

    first, second = grid_of(session, read_probe(save_probe(session, grid))).variants
    assert current_wording(session, first.wording).opt_out == said
    assert current_wording(session, second.wording).opt_out == "You may pass."
    [variant] = again(session, grid).variants
    assert variant.wording == "allowed"  # of which the library has one


def test_line_breaks_of_windows_come_back(session: Session) -> None:
    text = "Which one?\r\nA: this\nB: that\r"
    grid = new_grid(session, prompts=[{"text": f"{text}?"}])
    saved = save_probe(session, grid)
    twin = new_grid(session, **grid_of(session, read_probe(saved)).model_dump(mode="json"))
    assert [prompt.text for prompt in load_prompts(session, twin.id)] == [f"{text}?"]
    assert load_prompts(session, twin.id) == load_prompts(session, grid.id)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_survives_the_file(text: str) -> None:
    value = {"text": text, "lines": [text, text]}
    assert tomllib.loads(tomli_w.dumps(value, multiline_strings=True)) == value


def test_probe_is_as_short_as_what_it_asks(session: Session) -> None:
    grid = new_grid(session)
    found = tomllib.loads(save_probe(session, grid))
    assert found["variants"] == [{"wording": "allowed", "thinking": "off"}]
    assert found["prompts"] == [{"text": "How many Ds are in DEEPSEEK?", "references": ["1"]}]
    assert GridInput.model_fields.keys() >= found.keys() - {"wordings"}
