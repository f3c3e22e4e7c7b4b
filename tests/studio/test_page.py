"""What annotators see of a project: whether somebody has edited it, and what a schema would change."""

import pytest

from labeling.core.schema import LabelSchema
from labeling.studio.config import differences
from labeling.studio.page import Page, with_missing
from tests.builders import EVENT

PAGE = Page.of(EVENT)


def grown(**labels: str) -> LabelSchema:
    """The event schema with more labels, each with its colour."""
    more = {name: {"color": color} for name, color in labels.items()}
    return LabelSchema.model_validate(EVENT.model_dump() | {"labels": EVENT.model_dump()["labels"] | more})


@pytest.mark.parametrize(
    ("config", "instructions", "edited"),
    [
        (PAGE.config, PAGE.instructions, ()),
        (PAGE.config.strip().replace("\n", "\r\n"), PAGE.instructions.replace("&#x27;", "'") + "\n", ()),
        (PAGE.config.replace(' name="text" value="$text"', ' value="$text" name="text"'), PAGE.instructions, ()),
        (PAGE.config.replace("#1f6feb", "#000000"), PAGE.instructions, ("labeling config",)),
        (PAGE.config, PAGE.instructions + "<p>Hurry!</p>", ("instructions",)),
        (PAGE.config.replace('hotkey="1"', ""), "", ("labeling config", "instructions")),
    ],
)
def test_page_knows_what_was_edited_since_it_was_made(config: str, instructions: str, edited: tuple[str, ...]):
    assert Page(config=config, instructions=instructions).edited == edited


def test_page_without_a_mark_may_be_anybodys():
    assert Page(config="<View/>").edited is None
    assert differences(EVENT, PAGE.config) == ()


def test_page_changes_are_readable():
    shown = Page(
        config=PAGE.config.replace('background="#1f6feb"', 'background="#000000"')
        .replace('hotkey="2"', "")
        .replace('granularity="word"', 'granularity="symbol"'),
        instructions=PAGE.instructions.replace("Pronouns are never marked.", "Pronouns are &lt;fine&gt;."),
    )
    said = [str(change) for change in shown.changes(Page.of(grown(WEAPON="#123456")))]
    assert said[:3] == ["label ACTOR colour: #000000 → #1f6feb", "label ACTION key: none → 2", "label WEAPON: new"]
    assert 'layout: - <Text name="text" value="$text" granularity="symbol" />' in said
    assert 'layout: + <Text name="text" value="$text" granularity="word" />' in said
    assert any(line.startswith("instructions: - ") and line.endswith("Pronouns are <fine>.") for line in said)
    assert PAGE.changes(PAGE) == ()


def test_page_with_missing_keeps_what_somebody_made_of_it():
    own = PAGE.config.replace("#1f6feb", "#000000").replace('<Relation value="time" />', "")
    schema = grown(WEAPON="#123456")
    config = with_missing(schema, own)
    assert differences(schema, config) == ()
    assert "#000000" in config
    assert Page(config=config, instructions=PAGE.instructions).edited == ("labeling config",)
    bare = (
        '<View><Labels name="label" toName="text"><Label value="X"/></Labels><Text name="text" value="$text"/></View>'
    )
    assert {d.detail for d in differences(schema, with_missing(schema, bare))} == {
        "label X is in the project, not in the schema"
    }
