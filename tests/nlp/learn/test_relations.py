"""What is learned of relations: the reviewers' conventions, with and without rules and a parse; and no harm done."""

import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span

from labeling.core.schema import LabelSchema
from labeling.errors import ModelError
from labeling.nlp.annotate import EventFinder, event_finder
from labeling.nlp.learn.relation_training import fit
from labeling.nlp.learn.relation_vectors import Projection
from labeling.nlp.learn.relations import Example, RelationModel, RelationReport, Weights
from tests.builders import EVENT, ROOT

pytest.importorskip("sklearn")

TRADE = LabelSchema.from_toml("""
name = "trade"
version = "1"
title = "Who sells what"
[labels.WHO]
[labels.WHAT]
[relations.sells]
head = ["WHO"]
tail = ["WHAT"]
[relations.buys]
head = ["WHO"]
tail = ["WHAT"]
""")
WHO = ("Anna", "Boris", "Carla", "Diego", "Elif", "Farid", "Greta", "Hugo")
WHAT = ("apples", "boats", "coal", "drums", "eggs", "flax", "gold", "hemp")
BLANK = spacy.blank("en")
Relation = tuple[int, int, str]


def trade(number: int, *, far: bool = False) -> Example:
    """A document in which the one before "sold" sells what follows it, and the one behind "to" buys it."""
    names, goods = WHO[number % 8 :] + WHO, WHAT[number * 3 % 8 :] + WHAT
    words: list[str] = []
    places: list[tuple[int, str]] = []
    relations: list[Relation] = []
    for i in range(3):
        first = len(places)
        for word, label in (
            *((names[i], "WHO"), ("sold", ""), (goods[i], "WHAT")),
            *(((".", ""), ("They", ""), ("went", "")) if far else ()),
            *(("to", ""), (names[i + 4], "WHO"), ("near", ""), (goods[i + 4], "WHAT"), (".", "")),
        ):
            if label:
                places.append((len(words), label))
            words.append(word)
        relations += [(first, first + 1, "sells"), (first + 2, first + 1, "buys")]
    doc = Doc(BLANK.vocab, words)
    return Example(doc, [Span(doc, at, at + 1, label=label) for at, label in places], relations)


def dense(number: int) -> Example:
    """A document of words that no other has, in which vectors alone say who sells; the other one has nothing to do."""
    random = numpy.random.default_rng(number)
    doc = Doc(BLANK.vocab, [f"w{number}x{i}" if i % 4 != 3 else "." for i in range(32)])
    spans = [Span(doc, i + k, i + k + 1, label=("WHO", "WHAT", "WHO")[k]) for i in range(0, 32, 4) for k in range(3)]
    vectors = random.normal(size=(32, 40))
    relations: list[Relation] = []
    for first in range(0, len(spans), 3):
        seller = first + 2 * int(random.integers(2))
        vectors[spans[seller].start] += 4
        relations.append((seller, first + 1, "sells"))
    doc.tensor = vectors.astype(numpy.float32)  # type: ignore[assignment]  # spaCy's stubs know doubles alone
    return Example(doc, spans, relations)


def without_vectors(example: Example) -> Example:
    """The same words."""
    doc = Doc(BLANK.vocab, [token.text for token in example.doc])
    return replace(example, doc=doc, spans=[Span(doc, s.start, s.end, label=s.label_) for s in example.spans])


def said(model: RelationModel, example: Example) -> set[Relation]:
    return {(head, tail, label) for head, tail, label, _ in model(example.doc, example.spans, example.scores)}


def f(found: Iterable[set[Relation]], examples: Iterable[Example]) -> float:
    """F of relations in all documents."""
    pairs = list(zip(found, (set(e.relations) for e in examples), strict=True))
    return 2 * sum(len(a & b) for a, b in pairs) / sum(len(a) + len(b) for a, b in pairs)


@pytest.fixture(scope="module")
def finder(english: Language) -> EventFinder:
    found = event_finder(english, EVENT)
    assert found
    return found


