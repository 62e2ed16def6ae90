"""What shapes a view, from and to the address."""

from urllib.parse import parse_qsl

import pytest

from app.errors import InvalidInput
from app.grid.look import Look


def look(query: str) -> Look:
    return Look.parse(parse_qsl(query))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "density=full",
        "order=wording,model,thinking",
        "fold=practice/bluffer&fold=practice/honest~thinking+on",
        "sort=disagreement&q=%E2%80%9Cfive+%25%E2%80%9D&label=abstained,correct",
        "outcome=empty,error&tag=hedged&tag=refusal&by=Ada+Lovelace&only=repeats,unlabelled-by-me",
    ],
)
def test_address_comes_back_as_it_was(query: str) -> None:
    assert look(query).query() == query
    assert look(query) == look(look(query).query())


def test_address_is_as_short_as_can_be() -> None:
    assert look("density=&order=model,thinking,wording&sort=row&q=+&label=").query() == ""


def test_several_ticks_of_a_form_are_one_filter() -> None:
    assert look("only=slow&only=costly,slow") == look("only=costly,slow")
    assert hash(look("label=correct&label=abstained")) == hash(look("label=abstained,correct"))


@pytest.mark.parametrize(
    ("show", "query"),
    [
        ("all", ""),
        ("unlabelled", "only=unlabelled"),
        ("correct", "label=correct"),
        ("disputed", "only=reviewers"),
        ("differ", "only=repeats"),
        ("failed", "outcome=empty,error,refused,truncated"),
        ("mismatch", "only=mismatch"),
    ],
)
def test_older_addresses_mean_what_they_meant(show: str, query: str) -> None:
    assert look(f"show={show}").query() == query


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("density=huge", "density: there is no “huge”. There are: chips, lines, full."),
        ("only=repeats,nothing", "only: there is no “nothing”"),
        ("label=right", "There are: correct, hallucinated, abstained."),
        ("show=nothing", "show: there is no “nothing”"),
        ("order=model,model,wording", "each once"),
        ("order=model", "each once"),
        ("sort=", ""),
        (f"q={'x' * 201}", "at most 200 printable characters"),
        ("q=a%00b", "printable"),
        ("by=a%0Ab", "printable"),
        ("&".join(f"fold={n}" for n in range(101)), "At most 100"),
    ],
)
def test_what_there_is_not_is_refused(query: str, sentence: str) -> None:
    if not sentence:
        assert look(query) == Look()
        return
    with pytest.raises(InvalidInput, match=sentence):
        look(query)


def test_toggling_twice_changes_nothing() -> None:
    one = look("only=slow&label=correct")
    assert one.toggled("only", "slow") == look("label=correct")
    assert one.toggled("only", "costly").toggled("only", "costly") == one


def test_filters_can_be_taken_away_one_by_one() -> None:
    one = look("q=five&only=slow&label=correct&tag=hedged&by=Ada&sort=time&fold=m")
    assert [(name, without.filters) for name, without in one.chosen] == [
        ("“five”", True), ("Slow", True), ("Correct", True), ("tag hedged", True),
        ("labelled by Ada", True),
    ]  # fmt: skip
    assert one.unfiltered == look("sort=time&fold=m")
    assert not one.unfiltered.filters
    assert one.unshaped == look("q=five&only=slow&label=correct&tag=hedged&by=Ada&sort=time")


def test_menu_counts_what_stands_in_it() -> None:
    def more(**given: str) -> int:
        return Look.parse(given.items()).more

    assert more(only="unlabelled", label="correct,hallucinated", q="Ds") == 0
    assert more(only="unlabelled-by-me,repeats", outcome="empty", tag="hedged", by="Ada") == 4


def test_other_levels_have_other_groups() -> None:
    assert look("fold=m").reordered(("thinking", "model", "wording")) == look(
        "order=thinking,model,wording"
    )
