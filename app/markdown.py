"""A model's Markdown as HTML that a page can hold: the only text that is not escaped by Jinja.

Why what comes out is safe, whatever goes in:

Elements     each comes from a rule of the parser, which has a name of its own for it. HTML in the
             text is text (``html`` is off), and every piece of text is escaped.
Attributes   none is taken from the text: the renderer drops them all, but for the first number of
             a list and our own names for how a column is aligned.
Addresses    a link is its text with the address beside it, a picture its description with the
             address: there is nothing to click, and nothing that a browser would fetch.
Size, time   links by reference are off, since one long address could be repeated by each of many
             short links. What is then left grows with the text, so a limit on that bounds the time.
"""

from collections.abc import MutableMapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

MAX_CHARACTERS = 30_000  # a second or two at worst, some milliseconds usually
MAX_DEPTH = 60  # of lists and quotes in each other; the parser would leave out what is deeper


def markdown(text: str) -> Markup | None:
    """The text as HTML; None where it is too long or nested too deeply to be shown whole."""
    if len(text) > MAX_CHARACTERS:
        return None
    env: dict[str, Any] = {}
    tokens = _PARSER.parse(text, env)
    if any(token.level >= MAX_DEPTH - 1 for token in tokens):
        return None
    return Markup(_PARSER.renderer.render(tokens, _PARSER.options, env))  # noqa: S704  # see above


class _Renderer(RendererHTML):
    """The parser's own, without what a page must not take from a text."""

    @staticmethod
    def renderAttrs(token: Token) -> str:  # noqa: N802
        start = token.attrs.get("start")
        if token.type == "ordered_list_open" and isinstance(start, int):
            return f' start="{start}"'
        aligned = str(token.attrs.get("style", "")).removeprefix("text-align:")
        return f' class="{aligned}"' if aligned in ("center", "right") else ""

    # The page has headings of its own, among which those of an answer would be misleading.
    def heading_open(self, tokens: Sequence[Token], index: int, *_: object) -> str:
        return f'<p class="heading {tokens[index].tag}">'

    def heading_close(self, *_: object) -> str:
        return "</p>\n"

    def link_open(self, *_: object) -> str:
        return '<span class="link">'

    def link_close(self, tokens: Sequence[Token], index: int, *_: object) -> str:
        opened = next(tokens[i] for i in range(index, -1, -1) if tokens[i].type == "link_open")
        beside = "" if opened.info == "auto" else _address(opened.attrs.get("href"))
        return f"</span>{beside}"

    def image(
        self,
        tokens: Sequence[Token],
        index: int,
        options: OptionsDict,
        env: MutableMapping[str, Any],
    ) -> str:
        inside = self.renderInlineAsText(tokens[index].children, options, env)
        described = escapeHtml(inside)
        return f'<span class="link">[picture] {described}</span>' + _address(
            tokens[index].attrs.get("src")
        )

    # The name of the language would be an attribute, and nothing here colours code.
    def fence(self, tokens: Sequence[Token], index: int, *_: object) -> str:
        return f'<pre tabindex="0"><code>{escapeHtml(tokens[index].content)}</code></pre>\n'

    def code_block(self, tokens: Sequence[Token], index: int, *_: object) -> str:
        return self.fence(tokens, index)

    # A wide table is moved sideways by itself, also with the keys.
    def table_open(self, *_: object) -> str:
        return '<div class="table-scroll" tabindex="0"><table>\n'

    def table_close(self, *_: object) -> str:
        return "</table></div>\n"


def _address(url: str | int | float | None) -> str:
    return f' <span class="address">({escapeHtml(str(url))})</span>' if url else ""


_PARSER = (
    MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_DEPTH}, renderer_cls=_Renderer)
    .enable(["table", "strikethrough"])
    .disable(["reference", "html_block", "html_inline"])
)
