"""The four columns of CoNLL-2003 with IOB2 tags: `conll/<part>.conll`."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from labeling.core.problem import Problem
from labeling.core.tokens import TokenizedDoc
from labeling.formats.format import Context, FileSink, Format, Rendered, problem, words_of
from labeling.formats.names import renamed, safe_names

DOCUMENT = "-DOCSTART- -X- O O\n\n"
SPACE = re.compile(r"\s")


def render(docs: Sequence[TokenizedDoc], context: Context) -> Rendered:
    r"""A line `token -X- _ TAG` for each token, an empty line after each sentence, `-DOCSTART-` before each document.

    White-space tokens are left out; an entity with one inside continues with `I-`. No sentence ends inside an entity.
    CoNLL has no overlapping spans, relations, attributes or unknown tags. The problems are:

    - `overlapping-spans`: the document is left out, because its spans overlap and the context says `refuse`;
    - `sentence-left-out`: the tags of some of its tokens are unknown;
    - `space-in-token`: white space inside a token is written as `_`.
    """
    spelled = _spelled(context)
    columns = {f"{prefix}-{label}": f" -X- _ {prefix}-{spelled[label]}\n" for label in spelled for prefix in "BI"}
    columns |= {"O": " -X- _ O\n", "": "?"}
    parts: list[str] = []
    problems: list[Problem] = []
    for doc in docs:
        if context.overlaps == "refuse" and (clash := _overlap(doc)):
            problems.append(_refused(doc, *clash))
        elif sentences := list(_sentences(doc, columns, problems)):
            parts += [DOCUMENT, *sentences]
    return Rendered("".join(parts).encode("utf-8"), tuple(problems))


def check(context: Context) -> tuple[Problem, ...]:
    """A `renamed-label` for each label with white space, which would break the columns."""
    return renamed("conll: the label {0!r} is written as {1!r}", _spelled(context))


def open_sink(folder: Path, stem: str, context: Context) -> FileSink:
    """`conll/<stem>.conll`; without sentences it has one `-DOCSTART-`, since spaCy may not read an empty file."""
    return FileSink(folder / "conll" / f"{stem}.conll", if_empty=DOCUMENT.encode("utf-8"))


FORMAT = Format(
    name="conll",
    description="CoNLL-2003 columns with IOB2 tags, for spans that do not overlap",
    render=render,
    open=open_sink,
    check=check,
)


def _spelled(context: Context) -> dict[str, str]:
    return safe_names(context.labels, SPACE)


def _sentences(doc: TokenizedDoc, columns: dict[str, str], problems: list[Problem]) -> Iterator[str]:
    rows = [word and word + columns[tag] for word, tag in zip(_words(doc, problems), doc.tags, strict=True)]
    ends = [i for i in doc.sentences[1:] if not doc.tags[i].startswith("I-")]
    for start, stop in pairwise((0, *ends, len(rows))):
        tags = doc.tags[start:stop]
        if "" in tags and (
            missing := sum(not tag and row != "" for tag, row in zip(tags, rows[start:stop], strict=True))
        ):
            problems.append(_left_out(doc, start, stop, missing))
        elif sentence := "".join(rows[start:stop]):
            yield sentence + "\n"


def _words(doc: TokenizedDoc, problems: list[Problem]) -> list[str]:
    """The first column of each token; "" for one of white space."""
    words = words_of(doc)
    spaced = {word: "" if word.isspace() else SPACE.sub("_", word) for word in set(words) if word.split() != [word]}
    if not spaced:
        return words
    if changed := [word for word in words if spaced.get(word)]:
        some = f"{len(changed)} tokens have white space inside, the first is {changed[0]!r}"
        problems.append(problem(doc, "space-in-token", "changed", f"conll: {some}; it is written as `_`"))
    return [spaced.get(word, word) for word in words]


def _overlap(doc: TokenizedDoc) -> tuple[str, str] | None:
    """The ids of the first two spans that share a token."""
    places = sorted((place, span) for span, place in doc.places.items())
    for ((_, stop), span), ((start, _), following) in pairwise(places):
        if start < stop:
            return span, following
    return None


def _refused(doc: TokenizedDoc, first: str, second: str) -> Problem:
    a, b = doc.doc.by_id[first], doc.doc.by_id[second]
    detail = f"conll: {b.label} {doc.doc.slice(b)!r} overlaps {a.label} {doc.doc.slice(a)!r}; left out"
    return problem(doc, "overlapping-spans", "refused", detail, b)


def _left_out(doc: TokenizedDoc, first: int, stop: int, missing: int) -> Problem:
    start, end = doc.tokens[first][0], doc.tokens[stop - 1][1]
    entities = sum(tag.startswith("B-") for tag in doc.tags[first:stop])
    detail = f"conll: nobody knows the tags of {missing} of its tokens; {entities} entities are left out with it"
    text = doc.doc.text[start:end]
    return problem(doc, "sentence-left-out", "refused", detail, start=start, end=end, text=text)
