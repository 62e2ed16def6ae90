"""JSON Lines, JSON and TOML as records, one after the other: none of it is in memory whole.

Numbers stay as they were written: a reference of 3.10 is not 3.1.
"""

import json
import re
import tomllib
from collections.abc import Callable, Generator, Iterator
from datetime import date, datetime, time
from typing import Any, TextIO

from app.imports.encoding import visible
from app.imports.tables import MAX_RECORD, TOO_LONG, Record, lines_of


def _constant(text: str) -> str | None:
    """NaN is how Python writes a cell that is empty."""
    return None if text == "NaN" else text


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_constant)
_CHUNK = 1 << 18
MAX_ELEMENT = 1 << 27  # characters of one sample of a log, with all its events
_SPACE = re.compile(r"[\s,]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|["\[\]{}]', re.DOTALL)
_TABLE = re.compile(r"""\s*\[\[\s*(?:[\w-]+|"[^"]*"|'[^']*')\s*\]\]""")
_AT = re.compile(r" \(at line (\d+), column (\d+)\)")
_VIEWER = {"row_idx", "row", "truncated_cells"}
_NO_OBJECT = "not an object with names and values"
_SHOWN = 2_000  # characters of what could not be read


def jsonl_records(file: TextIO) -> Iterator[Record]:
    for line in lines_of(file):
        text = line.text.strip()
        if line.cut:
            yield Record(line.number, problem=TOO_LONG, raw=visible(text))
        elif text:
            try:
                yield _record(line.number, _DECODER.decode(text), text)
            except (ValueError, RecursionError) as exc:
                yield Record(line.number, problem=_why(exc), raw=visible(text))


def json_records(file: TextIO) -> Iterator[Record]:
    """The elements of a list, or of the first list of objects in an object, or that object; and
    what follows it."""
    buffer = _Buffer(file)
    whole = False
    if buffer.skip() == "[":
        buffer.place += 1
        whole = yield from buffer.elements(_record)
    elif buffer.peek() == "{":
        whole = yield from _in_object(buffer)
    elif buffer.peek():
        yield Record(buffer.line(), problem="neither a list nor an object", raw=buffer.rest())
    if whole:
        yield from buffer.elements(_record, ends_with="")


def toml_records(file: TextIO) -> Iterator[Record]:
    """Each ``[[table]]``; tables further down and what stands before the first belong to none."""
    waiting: list[str] = []
    start, size, inside = 1, 0, False  # ``inside`` of a string of several lines
    for line in lines_of(file):
        if line.cut or size > MAX_RECORD or (not inside and _TABLE.match(line.text)):
            yield from _tables(start, waiting)
            waiting, start, size, inside = [], line.number, 0, False
        if line.cut:
            yield Record(line.number, problem=TOO_LONG, raw=visible(line.text))
            start += 1
            continue
        waiting.append(line.text)
        size += len(line.text)
        inside ^= (line.text.count('"""') + line.text.count("'''")) % 2 == 1
    yield from _tables(start, waiting)


def json_at(file: TextIO, name: str, beside: dict[str, Any]) -> Iterator[Record]:
    """The elements of the list called ``name`` in an object, perhaps inside of another object of
    that name, as they are. What stands beside it is put into ``beside`` as it is come by."""
    buffer = _Buffer(file, json.JSONDecoder(parse_constant=str), MAX_ELEMENT)
    if buffer.skip() == "{":
        yield from _below(buffer, name, beside)


