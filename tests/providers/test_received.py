"""What is kept of a stream as it came."""

from app.providers import Thinking
from app.providers.received import KEPT, Received
from app.providers.sse import SseEvent
from tests.providers.calling import ask, environ_for
from tests.wire import WireServer
from tests.wire_scripts import Script


def received(*lines: str) -> str:
    found = Received()
    for line in lines:
        found.add(SseEvent(line))
    return found.text()


def test_short_stream_is_kept_whole_with_the_names_of_its_events() -> None:
    found = Received()
    found.add(SseEvent('{"n": 1}', "start"))
    found.add(SseEvent("[DONE]"))
    assert found.text() == 'start: {"n": 1}\n[DONE]'


def test_of_a_long_stream_beginning_and_end_are_kept_and_the_rest_is_counted() -> None:
    lines = [f"{n:06d}" + "x" * 94 for n in range(1000)]
    kept = received(*lines).split("\n")
    first, [middle], last = kept[:80], kept[80:81], kept[81:]
    assert first == lines[:80]
    assert last == lines[-len(last) :]
    assert KEPT <= sum(map(len, last)) < KEPT + 100
    assert middle == f"… {100 * (1000 - 80 - len(last)):,} characters are not kept …"


def test_one_endless_event_does_not_fill_the_disk() -> None:
    assert len(received("a" * 10**6, "b" * 10**6)) < 2 * KEPT + 100


def test_completion_has_the_stream_without_the_key(server: WireServer) -> None:
    server.handler = lambda request: Script(text="My key is sk-wire-0123456789abcdef.")
    environ = environ_for(server) | {"OPENAI_API_KEY": "sk-wire-0123456789abcdef"}
    got = ask(environ, "openai-chat/any", thinking=Thinking.default)
    assert "chatcmpl-1" in got.response
    assert got.response.endswith("[DONE]")
    assert "0123456789abcdef" not in got.response
