"""Pairs of a document's spans → what is known of each pair, as symbols.

A symbol is a hash of a name and of what the name says of a pair ("the path between them is ^nsubj/dobj"). It needs no
parse: where there is none, words, distance, direction and labels remain.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.attrs import DEP, ENT_TYPE, HEAD, LEMMA, LOWER, POS, SHAPE, TAG
from spacy.strings import get_string_id
from spacy.tokens import Doc, Span

from labeling.nlp.events.lexicon import NOUN_KINDS, VERB_KINDS, Lexicon

Symbols = NDArray[numpy.uint64]
Ints = NDArray[numpy.int64]
Arrow = tuple[int, int, str]  # number of the head, number of the tail, label
Rules = Callable[[Sequence[Span]], Iterable[Arrow]]

BETWEEN = 8  # words between two spans that are looked at: more say little
FAR = 8  # steps of a path, beyond which it is only called far
DISTANCES = numpy.array([1, 2, 3, 4, 6, 9, 13, 20, 35])  # tokens, the lower bounds of the bins
COUNTS = numpy.array([1, 2, 3, 5])
SCORES = numpy.array([0.3, 0.5, 0.65, 0.8, 0.9, 0.96])
LIKELY_KIND = 0.3  # the least share of a word's uses in which it names something of a kind
MIX = numpy.uint64(1_000_003)
PASSIVES = frozenset({"auxpass", "nsubjpass", "aux:pass", "nsubj:pass", "csubjpass"})
SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "expl", "nsubj:pass"})
PREPOSITIONS = frozenset({"case", "mark"})  # below the noun, in Universal Dependencies


class Description:
    """What is known of one document's pairs."""

    def __init__(
        self,
        doc: Doc,
        spans: Sequence[Span],
        scores: Sequence[float] | None,
        ends: tuple[Ints, Ints],
        apart: Ints,
        arrows: Sequence[Arrow] | None,
        lexicon: Lexicon | None,
    ) -> None:
        """Take the spans with their scores, the numbers of the pairs' heads and tails, and how many sentences apart.

        `arrows` are what the rules say, `lexicon` what words name; None where there are none.
        """
        self.doc, self.spans, self.scores = doc, spans, scores
        (self.heads, self.tails), self.apart = ends, apart
        self.arrows, self.lexicon = arrows, lexicon
        columns: Any = doc.to_array([LOWER, LEMMA, POS, TAG, DEP, ENT_TYPE, SHAPE, HEAD]).T
        self.lower, lemma, self.pos, self.tag, self.dep, self.entity, self.shape, offsets = columns
        self.lemma = numpy.where(lemma > 0, lemma, self.lower)
        self.parents = (numpy.arange(len(doc)) + offsets.astype(numpy.int64)).tolist()
        self.is_parsed = bool(doc.has_annotation("DEP"))
        self.starts = numpy.array([span.start for span in spans])
        self.ends = numpy.array([span.end for span in spans])
        self.roots = numpy.array([self._root(span) for span in spans])
        self.label = numpy.array([span.label for span in spans], dtype=numpy.uint64)
        self.found: list[Symbols] = []

    def add(self, name: str, *columns: Any) -> None:
        """A slot: the columns' values together, 0 where one of them says nothing."""
        found = numpy.full(len(self.heads), code(name), dtype=numpy.uint64)
        empty = numpy.zeros(len(self.heads), dtype=bool)
        for column in columns:
            empty |= column == 0
            found = (found * MIX) ^ column.astype(numpy.uint64)
        found ^= found >> numpy.uint64(29)  # values that differ little are to differ everywhere
        self.found.append(numpy.where(empty, 0, found))

    def symbols(self) -> Symbols:
        """Everything, slot by slot."""
        h, t = self.heads, self.tails
        before = (self.starts[t] < self.starts[h]).astype(numpy.int64)
        gap = numpy.maximum(numpy.where(before, self.starts[h] - self.ends[t], self.starts[t] - self.ends[h]), 0)
        side = 1 + before + 2 * numpy.minimum(self.apart, 3)
        distance = 1 + numpy.digitize(gap, DISTANCES)
        kinds = _mixed(self.label[h], self.label[t])
        form = self._forms()[h]
        self.add("kinds", kinds)
        self.add("side", kinds, side)
        self.add("distance", kinds, side, distance)
        self._add_ends(side, form)
        self._add_neighbours(kinds, side, gap)
        self._add_words(side)
        self._add_rules(form)
        if self.is_parsed:
            self._add_paths(kinds, form, side)
        if self.scores is not None:
            sure = 1 + numpy.digitize(numpy.asarray(self.scores), SCORES)
            self.add("head score", kinds, sure[h])
            self.add("tail score", kinds, sure[t])
            self.add("less sure", kinds, numpy.minimum(sure[h], sure[t]))
        return numpy.stack(self.found, axis=1)

    def _add_ends(self, side: Ints, form: Symbols) -> None:
        name = 1 + numpy.array([self._is_name(span) for span in self.spans], dtype=numpy.int64)
        length = numpy.minimum(self.ends - self.starts, 4)
        for end, at, other in (("head", self.heads, self.tails), ("tail", self.tails, self.heads)):
            root = self.roots[at]
            self.add(f"{end} lemma", self.lemma[root])
            self.add(f"{end} lemma side", self.lemma[root], side)
            self.add(f"{end} tag", self.tag[root], side)
            self.add(f"{end} pos", self.pos[root], self.pos[self.roots[other]])
            self.add(f"{end} dep", self.dep[root], side)
            self.add(f"{end} dep form", self.dep[root], form, side)
            self.add(f"{end} entity", 1 + self.entity[root], side)
            self.add(f"{end} shape", self.shape[root])
            self.add(f"{end} name", name[at], self.label[at])
            self.add(f"{end} length", length[at], self.label[at])
            for near, place in (("before", self.starts[at] - 1), ("after", self.ends[at])):
                there = (place >= 0) & (place < len(self.lower))
                word = numpy.where(there, self.lower[numpy.clip(place, 0, len(self.lower) - 1)], 1)
                self.add(f"{near} {end}", word, side)
        self.add("names", name[self.heads], name[self.tails], side)
        self.add("lemmas", self.lemma[self.roots[self.heads]], self.lemma[self.roots[self.tails]])
        kinds = self._kinds()
        for number in range(kinds.shape[1]):
            self.add("head kind", kinds[self.heads, number], side)
            self.add("tail kind", kinds[self.tails, number], side)
            self.add("head kind dep", kinds[self.heads, number], self.dep[self.roots[self.tails]])

    def _add_neighbours(self, kinds: Symbols, side: Ints, gap: Ints) -> None:
        """Which of several it is: how many spans lie between, and whether a nearer one might be meant."""
        low, high = (
            numpy.minimum(self.starts[self.heads], self.starts[self.tails]),
            numpy.maximum(self.starts[self.heads], self.starts[self.tails]),
        )
        for name, ends in (("like the head", self.heads), ("like the tail", self.tails)):
            count = numpy.zeros(len(ends), dtype=numpy.int64)
            for label in numpy.unique(self.label[ends]):
                mine = self.label[ends] == label
                places = numpy.sort(self.starts[self.label == label])
                inside = numpy.searchsorted(places, high[mine]) - numpy.searchsorted(places, low[mine], side="right")
                count[mine] = numpy.maximum(inside, 0)
            self.add(f"between {name}", kinds, side, 1 + numpy.digitize(count, COUNTS))
        for name, ends, other in (("head", self.heads, self.tails), ("tail", self.tails, self.heads)):
            # of those with the label of this end that the other end might have: is it the nearest
            self.add(f"nearest {name}", kinds, side, 1 + _is_least(gap, other, self.label[ends]))

    def _add_words(self, side: Ints) -> None:
        h, t = self.heads.tolist(), self.tails.tolist()
        starts, ends = self.starts.tolist(), self.ends.tolist()
        words, signs = self.lower.tolist(), numpy.zeros((len(h), BETWEEN), dtype=numpy.uint64)
        many = numpy.ones(len(h), dtype=numpy.int64)
        verbs = numpy.ones(len(h), dtype=numpy.int64)
        is_verb = numpy.concatenate([[0], numpy.cumsum(numpy.isin(self.pos, self._codes("VERB", "AUX")))]).tolist()
        for row, (head, tail) in enumerate(zip(h, t, strict=True)):
            first, last = (ends[head], starts[tail]) if starts[head] <= starts[tail] else (ends[tail], starts[head])
            if last > first:
                many[row] = 2 + (last - first > BETWEEN)
                verbs[row] = 1 + min(3, is_verb[last] - is_verb[first])
                there = dict.fromkeys(words[first : min(last, first + BETWEEN // 2)])
                there |= dict.fromkeys(words[max(first, last - BETWEEN // 2) : last])
                signs[row, : len(there)] = list(there)
        self.add("many between", many, side)
        self.add("verbs between", verbs, side)
        for column in range(BETWEEN):
            self.add("between", signs[:, column], side)

    def _add_rules(self, form: Symbols) -> None:
        """What the rules say of this pair, and of each end with others."""
        if self.arrows is None:
            return
        pair: dict[tuple[int, int], str] = {}
        by_head: dict[int, set[str]] = {}
        by_tail: dict[int, set[str]] = {}
        for head, tail, label in self.arrows:
            pair[head, tail] = f"{pair.get((head, tail), '')} {label}"
            by_head.setdefault(head, set()).add(label)
            by_tail.setdefault(tail, set()).add(label)
        ends = list(zip(self.heads.tolist(), self.tails.tolist(), strict=True))
        said = numpy.array([code(pair.get(end, "none")) for end in ends], dtype=numpy.uint64)
        of_head = [code(" ".join(sorted(by_head.get(h, ("none",))))) for h, _ in ends]
        of_tail = [code(" ".join(sorted(by_tail.get(t, ("none",))))) for _, t in ends]
        self.add("rules", said)
        self.add("rules form", said, form)
        self.add("rules of head", said, numpy.array(of_head, dtype=numpy.uint64))
        self.add("rules of tail", said, numpy.array(of_tail, dtype=numpy.uint64))
        self.add("rules name", said, self.tag[self.roots[self.tails]])
        self.add("rules head", said, self.lemma[self.roots[self.heads]])

    def _add_paths(self, kinds: Symbols, form: Symbols, side: Ints) -> None:
        steps: dict[int, str] = {}
        ups: dict[int, list[int]] = {}
        rows = numpy.zeros((len(self.heads), 5), dtype=numpy.uint64)
        roots = self.roots.tolist()
        lengths = numpy.zeros(len(self.heads), dtype=numpy.int64)
        for row, (head, tail) in enumerate(zip(self.heads.tolist(), self.tails.tolist(), strict=True)):
            a, b = roots[head], roots[tail]
            up, down = self._ascent(a, ups), self._ascent(b, ups)
            top = next((token for token in up if token in down), None)
            if top is None:
                lengths[row] = 3 * FAR
                continue
            climb = [f"^{self._step(token, steps)}" for token in up[: up.index(top)]]
            descent = [f"/{self._step(token, steps)}" for token in reversed(down[: down.index(top)])]
            lengths[row] = len(climb) + len(descent)
            if lengths[row] > FAR:
                continue
            whole = "".join(climb + descent)
            plain = "".join(step.partition(":")[0] for step in climb + descent)
            short = "".join(step for step in climb + descent if step[1:] not in ("conj", "appos")) or "same"
            rows[row] = (
                *(code(whole or "same"), code(plain or "same"), code(short)),
                *(code("".join(climb) or "none"), code("".join(descent) or "none")),
            )
        lemma = self.lemma[self.roots[self.heads]]
        for name, column in zip(("path", "plain path", "short path", "climb", "descent"), rows.T, strict=True):
            self.add(name, kinds, column)
            self.add(f"{name} form", column, form)
        self.add("path lemma", rows[:, 2], lemma)
        self.add("descent lemma", rows[:, 4], lemma)
        self.add("path tail", rows[:, 2], self.tag[self.roots[self.tails]])
        self.add("path side", rows[:, 2], side)
        self.add("steps", kinds, 1 + numpy.minimum(lengths, FAR + 1))
        for name, other, label in (
            ("head", self.tails, self.label[self.heads]),
            ("tail", self.heads, self.label[self.tails]),
        ):
            self.add(f"fewest steps {name}", kinds, side, 1 + _is_least(lengths, other, label))

    def _ascent(self, token: int, known: dict[int, list[int]]) -> list[int]:
        """The token and what is above it, up to the root."""
        if token not in known:
            found = [token]
            while self.parents[found[-1]] != found[-1]:
                found.append(self.parents[found[-1]])
            known[token] = found
        return known[token]

    def _step(self, token: int, known: dict[int, str]) -> str:
        """How a token hangs on what is above it: with its preposition, where it is one or has one."""
        if token not in known:
            this = self.doc[token]
            if this.dep_ in ("prep", "agent"):
                known[token] = f"{this.dep_}:{this.lower_}"
            else:
                words = [child.lower_ for child in this.lefts if child.dep_ in PREPOSITIONS]
                known[token] = ":".join([this.dep_.replace(":", "-"), *words[:1]])
        return known[token]

    def _forms(self) -> Symbols:
        """For each span whether it is a verb, in the passive, with a subject; or which part of speech it is."""
        found = []
        for root in self.roots.tolist():
            token = self.doc[root]
            if token.pos_ not in ("VERB", "AUX"):
                found.append(code(token.pos_ or "unknown"))
                continue
            children = {child.dep_ for child in token.children}
            passive = bool(children & PASSIVES) or (token.tag_ == "VBN" and "aux" not in children)
            found.append(code(f"verb {passive} {bool(children & SUBJECTS)}"))
        return numpy.array(found, dtype=numpy.uint64)

    def _kinds(self) -> Symbols:
        """What each span's root names by the lexicon, at most two kinds; shape (spans, 2), or (spans, 0) without."""
        lexicon = self.lexicon
        if lexicon is None:
            return numpy.zeros((len(self.spans), 0), dtype=numpy.uint64)
        found = numpy.zeros((len(self.spans), 2), dtype=numpy.uint64)
        for row, root in enumerate(self.roots.tolist()):
            token = self.doc[root]
            forms = (token.lemma_.lower(), token.lower_)
            is_verb = token.pos_ in ("VERB", "AUX")
            shares = (lexicon.verbs.get(forms[0]) or lexicon.verbs.get(forms[1])) if is_verb else lexicon.noun(*forms)
            names = VERB_KINDS if is_verb else NOUN_KINDS
            best = sorted(zip(shares or (), names, strict=False), reverse=True)[:2]
            for column, (share, name) in enumerate(best):
                if share >= LIKELY_KIND:
                    found[row, column] = code(f"{'verb' if is_verb else 'noun'} {name}")
        return found

    def _root(self, span: Span) -> int:
        """The token of a span that the others hang on; the last one, where there is no parse."""
        if not self.is_parsed:
            return int(span.end) - 1
        tops = [
            i
            for i in range(span.start, span.end)
            if not span.start <= self.parents[i] < span.end or self.parents[i] == i
        ]
        return tops[0] if tops else int(span.end) - 1

    def _is_name(self, span: Span) -> bool:
        return any(token.pos_ == "PROPN" or (not token.pos_ and token.is_title) for token in span)

    def _codes(self, *names: str) -> Symbols:
        return numpy.array([code(name) for name in names], dtype=numpy.uint64)


@lru_cache(maxsize=200_000)
def code(name: str) -> int:
    """The hash of a string, 0 of ""."""
    return int(get_string_id(name)) if name else 0


def _mixed(first: Any, second: Any) -> Symbols:
    found: Symbols = (first.astype(numpy.uint64) * MIX) ^ second.astype(numpy.uint64)
    return found


def _is_least(values: Ints, owners: Ints, labels: Symbols) -> Ints:
    """For each pair, whether no other pair of the same owner and label has a lesser value: 0 no, 1 yes."""
    least: dict[tuple[int, int], int] = {}
    keys = list(zip(owners.tolist(), labels.tolist(), strict=True))
    numbers = values.tolist()
    for key, value in zip(keys, numbers, strict=True):
        least[key] = min(value, least.get(key, value))
    return numpy.array([value == least[key] for key, value in zip(keys, numbers, strict=True)], dtype=numpy.int64)
