"""Hypothesis strategies: texts as they come, and documents with labels on them."""

from hypothesis import strategies as st

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span

PIECES = [
    *[
        "Rebels",
        "said",
        "U.S.",
        "don't",
        "Al-Qaeda",
        "$5,000",
        "Zoë",
        "Ş̧",
        "e\u0301",
        "👩‍👩‍👧",
        "🇺🇦",
        "😀",
        "שלום",
        "مرحبا",
        "北京",
    ],
    *[
        " ",
        "  ",
        "\n",
        "\n\n",
        "\t",
        "\u00a0",
        "\u200b",
        "\u00ad",
        "\u202f",
        ".",
        ",",
        "“",
        "</b>",
        "&amp;",
        "\\n",
        "\u2028",
        "\x0b",
    ],
]
texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=25).map("".join).filter(str.strip)
LABELS = ("ACTOR", "ACTION", "LOCATION", "DATE")


attributes = st.fixed_dictionaries(
    {},
    optional={
        "sure": st.just({"choices": ["yes", "no"]}),
        "when": st.just({"datetime": "2026-01-01"}),
        "why": st.just({"text": ["because 😀"]}),
        "kind": st.just({"taxonomy": [["a", "b"]]}),
        "n": st.just({"number": 3}),
        "meta": st.just({"text": ["look again"]}),
    },
)


@st.composite
def documents(
    draw: st.DrawFn, labels: tuple[str, ...] = LABELS, relations: bool = True, attributed: bool = True
) -> LabeledDoc:
    """A document with nested, touching and overlapping spans, relations from any span to any, and other answers."""
    text = draw(texts)
    inked = [i for i, character in enumerate(text) if not character.isspace()]
    ends = st.tuples(st.sampled_from(inked), st.sampled_from(inked)).map(sorted)
    extents = draw(
        st.lists(st.tuples(ends, st.sampled_from(labels)), max_size=8, unique_by=lambda e: (tuple(e[0]), e[1]))
    )
    spans = tuple(
        Span(id=f"s{n}", start=a, end=b + 1, label=label, attributes=draw(attributes) if attributed else {})
        for n, ((a, b), label) in enumerate(extents)
    )
    arrows: list[Relation] = []
    if spans and relations:
        ids = st.sampled_from([span.id for span in spans])
        arrow = st.builds(Relation, head=ids, tail=ids, label=st.sampled_from(["agent", "with"]))
        arrows = draw(st.lists(arrow, max_size=5, unique=True))
    said = {name: value for name, value in draw(attributes).items() if name != "meta"} if attributed else {}
    return LabeledDoc.of(Article(doc_id="doc", text=text), spans, tuple(arrows), attributes=said)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "type",
                    "value",
                    "start",
                    "end",
                    "labels",
                    "text",
                    "from_id",
                    "to_id",
                    "direction",
                    "result",
                    "data",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