@pytest.fixture(scope="module")
def seeds(english: Language, finder: EventFinder) -> list[Example]:
    gold = [json.loads(line) for line in (ROOT / "seeds" / "gold.jsonl").read_text(encoding="utf-8").splitlines()]
    examples = []
    for one, doc in zip(gold, english.pipe(finder.readable(one["text"]) for one in gold), strict=True):
        number = {mark["id"]: place for place, mark in enumerate(one["spans"])}
        spans = [doc.char_span(m["start"], m["end"], label=m["label"], alignment_mode="expand") for m in one["spans"]]
        relations = [(number[r["head"]], number[r["tail"]], r["label"]) for r in one["relations"]]
        examples.append(Example(doc, spans, relations))
    return examples


@pytest.fixture(scope="module")
def trained() -> RelationModel:
    return fit([trade(number) for number in range(8)], TRADE)


@pytest.fixture(scope="module")
def with_vectors() -> RelationModel:
    return fit([dense(number) for number in range(12)], TRADE)


def test_without_rules_and_parse_words_and_order_are_learned(trained: RelationModel) -> None:
    new = [trade(number) for number in (9, 11)]
    assert [said(trained, one) for one in new] == [set(one.relations) for one in new]
    assert {one.source for one in trained.report} == {"learned"}
    assert all(0 <= p <= 1 for one in new for *_, p in trained(one.doc, one.spans))


def test_relations_beyond_the_sentence_are_learned_where_the_gold_has_them() -> None:
    model = fit([trade(number, far=True) for number in range(8)], TRADE)
    assert model.window == 1
    new = trade(9, far=True)
    assert said(model, new) == set(new.relations)


def test_relations_stay_within_the_sentence_where_the_gold_does(trained: RelationModel) -> None:
    assert trained.window == 0


def test_spans_that_overlap_have_relations_of_their_own() -> None:
    examples = []
    for number in range(9):
        one = trade(number)
        wider = [Span(one.doc, s.start, s.end + 1, label="WHAT") for s in one.spans if s.label_ == "WHAT"]
        examples.append(replace(one, spans=[*one.spans, *wider[::2]]))
    model = fit(examples[:8], TRADE)
    assert {label for *_, label in said(model, examples[8])} == {"sells", "buys"}
    assert f([said(model, examples[8])], examples[8:]) > 0.8


def test_no_more_is_said_than_the_schema_allows(trained: RelationModel) -> None:
    one = trade(9)
    turned = [Span(one.doc, s.start, s.end, label="WHAT") for s in one.spans]
    assert said(trained, replace(one, spans=turned)) == set()


@pytest.mark.parametrize("size", [1, 2, 4, 10])
def test_few_documents_do_no_harm(seeds: list[Example], finder: EventFinder, size: int) -> None:
    rules = finder.relations.between
    model = fit(seeds[:size], EVENT, rules, finder.spans.finder.describe.lexicon)
    new = seeds[10:]
    by_rules = f([set(rules(one.spans)) for one in new], new)
    assert f([said(model, one) for one in new], new) >= by_rules - 0.005


def test_who_joins_only_names_is_followed(seeds: list[Example], finder: EventFinder) -> None:
    own = [
        replace(one, relations=[r for r in one.relations if any(t.pos_ == "PROPN" for t in one.spans[r[1]])])
        for one in seeds
    ]
    rules = finder.relations.between
    model = fit(own[:20], EVENT, rules, finder.spans.finder.describe.lexicon)
    by_rules = f([set(rules(one.spans)) for one in own[20:]], own[20:])
    assert f([said(model, one) for one in own[20:]], own[20:]) > by_rules + 0.2


def test_a_relation_that_the_gold_lacks_is_left_to_the_rules(seeds: list[Example], finder: EventFinder) -> None:
    rules = finder.relations.between
    without = [replace(one, relations=[r for r in one.relations if r[2] != "time"]) for one in seeds[:6]]
    model = fit(without, EVENT, rules)
    assert {one.label: one.source for one in model.report}["time"] == "rules"
    assert {r for r in said(model, seeds[7]) if r[2] == "time"} == {r for r in rules(seeds[7].spans) if r[2] == "time"}


