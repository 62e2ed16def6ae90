"""The reader of server-sent events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.sse import SseEvent, SseReader


def read(*chunks: bytes) -> list[SseEvent]:
    reader = SseReader()
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    return events + reader.finish()


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [SseEvent("a")]),
        (b"data:a\n\n", [SseEvent("a")]),
        (b"data:  a\n\n", [SseEvent(" a")]),
        (b"data: a\r\n\r\n", [SseEvent("a")]),
        (b"data: a\r\r", [SseEvent("a")]),
        (b"data: a\n\ndata: b\n\n", [SseEvent("a"), SseEvent("b")]),
        (b"data: a\ndata: b\n\n", [SseEvent("a\nb")]),
        (b"data: a\n\ndata:\n\nevent: ping\ndata\ndata: \n\n", [SseEvent("a")]),
        (b"event: ping\ndata: {}\n\n", [SseEvent("{}", "ping")]),
        (b"event: ping\n\ndata: a\n\n", [SseEvent("a")]),
        (b": comment\n\n: another\ndata: a\n\n", [SseEvent("a")]),
        (b"id: 1\nretry: 5\nother: x\ndata: a\n\n", [SseEvent("a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [SseEvent("a")]),
        (b"data: a\n", [SseEvent("a")]),
        (b"event: e\ndata: a", [SseEvent("a", "e")]),
        (b"data: a\n\n: comment", [SseEvent("a")]),
        (b"", []),
        ("data: a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\n\n".encode(), None),
    ],
)
def test_reader_follows_the_format(stream: bytes, events: list[SseEvent] | None) -> None:
    expected = [SseEvent("a\u2028b\u2029c\x85d\x0be\x0cf\x1cg")] if events is None else events
    assert read(stream) == expected


def test_reader_joins_crlf_split_over_chunks() -> None:
    assert read(b"data: a\r", b"\n\r", b"\ndata: b\r", b"\n", b"\r\n") == [
        SseEvent("a"),
        SseEvent("b"),
    ]


def test_reader_joins_a_character_split_over_chunks() -> None:
    cake = "🎂".encode()
    assert read(b"data: ", cake[:1], cake[1:3], cake[3:], b"\n\n") == [SseEvent("🎂")]


LINES = st.lists(
    st.sampled_from(
        [
            "data: x",
            "data: é\u2028東🎂",
            "data",
            "event: e",
            ": c",
            "",
            "",
            "id: 7",
            "junk",
            "\ufeff",
        ]
    ),
    max_size=12,
)


@given(LINES, st.data())
def test_any_chunking_gives_the_same_events(lines: list[str], data: st.DataObject) -> None:
    ends = data.draw(
        st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=len(lines), max_size=len(lines))
    )
    stream = "".join(line + end for line, end in zip(lines, ends, strict=True)).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert read(*chunks) == read(stream)
    assert read(*(stream[i : i + 1] for i in range(len(stream)))) == read(stream)
