"""Spans in a parsed document → the relations that join them into events, by rules over dependency paths."""

import re
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

import numpy
from spacy.tokens import Doc, Span, Token

from labeling.core.preannotate import Role
from labeling.errors import SchemaError

ROLES: tuple[Role, ...] = get_args(Role)
SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "csubjpass", "expl"})
# Steps that may follow the rule's path: to a conjunct, or to an apposition ("Idris, a teacher": Idris, if a span).
CONJUNCT, APPOSED = re.compile(r"(/conj)+$"), re.compile(r"(/conj)*/appos(:noun)?(/conj)*$")
SUBJECTLESS = frozenset({"own", "none"})  # forms of rules that lead to an explicit or implicit subject
OBJECTS = frozenset({"dobj", "dative", "ccomp", "prt"})
PAST = frozenset({"VBN", "VBD"})
NEAREST = frozenset({"place", "time"})  # roles whose argument is given to one action only
FAR = 8  # steps of a path, at most


@dataclass(frozen=True, slots=True)
class Rule:
    """A path from an action to an argument; if several match, the one with the least cost counts."""

    role: str
    cost: int
    verb: str
    path: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of an action: indices of the action (head) and the argument (tail) among the spans, and the role."""

    head: int
    tail: int
    role: str


@lru_cache(maxsize=4)
def read_rules(text: str) -> tuple[Rule, ...]:
    """The rules in a text; schemas/en/relations.tsv explains the format.

    Raises:
        SchemaError: Lines are not rules; the message names all of them.
    """
    rules: list[Rule] = []
    faults: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        try:
            role, cost, verb, path, *_ = line.split("\t")
            if role not in ROLES:
                raise ValueError(f"{role!r} is not one of {', '.join(ROLES)}")
            rules.append(Rule(role, int(cost), verb, re.compile(path)))
        except (ValueError, re.error) as error:
            faults.append(f"  line {number}: {error}")
    if faults:
        raise SchemaError(f"{len(faults)} lines of relations.tsv are not rules\n" + "\n".join(faults))
    return tuple(rules)


class RelationFinder:
    """Finds the relations between spans."""

    def __init__(
        self,
        rules: Iterable[Rule],
        elements: Mapping[str, str],
        light: frozenset[str] = frozenset(),
        transitive: frozenset[str] = frozenset(),
    ) -> None:
        """`elements` maps labels to elements of an event (`{"ACTION": "action", …}`); verbs are given by lemma."""
        self.rules = tuple(rules)
        self.elements = elements
        self.light, self.transitive = light, transitive
        self.costs: dict[tuple[str, str, frozenset[str]], tuple[tuple[str, int], ...]] = {}

    def __call__(self, spans: Sequence[Span]) -> list[Argument]:
        """The arguments of the actions among a document's spans, in order of the actions."""
        if not spans:
            return []
        parse = _Parse(spans[0].doc)
        by_sentence: dict[tuple[int, int], list[tuple[int, str, Token]]] = defaultdict(list)
        for number, span in enumerate(spans):
            if element := self.elements.get(span.label_):
                root = span.root
                by_sentence[parse.top(root.i), parse.paragraph(root.i)].append((number, element, root))
        return sorted(
            (found for members in by_sentence.values() for found in self._in_sentence(parse, members)),
            key=lambda found: (found.head, found.tail, found.role),
        )

    def _in_sentence(self, parse: "_Parse", members: list[tuple[int, str, Token]]) -> Iterator[Argument]:
        found: dict[tuple[str, int], list[tuple[int, int, int]]] = defaultdict(list)
        for action, element, head in members:
            if element != "action":
                continue
            up = self._ancestors(parse, head)
            forms = self._forms(head)
            for argument, other, tail in members:
                path = parse.path(up, tail.i) if other != "action" else ""
                if not path:
                    continue
                for role, cost in self._roles(other, path, forms):
                    key = (role, argument if role in NEAREST else action)
                    found[key].append((cost, abs(head.i - tail.i), argument if role not in NEAREST else action))
        agents = {(owner, one[2]) for (role, owner), options in found.items() if role == "agent" for one in options}
        for (role, owner), options in found.items():
            least = min(options)
            if role in NEAREST:
                yield Argument(least[2], owner, role)
                continue
            for cost, _, to in options:
                if cost == least[0] and (role == "agent" or (owner, to) not in agents):
                    yield Argument(owner, to, role)

    def _roles(self, element: str, path: str, forms: frozenset[str]) -> tuple[tuple[str, int], ...]:
        """The roles that a span of this element may have, each with its least cost."""
        key = (element, path, forms)
        if key not in self.costs:
            if len(self.costs) > 100_000:
                self.costs.clear()
            wanted = {"actor": ("agent", "target"), "location": ("place",), "date": ("time",)}[element]
            more = {path: 0, CONJUNCT.sub("", path): 0}
            more[APPOSED.sub("", path)] = int(path.endswith("/appos:noun"))
            costs: dict[str, int] = {}
            is_patient = "passive" in forms and element == "actor"  # the subject of a passive is the target
            for rule in self.rules:
                if rule.role in wanted and rule.verb in forms:
                    for one, extra in more.items():
                        if one and rule.path.fullmatch(one):
                            role = "target" if is_patient and rule.verb in SUBJECTLESS else rule.role
                            costs[role] = min(rule.cost + extra, costs.get(role, 99))
            self.costs[key] = tuple(costs.items())
        return self.costs[key]

    def _forms(self, head: Token) -> frozenset[str]:
        """The forms of an action that rules refer to."""
        if head.pos_ not in ("VERB", "AUX"):
            return frozenset({"noun"})
        children = {child.dep_ for child in head.children}
        forms = {"verb", "own" if children & SUBJECTS else "none"}
        if self._is_passive(head):
            forms.add("passive")
        return frozenset(forms)

    def _is_passive(self, head: Token) -> bool:
        """Whether a verb is passive, with or without auxiliary: "was arrested", "Man charged with murder"."""
        children = {child.dep_ for child in head.children}
        if children & {"auxpass", "nsubjpass"}:
            return True
        if "aux" in children:
            return False
        if head.dep_ == "conj" and not children & SUBJECTS and head.tag_ in PAST and head.head.tag_ in PAST:
            return self._is_passive(head.head)  # "has entered and seized", "was arrested and charged"
        if head.tag_ == "VBN" and not children & SUBJECTS:
            return True
        lacks_object = not children & OBJECTS and head.tag_ in PAST
        return lacks_object and ("agent" in children or head.lemma_.lower() in self.transitive)

    def _ancestors(self, parse: "_Parse", head: Token) -> dict[int, str]:
        """The token and its ancestors, each with the path up to it."""
        path, here = "", head
        found = {here.i: path}
        while here.head.i != here.i and len(found) < FAR:
            path += f"^{parse.step(here.i)}"
            if here.dep_ == "dobj" and here.head.lemma_.lower() in self.light:
                path += ":light"
            here = here.head
            found[here.i] = path
        return found