def test_without_any_document_the_rules_speak(seeds: list[Example], finder: EventFinder) -> None:
    rules = finder.relations.between
    model = fit([], EVENT, rules)
    assert said(model, seeds[0]) == set(rules(seeds[0].spans))
    assert fit([], EVENT)(seeds[0].doc, seeds[0].spans) == []


def test_what_nobody_knows_about_teaches_nothing() -> None:
    examples = [trade(number) for number in range(8)]
    whole = [(0, len(examples[0].doc))]
    blind = [replace(one, relations=[], unknown=whole) for one in examples]
    model = fit([*examples, *blind], TRADE)
    new = trade(9)
    assert said(model, new) == set(new.relations)


def test_relations_whose_ends_were_not_found_count_as_gold() -> None:
    examples = [replace(trade(number), missed={"sells": 2}) for number in range(6)]
    report = {one.label: one for one in fit(examples, TRADE).report}
    assert (report["sells"].gold, report["buys"].gold) == (30, 18)
    assert report["sells"].learned == pytest.approx(2 * 18 / (18 + 30))


def test_a_document_without_spans_and_one_without_text_say_nothing(trained: RelationModel) -> None:
    assert trained(trade(1).doc, []) == []
    assert trained(Doc(BLANK.vocab, []), []) == []
    empty = Example(Doc(BLANK.vocab, []), [], [])
    model = fit([empty, *(trade(number) for number in range(8))], TRADE)
    assert said(model, trade(9)) == set(trade(9).relations)


def test_vectors_tell_what_words_do_not(with_vectors: RelationModel) -> None:
    new = [dense(number) for number in range(20, 24)]
    assert f([said(with_vectors, one) for one in new], new) > 0.9
    blind = fit([without_vectors(dense(number)) for number in range(12)], TRADE)
    assert f([said(blind, one) for one in new], new) < 0.75


def test_a_document_without_the_vectors_that_were_learned_is_read_all_the_same(with_vectors: RelationModel) -> None:
    one = dense(20)
    plain = without_vectors(one)
    narrow = without_vectors(one)
    narrow.doc.tensor = numpy.ones((len(one.doc), 3), dtype=numpy.float32)  # type: ignore[assignment]
    found = with_vectors(plain.doc, plain.spans)
    assert with_vectors(narrow.doc, narrow.spans) == found
    assert found != with_vectors(one.doc, one.spans)


def test_vectors_that_some_documents_lack_teach_nothing() -> None:
    examples = [trade(number) for number in range(8)]
    examples[0].doc.tensor = numpy.ones((len(examples[0].doc), 40), dtype=numpy.float32)  # type: ignore[assignment]
    model = fit(examples, TRADE)
    assert model.to_bytes() == fit([trade(number) for number in range(8)], TRADE).to_bytes()


def test_vectors_that_are_all_the_same_do_no_harm() -> None:
    examples = [trade(number) for number in range(8)]
    for one in examples:
        one.doc.tensor = numpy.ones((len(one.doc), 40), dtype=numpy.float32)  # type: ignore[assignment]
    assert said(fit(examples, TRADE), trade(9)) == set(trade(9).relations)


@pytest.mark.parametrize("example", [trade, dense])
def test_the_same_seed_gives_the_same_model(example: Callable[[int], Example]) -> None:
    once, again = (fit([example(number) for number in range(8)], TRADE) for _ in range(2))
    assert again.to_bytes() == once.to_bytes()


@pytest.mark.parametrize(("model", "new"), [("trained", trade(9)), ("with_vectors", dense(20))])
def test_a_saved_model_says_the_same(model: str, new: Example, request: pytest.FixtureRequest) -> None:
    once: RelationModel = request.getfixturevalue(model)
    again = RelationModel.from_bytes(once.to_bytes(), TRADE)
    assert again(new.doc, new.spans) == once(new.doc, new.spans) != []
    assert again.report == once.report


NUMBER = st.floats(0, 1)
FLOATS = st.lists(st.floats(-50, 50, width=32), max_size=9).map(lambda some: numpy.array(some, dtype=numpy.float32))

