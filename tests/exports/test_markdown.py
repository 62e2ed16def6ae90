"""The Markdown: what a reader of a post sees, and nothing that hostile text makes of it."""

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.db import Database
from app.exports.markdown import SMALL, code, export_markdown
from app.results.table import escape, markdown_table
from app.tables import LabelValue
from tests.exports.reading import exported_text
from tests.factories import answers_of, finish, new_grid
from tests.results.labelled import FOUR, labelled_grid

HOSTILE = (
    "</td><script>x</script> ![a](https://evil.example/a.png) [b](javascript:x) | <b@c.de> \\| ` ``"
    " @everyone #1 www.evil.example &lt; *a* _b_ ~~c~~ \\"
)


def tokens(text: str) -> list[Token]:
    found = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        found += [token, *(token.children or [])]
    return found


def test_markdown_says_what_was_asked_and_found(database: Database) -> None:
    said = {
        f"{model} {thinking} {wording}": ["HC", "A-"] if wording == "allowed" else ["HH", "CC"]
        for model in ("bluffer", "honest")
        for thinking in ("off", "on")
        for wording in ("not-mentioned", "allowed")
    }
    with database.write() as session:
        labelled_grid(session, said, variants=FOUR, title="Who bluffs?")
        session.commit()
    text = exported_text(database, export_markdown)
    assert text.startswith("# Who bluffs?\n")
    assert "2 prompts × 8 columns × 2 repeats · 28 of 32 answers labelled" in text
    assert "Models named practice/… are simulated: nothing was called." in text
    assert "- wording *allowed*: `If you are not sure, you may answer" in text
    assert "- thinking asked for: off, on" in text
    measures = "| practice/bluffer · thinking off · not mentioned | 2 | 2 | 0 | 4 |"
    assert measures in text
    assert "permission to abstain (not mentioned → allowed)" in text
    assert "### practice/honest" in text
    row = "| 2. Question 1? | C `same` C `same` | A `same` – `2` |"
    assert row in text


def test_large_grids_have_their_summary_only(database: Database) -> None:
    prompts = [{"text": f"Question {n}?"} for n in range(SMALL + 1)]
    with database.write() as session:
        new_grid(session, prompts=prompts, models=["practice/honest"], repeats=1)
        session.commit()
    text = exported_text(database, export_markdown)
    assert "The answers to 31 prompts are in the other exports." in text
    assert "Question 30" not in text


def test_hostile_text_stays_text(database: Database) -> None:
    with database.write() as session:
        prompt = {"text": HOSTILE}
        grid = new_grid(session, title=HOSTILE, prompts=[prompt], models=["practice/honest"])
        for answer in answers_of(session, grid):
            finish(session, answer, HOSTILE)
        session.commit()
    text = exported_text(database, export_markdown)
    found = tokens(text)
    assert {token.type for token in found} & {
        "html_inline",
        "html_block",
        "image",
        "link_open",
    } == (set())
    title = next(token for token in found if token.type == "inline")
    assert "".join(it.content for it in title.children or []).replace("\u2060", "") == HOSTILE
    for link in ("@everyone", "#1 ", "www.evil", "https://"):  # what GitHub would make of it
        assert link not in escape(HOSTILE)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])) | st.text("\\|`*_[]<>~&@#:/w. a1"))
def test_any_text_comes_back_from_a_cell(text: str) -> None:
    shown = " ".join(text.split())
    table = markdown_table(["a", "b"], [[f"x {escape(shown)}", f"x {code(shown)}"]])
    found = tokens(table)
    cells = [token.children or [] for token in found if token.type == "inline"][2:]
    assert len(cells) == 2
    assert {token.type for token in found} & {"html_inline", "image", "link_open"} == set()
    plain, as_code = ("".join(token.content for token in cell) for cell in cells)
    assert plain.replace("\u2060", "") == f"x {shown}".strip()
    assert as_code.replace("\\ |", "\\|") == f"x {shown}".strip().replace("\\ |", "\\|")


def test_letters_are_those_of_the_labels() -> None:
    assert [label.value[0].upper() for label in LabelValue] == ["C", "H", "A"]