class _Parse:
    """The parse of a document with the names of path steps, which are cached."""

    def __init__(self, doc: Doc) -> None:
        self.doc = doc
        offsets: Any = doc.to_array(["HEAD"]).astype(numpy.int64)
        self.heads = [i + offset for i, offset in enumerate(offsets.tolist())]
        self.ends = list(_paragraph_ends(doc))
        self.down_steps: dict[int, str] = {}
        self.up_steps: dict[int, str] = {}

    def top(self, token: int) -> int:
        """The root of the token's sentence."""
        while self.heads[token] != token:
            token = self.heads[token]
        return token

    def paragraph(self, token: int) -> int:
        """The index of a token's paragraph: a parser may join a headline with the sentence that follows."""
        return bisect(self.ends, token)

    def step(self, token: int) -> str:
        """The name of the step from a token up to its head."""
        if token not in self.up_steps:
            self.up_steps[token] = _up_step(self.doc[token])
        return self.up_steps[token]

    def path(self, up: Mapping[int, str], token: int) -> str:
        """The path to a token; "" if there is none within `FAR` steps."""
        down = ""
        for _ in range(FAR):
            if token in up:
                return up[token] + down
            if self.heads[token] == token:
                break
            if token not in self.down_steps:
                self.down_steps[token] = _down_step(self.doc[token])
            down = f"/{self.down_steps[token]}{down}"
            token = self.heads[token]
        return ""


def _paragraph_ends(doc: Doc) -> Iterator[int]:
    """The tokens that end a paragraph; a line break before a lower-case word is only wrapping."""
    for i in numpy.flatnonzero(doc.to_array(["IS_SPACE"])).tolist():
        breaks = doc[i].text.count("\n")
        if breaks > 1 or (breaks and not (i + 1 < len(doc) and doc[i + 1].text[0].islower())):
            yield i


def _down_step(token: Token) -> str:
    if token.dep_ == "prep":
        return f"prep:{token.lower_}"
    if token.dep_ == "appos" and token.pos_ == "NOUN":
        return "appos:noun"
    if token.dep_ == "ccomp" and any(child.tag_ == "TO" for child in token.children):
        return "ccomp:to"
    return token.dep_


def _up_step(token: Token) -> str:
    """The dependency of a token on its head; for a relative clause, that of its pronoun."""
    if token.dep_ == "relcl":
        before = {t.tag_: t.dep_ for t in reversed(list(token.subtree)) if t.i < token.i}
        if "WP$" in before or "WRB" in before:  # whose, where, when: the noun is not an argument of the clause
            return "relcl:where"
        has_subject = any(child.dep_ in SUBJECTS for child in token.children)
        pronoun = next((child.dep_ for child in token.children if child.tag_ in ("WDT", "WP")), "")
        return f"relcl:{pronoun or ('obj' if has_subject else 'nsubj')}"
    if token.dep_ == "acl":
        return f"acl:{token.tag_}"
    return token.dep_