PROJECTION = Projection(numpy.arange(3, dtype=numpy.float32), numpy.ones((2, 3), dtype=numpy.float32))
NUMBERS = st.lists(st.floats(-9, 9, width=32), min_size=6, max_size=6).map(numpy.float32)


@st.composite
def weights(draw: st.DrawFn) -> Weights:
    some = draw(FLOATS)
    symbols = draw(st.sets(st.integers(1, 2**64 - 1), min_size=len(some), max_size=len(some)))
    return Weights(
        source=draw(st.sampled_from(["rules", "learned", "none"])),
        threshold=draw(NUMBER),
        precision=draw(NUMBER),
        values=numpy.array(sorted(symbols), dtype=numpy.uint64),
        weights=some,
        pooled=draw(NUMBERS),
        said=draw(st.floats(-9, 9)),
        intercept=draw(st.floats(-9, 9)),
        decision=draw(st.lists(st.floats(-9, 9, width=32), min_size=6, max_size=6).map(numpy.float32)),
    )


@given(st.fixed_dictionaries({"sells": weights(), "buys": weights()}), st.integers(0, 3))
def test_bytes_and_back_is_the_same_model(given: dict[str, Weights], window: int) -> None:
    report = [RelationReport("sells", 3, 0.5, None, 0.25, "rules"), RelationReport("buys", 0, 0.0, 0.5, 0.5, "none")]
    model = RelationModel(TRADE, given, window, report, projection=PROJECTION)
    again = RelationModel.from_bytes(model.to_bytes(), TRADE)
    assert again.to_bytes() == model.to_bytes()
    assert (again.window, again.report) == (window, tuple(report))
    for key, value in vars(PROJECTION).items():
        numpy.testing.assert_array_equal(getattr(again.projection, key), value)
    for name, one in given.items():
        for key, value in vars(one).items():
            numpy.testing.assert_array_equal(getattr(again.weights[name], key), value)


@given(st.binary(max_size=60), st.integers(0, 10_000))
def test_damaged_bytes_are_refused_or_harmless(noise: bytes, at: int) -> None:
    data = bytearray(RelationModel(TRADE, {"sells": Weights(), "buys": Weights()}, projection=PROJECTION).to_bytes())
    at %= len(data)
    data[at : at + len(noise)] = noise
    for damaged in (bytes(data), bytes(data[:at]), noise):
        try:
            model = RelationModel.from_bytes(damaged, TRADE)
        except ModelError as error:
            assert error.message and error.hint
        else:
            model(trade(1).doc, trade(1).spans)


def _changed(model: RelationModel, **arrays: Sequence[float]) -> bytes:
    with numpy.load(io.BytesIO(model.to_bytes())) as given:
        into = io.BytesIO()
        numpy.savez(into, **(dict(given) | {k.replace("_", "."): numpy.array(v) for k, v in arrays.items()}))
        return into.getvalue()


@pytest.mark.parametrize(
    "arrays",
    [
        {"decision_0": numpy.zeros(3, numpy.float32)},
        {"weights_0": numpy.full(1, numpy.nan, numpy.float32)},
        {"values_0": numpy.zeros(4, numpy.uint64)},
        {"values_0": numpy.array(["a"], dtype=object)},
        {"about": numpy.frombuffer(b'{"format": 99}', numpy.uint8)},
        {"numbers_0": numpy.zeros(2, numpy.float32)},
        {"mean": numpy.zeros(40, numpy.float32)},
        {"axes": numpy.zeros(3, numpy.float32)},
    ],
    ids=["short", "no number", "unordered", "objects", "format", "vectors", "width", "no matrix"],
)
def test_a_model_with_other_arrays_is_refused(trained: RelationModel, arrays: dict[str, Sequence[float]]) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        RelationModel.from_bytes(_changed(trained, **arrays), TRADE)


def test_a_model_of_another_schema_is_refused(trained: RelationModel) -> None:
    with pytest.raises(ModelError, match="buys, sells"):
        RelationModel.from_bytes(trained.to_bytes(), EVENT)
