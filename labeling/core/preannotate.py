"""What a schema says of its pre-annotation: which label plays which part in an event, and what is predicted."""

from typing import Annotated, Literal

from pydantic import Field

from labeling.core.value import Value

Part = Literal["actor", "action", "location", "date"]
Role = Literal["agent", "target", "place", "time"]
Extent = Literal["head", "group", "phrase"]
Threshold = Annotated[float, Field(ge=0, le=1)]


class Preannotate(Value):
    """The `[preannotate]` table of a schema: a schema that has it gets events, by rules over the parsed text.

    Paths are looked for beside the schema, then among the shipped schemas.

    Attributes:
        actor, action, location, date: The label that plays this part; "" where none does.
        agent, target, place, time: The relation from an action to who does it, to whom, where, when; "" where none is.
        every_name: Whether names of people, organisations and places are marked wherever they stand, and not only where
            they are likely to take part in something.
        nominal_actors: Whether "rebels" and "the foreign minister" are actors, besides names.
        nominal_places: Whether "the border" and "a hospital" are places; as `nominal_actors` where nothing is said.
        pronouns: Whether "he" and "who" are.
        event_nouns: Whether "the attack" and "talks" are actions, besides verbs.
        reporting_verbs: Whether "said" and "announced" are.
        light_verbs: Whether "held" in "held talks" is, and "began" in "began to march", besides what they carry.
        states: Whether "has", "fears" and "is dead" are.
        durations: Whether "for three days" and "every week" are dates, besides what says when.
        extents: Label → how far its spans reach where they are not names: the head alone ("troops"), the head with what
            says which group it is ("Russian troops", "peace talks"), or the whole phrase ("Russian troops in Crimea").
            Where nothing is said, actions are heads, the others groups.
        thresholds: Label → the least score of a span that is shown. A third, where nothing is said: a wrong span costs
            an annotator one gesture, a missing one two, so from a third on a span pays.
        rules: The folder of word lists, weights of the scores and rules of relations (schemas/en/README.md).
        lists: Name of a word list → files with further words.
        patterns: Files of spaCy patterns, as `SpanRuler` takes them: a JSON line each, `{"label": …, "pattern": …}`.
        models: spaCy packages or folders whose entities of the schema's labels are taken besides.
    """

    actor: str = "ACTOR"
    action: str = "ACTION"
    location: str = "LOCATION"
    date: str = "DATE"
    agent: str = "agent"
    target: str = "target"
    place: str = "place"
    time: str = "time"
    every_name: bool = True
    nominal_actors: bool = True
    nominal_places: bool | None = None
    pronouns: bool = False
    event_nouns: bool = True
    reporting_verbs: bool = True
    light_verbs: bool = False
    states: bool = False
    durations: bool = True
    extents: dict[str, Extent] = Field(default_factory=dict)
    thresholds: dict[str, Threshold] = Field(default_factory=dict)
    rules: str = "en"
    lists: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    patterns: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
