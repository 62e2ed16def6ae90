"""Markdown from a model: readable, and nothing in it that a browser would act on."""

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.markdown import MAX_CHARACTERS, MAX_DEPTH, markdown

ELEMENTS = {"p", "span", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li"}
ELEMENTS |= {"hr", "br", "div", "table", "thead", "tbody", "tr", "th", "td"}
NAMES = {"heading", "h1", "h2", "h3", "h4", "h5", "h6", "link", "address"}
NAMES |= {"table-scroll", "center", "right"}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a <b onclick='x()'>b</b> <!-- c --> <?php ?> <![CDATA[x]]>",
    "[x](javascript:alert(1)) [x](JaVaScRiPt:alert(1)) [x](java\nscript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>) [x](vbscript:x)",
    "<javascript:alert(1)> <https://elsewhere.example/?q=\"><script>>",
    '[x](https://elsewhere.example "t\\" onmouseover=alert(1) x=\\"")',
    "![pixel](https://elsewhere.example/pixel.gif) ![<img src=x>](//elsewhere.example)",
    "[![p](https://elsewhere.example/p.gif)](https://elsewhere.example)",
    "[x]: javascript:alert(1)\n\n[x] ![x][x]",
    '```py" onload="alert(1)\n</code></pre><script>alert(1)</script>\n```',
    "|a|b|\n|:-:|-:|\n|<script>|\" style=x|",
    "# <style>*{display:none}</style>\n\nx {#id .class onclick=x}",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x&#62;",
    "<iframe src=//elsewhere.example>\n\n<svg/onload=alert(1)>\n\n<form action=//e><input>",
    "javascript:alert(1) https://elsewhere.example www.elsewhere.example",
    "1. a\n99999999999. b\n\n007. c",
]  # fmt: skip


class Seen(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.other = ""
        self.feed(str(html))  # not as Markup, which would escape what is added to it
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.other += data

    def handle_decl(self, decl: str) -> None:
        self.other += decl

    def handle_pi(self, data: str) -> None:
        self.other += data

    def unknown_decl(self, data: str) -> None:
        self.other += data


def harmless(html: str) -> Seen:
    seen = Seen(html)
    assert set(seen.elements) <= ELEMENTS
    assert seen.other == ""
    for name, value in seen.attributes:
        if name == "class":
            assert set((value or "").split()) <= NAMES
        else:
            assert (name == "start" and str(value).isdecimal()) or (name, value) == (
                "tabindex", "0",
            )  # fmt: skip
    return seen


def shown(text: str) -> Seen:
    html = markdown(text)
    assert html is not None
    return harmless(html)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_is_only_text(text: str) -> None:
    shown(text)


def test_html_is_shown_as_it_was_written() -> None:
    assert markdown("a <b>c</b> & <!-- d -->") == (
        "<p>a &lt;b&gt;c&lt;/b&gt; &amp; &lt;!-- d --&gt;</p>\n"
    )


@given(st.text(alphabet=st.sampled_from("ab<>&\"'[]()!*_`~#|-:=\\/ \n\t1.;{}"), max_size=120))
def test_nothing_that_can_be_typed_makes_anything_else(text: str) -> None:
    shown(text)


@given(st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=4), st.sampled_from(["", " ", "\n"]))
def test_hostile_pieces_together_are_only_text(pieces: list[str], between: str) -> None:
    shown(between.join(pieces))


def test_links_and_pictures_show_their_address() -> None:
    text = "See [the *source*](https://a.example/x?y=1&z=2), <https://b.example>, ![a cat](/c.png)."
    assert shown(text).text == (
        "See the source (https://a.example/x?y=1&z=2), https://b.example, [picture] a cat (/c.png)."
        "\n"
    )


def test_tables_lists_and_code_are_laid_out() -> None:
    seen = shown("## A\n\n| n | x |\n|--:|:-:|\n| 1 | 2 |\n\n3. **c**\n4. ~~d~~\n\n```\na<b\n```")
    assert seen.elements == [
        "p", "div", "table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td",
        "ol", "li", "strong", "li", "s", "pre", "code",
    ]  # fmt: skip
    assert ("start", "3") in seen.attributes
    assert ("class", "right") in seen.attributes
    assert ("class", "heading h2") in seen.attributes
    assert "a<b" in seen.text


def test_what_cannot_be_shown_whole_is_not_shown() -> None:
    assert markdown("a" * MAX_CHARACTERS) is not None
    assert markdown("a" * (MAX_CHARACTERS + 1)) is None
    assert markdown("> " * MAX_DEPTH + "end") is None
    assert markdown("".join("  " * i + "* a\n" for i in range(MAX_DEPTH))) is None
    assert "end" in shown("> " * 20 + "end").text


@pytest.mark.parametrize(
    "piece",
    ["[", "![", "[a](", "*a _b ", "**a", "> ", "`a``", "|a|\n", "a\n", "<", "&", "\\", "- ",
     "[a](b) ", "![[]()", "<a ", "~~a", "1) ", "\t", "[a]: b\n"],
)  # fmt: skip
def test_time_is_bounded(piece: str) -> None:
    began = time.process_time()
    for size in (MAX_CHARACTERS, 1_000_000):
        html = markdown((piece * size)[:size])
        if html is not None:
            harmless(html)
    assert time.process_time() - began < 15


def test_a_wide_table_does_not_multiply() -> None:
    columns = 300
    text = "|a" * columns + "|\n" + "|-" * columns + "|\n"
    text += "|a|\n" * ((MAX_CHARACTERS - len(text)) // 4)
    html = markdown(text)
    assert html is None or len(html) < 2_000_000