class _Buffer:
    """A part of a JSON document, and where one is in it."""

    def __init__(
        self,
        file: TextIO,
        decoder: json.JSONDecoder = _DECODER,
        longest: int = MAX_RECORD,
    ) -> None:
        self.file = file
        self.decoder = decoder
        self.longest = longest  # characters of one element
        self.text = ""
        self.place = 0
        self.lines = 1  # of the document, up to ``counted`` of the text
        self.counted = 0
        self.given = 0  # the number of the last element
        self.ended = False

    def more(self) -> bool:
        """Read as much again as is waiting, so that long elements are not scanned too often."""
        if self.ended:
            return False
        self.line()
        self.text = self.text[self.place :]
        self.place = self.counted = 0
        new = self.file.read(max(_CHUNK, len(self.text)))
        self.ended = not new
        self.text += new
        return bool(new)

    def skip(self) -> str:
        """Go over space and commas; the character that follows."""
        while True:
            match = _SPACE.match(self.text, self.place)
            self.place = match.end() if match else self.place
            if self.place < len(self.text) or not self.more():
                return self.peek()

    def peek(self) -> str:
        return self.text[self.place : self.place + 1]

    def line(self) -> int:
        self.lines += self.text.count("\n", self.counted, self.place)
        self.counted = self.place
        return self.lines

    def number(self) -> int:
        """By which an element is told from all others: the line it begins in, or one more than the
        number before it, as where a whole list stands in one line."""
        self.given = max(self.line(), self.given + 1)
        return self.given

    def rest(self) -> str:
        return visible(self.text[self.place : self.place + _SHOWN])

    def elements(
        self, make: Callable[[int, Any, str], Record], *, ends_with: str = "]"
    ) -> Generator[Record, None, bool]:
        """Up to the end of the list one is in (or of the file, where that is ""); whether that was
        come to. A broken one does not spoil those that follow."""
        while (first := self.skip()) != ends_with:
            line = self.number()
            if not first:
                yield Record(line, problem="the file ends inside of a list", raw="")
                return False
            try:
                value, end = self.value()
                yield make(line, value, self.text[self.place : end][:_SHOWN])
                self.place = end
            except _Broken as exc:
                yield Record(line, problem=exc.why, raw=self.rest() if exc.end is None else
                             visible(self.text[self.place : exc.end][:MAX_RECORD]))  # fmt: skip
                if exc.end is None:
                    return False
                self.place = max(exc.end, self.place + 1)
        self.place += 1
        return True

    def value(self) -> tuple[Any, int]:
        """The value that begins here, and where it ends. Raises _Broken."""
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.place)
                if end < len(self.text) or not self.more():  # else a number may go on
                    return value, end
            except (ValueError, RecursionError) as exc:
                extent, why = self._extent(), self._why(exc)
                if extent is None and len(self.text) - self.place > self.longest:
                    why = f"longer than {self.longest:,} characters, so nothing after it was read"
                    raise _Broken(why, None) from None
                if extent is not None or not self.more():
                    raise _Broken(why, extent) from None

    def _why(self, error: Exception) -> str:
        if not isinstance(error, json.JSONDecodeError):
            return _why(error)
        line = self.line() + self.text.count("\n", self.place, error.pos)
        character = error.pos - self.text.rfind("\n", 0, error.pos)
        return f"no valid JSON: {_lower(error.msg)} (line {line}, character {character})"

    def _extent(self) -> int | None:
        """Where the value that begins here ends as far as brackets tell; None: not in here."""
        depth = 0
        for token in _TOKEN.finditer(self.text, self.place):
            match token[0]:
                case "{" | "[":
                    depth += 1
                case "}" | "]" if depth == 0:
                    return token.start()
                case "}" | "]":
                    depth -= 1
                    if depth == 0:
                        return token.end()
                case '"':
                    return None
        return None


class _Broken(Exception):
    def __init__(self, why: str, end: int | None) -> None:
        super().__init__(why)
        self.why, self.end = why, end


def _below(buffer: _Buffer, name: str, beside: dict[str, Any]) -> Iterator[Record]:
    """The list in the object that begins here. Its other values are read whole."""
    buffer.place += 1
    while buffer.skip() == '"':
        try:
            here, buffer.place = buffer.value()
            if buffer.skip() != ":":
                raise _Broken("a name without a value", None)
            buffer.place += 1
            first = buffer.skip()
            if here == name and first == "[":
                buffer.place += 1
                yield from buffer.elements(_as_it_is)
            elif here == name and first == "{":
                yield from _below(buffer, name, beside)
            else:
                beside[here], buffer.place = buffer.value()
        except _Broken as exc:
            yield Record(buffer.line(), problem=exc.why, raw=buffer.rest())
            return
    if buffer.peek() == "}":
        buffer.place += 1
    else:
        yield Record(buffer.line(), problem="the file ends inside of an object", raw="")


