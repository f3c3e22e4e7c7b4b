"""Pairs of a document's spans → the features of each pair, as hashes.

Each feature is a hash of its name and its value ("the path between them is ^nsubj/dobj"). Without a parse, only words,
distance, direction and labels are used.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from labeling.nlp.events.lexicon import NOUN_KINDS, VERB_KINDS, Lexicon
from labeling.nlp.hashes import Hashes, hash_of, joined

Ints = NDArray[numpy.int64]
Triple = tuple[int, int, str]  # index of the head, index of the tail, relation label
Rules = Callable[[Sequence[Span]], Iterable[Triple]]

BETWEEN = 8  # words between two spans that become features: more add little
FAR = 8  # steps of a path; longer ones are not told apart
DISTANCES = numpy.array([1, 2, 3, 4, 6, 9, 13, 20, 35])  # tokens, the lower bounds of the bins
COUNTS = numpy.array([1, 2, 3, 5])
SCORES = numpy.array([0.3, 0.5, 0.65, 0.8, 0.9, 0.96])
LIKELY_KIND = 0.3  # the least share of a kind among a word's senses
PASSIVES = frozenset({"auxpass", "nsubjpass", "aux:pass", "nsubj:pass", "csubjpass"})
SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "expl", "nsubj:pass"})
PREPOSITIONS = frozenset({"case", "mark"})  # below the noun, in Universal Dependencies


class PairFeatures:
    """Computes the features of one document's pairs."""

    def __init__(
        self,
        doc: Doc,
        spans: Sequence[Span],
        scores: Sequence[float] | None,
        ends: tuple[Ints, Ints],
        apart: Ints,
        triples: Sequence[Triple] | None,
        lexicon: Lexicon | None,
    ) -> None:
        """Prepare for pairs with these heads and tails (`ends`, indices of spans), `apart` sentences from each other.

        `triples` are the relations that the rules give; None without rules.
        """
        self.doc, self.spans, self.scores = doc, spans, scores
        (self.heads, self.tails), self.apart = ends, apart
        self.triples, self.lexicon = triples, lexicon
        columns: Any = doc.to_array(["LOWER", "LEMMA", "POS", "TAG", "DEP", "ENT_TYPE", "SHAPE", "HEAD"]).T
        self.lower, lemma, self.pos, self.tag, self.dep, self.entity, self.shape, offsets = columns
        self.lemma = numpy.where(lemma > 0, lemma, self.lower)
        self.parents = (numpy.arange(len(doc)) + offsets.astype(numpy.int64)).tolist()
        self.is_parsed = bool(doc.has_annotation("DEP"))
        self.starts = numpy.array([span.start for span in spans])
        self.ends = numpy.array([span.end for span in spans])
        self.roots = numpy.array([self._root(span) for span in spans])
        self.label = numpy.array([span.label for span in spans], dtype=numpy.uint64)
        self.columns: list[Hashes] = []

    def add(self, name: str, *columns: Any) -> None:
        """Add a feature that joins the values of the columns; 0 if any of them is 0."""
        found: Hashes = numpy.full(len(self.heads), hash_of(name), dtype=numpy.uint64)
        empty = numpy.zeros(len(self.heads), dtype=bool)
        for column in columns:
            empty |= column == 0
            found = joined(found, column)
        found ^= found >> numpy.uint64(29)  # spreads small differences over all bits
        self.columns.append(numpy.where(empty, 0, found))

    def hashed(self) -> Hashes:
        """The features of all pairs; shape (pairs, features)."""
        h, t = self.heads, self.tails
        before = (self.starts[t] < self.starts[h]).astype(numpy.int64)
        gap = numpy.maximum(numpy.where(before, self.starts[h] - self.ends[t], self.starts[t] - self.ends[h]), 0)
        side = 1 + before + 2 * numpy.minimum(self.apart, 3)
        distance = 1 + numpy.digitize(gap, DISTANCES)
        kinds = joined(self.label[h], self.label[t])
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
        return numpy.stack(self.columns, axis=1)

    def _add_ends(self, side: Ints, form: Hashes) -> None:
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
            for near, token in (("before", self.starts[at] - 1), ("after", self.ends[at])):
                exists = (token >= 0) & (token < len(self.lower))
                word = numpy.where(exists, self.lower[numpy.clip(token, 0, len(self.lower) - 1)], 1)
                self.add(f"{near} {end}", word, side)
        self.add("names", name[self.heads], name[self.tails], side)
        self.add("lemmas", self.lemma[self.roots[self.heads]], self.lemma[self.roots[self.tails]])
        kinds = self._kinds()
        for number in range(kinds.shape[1]):
            self.add("head kind", kinds[self.heads, number], side)
            self.add("tail kind", kinds[self.tails, number], side)
            self.add("head kind dep", kinds[self.heads, number], self.dep[self.roots[self.tails]])

    def _add_neighbours(self, kinds: Hashes, side: Ints, gap: Ints) -> None:
        """Add how many spans of the same labels lie between, and whether either end is the nearest candidate."""
        low, high = (
            numpy.minimum(self.starts[self.heads], self.starts[self.tails]),
            numpy.maximum(self.starts[self.heads], self.starts[self.tails]),
        )
        for name, ends in (("like the head", self.heads), ("like the tail", self.tails)):
            count = numpy.zeros(len(ends), dtype=numpy.int64)
            for label in numpy.unique(self.label[ends]):
                mine = self.label[ends] == label
                starts = numpy.sort(self.starts[self.label == label])
                inside = numpy.searchsorted(starts, high[mine]) - numpy.searchsorted(starts, low[mine], side="right")
                count[mine] = numpy.maximum(inside, 0)
            self.add(f"between {name}", kinds, side, 1 + numpy.digitize(count, COUNTS))
        for name, ends, other in (("head", self.heads, self.tails), ("tail", self.tails, self.heads)):
            # whether this end is the nearest one of its label to the other end
            self.add(f"nearest {name}", kinds, side, 1 + _is_least(gap, other, self.label[ends]))

    def _add_words(self, side: Ints) -> None:
        h, t = self.heads.tolist(), self.tails.tolist()
        starts, ends = self.starts.tolist(), self.ends.tolist()
        words, between = self.lower.tolist(), numpy.zeros((len(h), BETWEEN), dtype=numpy.uint64)
        many = numpy.ones(len(h), dtype=numpy.int64)
        verbs = numpy.ones(len(h), dtype=numpy.int64)
        is_verb = numpy.concatenate([[0], numpy.cumsum(numpy.isin(self.pos, self._codes("VERB", "AUX")))]).tolist()
        for row, (head, tail) in enumerate(zip(h, t, strict=True)):
            first, last = (ends[head], starts[tail]) if starts[head] <= starts[tail] else (ends[tail], starts[head])
            if last > first:
                many[row] = 2 + (last - first > BETWEEN)
                verbs[row] = 1 + min(3, is_verb[last] - is_verb[first])
                distinct = dict.fromkeys(words[first : min(last, first + BETWEEN // 2)])
                distinct |= dict.fromkeys(words[max(first, last - BETWEEN // 2) : last])
                between[row, : len(distinct)] = list(distinct)
        self.add("many between", many, side)
        self.add("verbs between", verbs, side)
        for column in range(BETWEEN):
            self.add("between", between[:, column], side)

    def _add_rules(self, form: Hashes) -> None:
        """Add the rules' relations of the pair, and of each of its ends."""
        if self.triples is None:
            return
        pair: dict[tuple[int, int], str] = {}
        by_head: dict[int, set[str]] = {}
        by_tail: dict[int, set[str]] = {}
        for head, tail, label in self.triples:
            pair[head, tail] = f"{pair.get((head, tail), '')} {label}"
            by_head.setdefault(head, set()).add(label)
            by_tail.setdefault(tail, set()).add(label)
        ends = list(zip(self.heads.tolist(), self.tails.tolist(), strict=True))
        verdict = numpy.array([hash_of(pair.get(end, "none")) for end in ends], dtype=numpy.uint64)
        of_head = [hash_of(" ".join(sorted(by_head.get(h, ("none",))))) for h, _ in ends]
        of_tail = [hash_of(" ".join(sorted(by_tail.get(t, ("none",))))) for _, t in ends]
        self.add("rules", verdict)
        self.add("rules form", verdict, form)
        self.add("rules of head", verdict, numpy.array(of_head, dtype=numpy.uint64))
        self.add("rules of tail", verdict, numpy.array(of_tail, dtype=numpy.uint64))
        self.add("rules name", verdict, self.tag[self.roots[self.tails]])
        self.add("rules head", verdict, self.lemma[self.roots[self.heads]])

    def _add_paths(self, kinds: Hashes, form: Hashes, side: Ints) -> None:
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
                *(hash_of(whole or "same"), hash_of(plain or "same"), hash_of(short)),
                *(hash_of("".join(climb) or "none"), hash_of("".join(descent) or "none")),
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
        """The token and its ancestors, up to the root."""
        if token not in known:
            found = [token]
            while self.parents[found[-1]] != found[-1]:
                found.append(self.parents[found[-1]])
            known[token] = found
        return known[token]

    def _step(self, token: int, known: dict[int, str]) -> str:
        """The dependency of a token on its head, with the preposition that it is or has."""
        if token not in known:
            this = self.doc[token]
            if this.dep_ in ("prep", "agent"):
                known[token] = f"{this.dep_}:{this.lower_}"
            else:
                words = [child.lower_ for child in this.lefts if child.dep_ in PREPOSITIONS]
                known[token] = ":".join([this.dep_.replace(":", "-"), *words[:1]])
        return known[token]

    def _forms(self) -> Hashes:
        """A hash for each span: verb, passive or not, with or without a subject; or its part of speech."""
        found = []
        for root in self.roots.tolist():
            token = self.doc[root]
            if token.pos_ not in ("VERB", "AUX"):
                found.append(hash_of(token.pos_ or "unknown"))
                continue
            children = {child.dep_ for child in token.children}
            passive = bool(children & PASSIVES) or (token.tag_ == "VBN" and "aux" not in children)
            found.append(hash_of(f"verb {passive} {bool(children & SUBJECTS)}"))
        return numpy.array(found, dtype=numpy.uint64)

    def _kinds(self) -> Hashes:
        """The up to two likeliest kinds of each span's root by the lexicon; shape (spans, 2), or (spans, 0) without."""
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
                    found[row, column] = hash_of(f"{'verb' if is_verb else 'noun'} {name}")
        return found

    def _root(self, span: Span) -> int:
        """The syntactic head of a span; its last token if there is no parse."""
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

    def _codes(self, *names: str) -> Hashes:
        return numpy.array([hash_of(name) for name in names], dtype=numpy.uint64)


def _is_least(values: Ints, owners: Ints, labels: Hashes) -> Ints:
    """For each pair, 1 if no other pair of the same owner and label has a smaller value, else 0."""
    least: dict[tuple[int, int], int] = {}
    keys = list(zip(owners.tolist(), labels.tolist(), strict=True))
    numbers = values.tolist()
    for key, value in zip(keys, numbers, strict=True):
        least[key] = min(value, least.get(key, value))
    return numpy.array([value == least[key] for key, value in zip(keys, numbers, strict=True)], dtype=numpy.int64)
