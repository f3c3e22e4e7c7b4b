"""The pre-annotation of a schema: which label has which role in an event, and what is predicted."""

from typing import Annotated, Literal

from pydantic import Field

from labeling.core.value import Value

Element = Literal["actor", "action", "location", "date"]
Role = Literal["agent", "target", "place", "time"]
Extent = Literal["head", "group", "phrase"]
Threshold = Annotated[float, Field(ge=0, le=1)]


class Preannotate(Value):
    """The `[preannotate]` table of a schema, with which events are predicted by rules over the parsed text.

    Paths are relative to the schema, or else to the shipped schemas.

    Attributes:
        actor, action, location, date: The label of these; "" if there is none.
        agent, target, place, time: The relation from an action to who does it, to whom, where, when; "" if there is
            none.
        every_name: Whether to mark every name of a person, organisation or place, and not only those that probably
            take part in an event.
        nominal_actors: Whether "rebels" and "the foreign minister" are actors, besides names.
        nominal_places: Whether "the border" and "a hospital" are places; by default as `nominal_actors`.
        pronouns: Whether "he" and "who" are actors.
        event_nouns: Whether "the attack" and "talks" are actions, besides verbs.
        reporting_verbs: Whether "said" and "announced" are actions.
        light_verbs: Whether "held" in "held talks" and "began" in "began to march" are actions, besides "talks" and
            "march".
        states: Whether "has", "fears" and "is dead" are actions.
        durations: Whether "for three days" and "every week" are dates, besides points in time.
        extents: Label → what its spans cover unless they are names: the head alone ("troops"), the head with its
            closest modifiers ("Russian troops", "peace talks"), or the whole phrase ("Russian troops in Crimea"). By
            default actions are heads, the others groups.
        thresholds: Label → the lowest score of a span that is predicted; by default a third: deleting a wrong span
            takes an annotator one gesture, adding a missing one two, so a span is worthwhile from a third on.
        rules: The folder of word lists, weights of the scores and rules of relations (schemas/en/README.md).
        lists: Name of a word list → files with more words.
        patterns: Files of spaCy patterns for `SpanRuler`, as JSON lines: `{"label": …, "pattern": …}`.
        models: More spaCy packages or folders, whose entities with the schema's labels are added.
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