def _as_it_is(line: int, value: Any, raw: str) -> Record:
    if isinstance(value, dict):
        return Record(line, value)
    return Record(line, problem=_NO_OBJECT, raw=visible(raw))


def _in_object(buffer: _Buffer) -> Generator[Record, None, bool]:
    """Whether it was read to its end."""
    line, alone = buffer.line(), {}
    buffer.place += 1
    found = False
    while (first := buffer.skip()) == '"':
        try:
            name, buffer.place = buffer.value()
            if buffer.skip() != ":":
                raise _Broken("a name without a value", None)
            buffer.place += 1
            if buffer.skip() == "[" and _list_of_objects(buffer):
                buffer.place += 1
                found = True
                yield from buffer.elements(_record)
            else:
                alone[name], buffer.place = buffer.value()
        except _Broken as exc:
            yield Record(buffer.line(), problem=exc.why, raw=buffer.rest())
            return False
    if first != "}":
        yield Record(buffer.line(), problem="the file ends inside of an object", raw="")
        return False
    buffer.place += 1
    if not found and alone:
        buffer.given = line
        yield _record(line, alone, "")
    return True


def _list_of_objects(buffer: _Buffer) -> bool:
    while not (match := re.compile(r"\[\s*(\S)").match(buffer.text, buffer.place)):
        if not buffer.more():
            return False
    return match[1] == "{"


def _record(line: int, value: Any, raw: str) -> Record:
    if isinstance(value, str):
        return Record(line, {"text": value})
    if not isinstance(value, dict):
        return Record(line, problem=_NO_OBJECT, raw=visible(raw))
    # The lists of Hugging Face's viewer hold {"row_idx": 0, "row": {…}}.
    if isinstance(value.get("row"), dict) and value.keys() <= _VIEWER:
        value = value["row"]
    return Record(line, _flat(value))


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    """``{"answer": {"value": "x"}}`` as ``{"answer.value": "x"}``."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            found.update({_name(f"{name}.{k}"): _value(v) for k, v in inner.items()})
        else:
            found[_name(name)] = _value(inner)
    return found


def _name(name: str) -> str:
    """As a form gives it back: in one line."""
    return visible(" ".join(name.split()))[:100] or "no name"


def _value(value: Any) -> Any:
    """Text, a list of texts, or nothing."""
    match value:
        case None | str():
            return value
        case bool():
            return "yes" if value else "no"
        case list():
            return list(_texts(value))
        case datetime() | date() | time():
            return value.isoformat()
        case dict():
            return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _texts(values: list[Any]) -> Iterator[str]:
    """Of lists in a list, as of the aliases of several answers, each text by itself."""
    for value in map(_value, values):
        if isinstance(value, list):
            yield from value
        elif value is not None:
            yield value


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"no valid JSON: {_lower(error.msg)} (character {error.colno})"
    return "nested too deeply" if isinstance(error, RecursionError) else f"no valid JSON: {error}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _tables(start: int, lines: list[str]) -> Iterator[Record]:
    text = "".join(lines)
    if not text.strip():
        return
    try:
        found = tomllib.loads(text.replace("\r\n", "\n"), parse_float=str)
    except (ValueError, RecursionError) as exc:
        later = [n for n, line in enumerate(lines) if n and _TABLE.match(line)]
        if later:  # a string that is never closed has taken in other tables
            for begin, end in zip([0, *later], [*later, None], strict=True):
                yield from _tables(start + begin, lines[begin:end])
            return
        at = _AT.search(str(exc))
        line = start + int(at[1]) - 1 if at else start
        why = _AT.sub("", str(exc))
        why = f"no valid TOML: {_lower(why)}" + (f" (line {line})" if at else "")
        yield Record(start, problem=why, raw=visible(text))
        return
    tables = [one for value in found.values() if isinstance(value, list) for one in value]
    objects = [one for one in tables if isinstance(one, dict)]
    for table in objects:
        yield Record(start, _flat(table))
    if not objects and found:
        yield Record(start, _flat(found))
