"""The arrays of a parse → the role of each token, and what it plays it to; conjuncts are like the first of them."""

from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.strings import get_string_id

Ids = NDArray[Any]
CONJ, POBJ, DATIVE, AGENT, PREP = (int(get_string_id(dep)) for dep in ("conj", "pobj", "dative", "agent", "prep"))
SUBJECT, PASSIVE, OBJECT = (int(get_string_id(dep)) for dep in ("nsubj", "nsubjpass", "dobj"))
WITHIN = tuple(int(get_string_id(dep)) for dep in ("compound", "amod", "nmod", "poss"))
CHAIN = 4  # conjuncts that are followed back: "a, b, c, d and e"


@dataclass(frozen=True)
class Roles:
    """Of n tokens: what each is to what governs it.

    Attributes:
        dep: How it hangs, or how the first of its conjuncts hangs; hashes.
        head: On what; the noun's preposition is stepped over.
        preposition: The token of that preposition, -1 where there is none.
        subject, object, oblique, within: Whether it is the subject of a verb that it is not done to, what a verb is
            done to, a noun behind a preposition, a noun or adjective before a noun.
    """

    dep: Ids
    head: Ids
    preposition: Ids
    subject: Ids
    object: Ids
    oblique: Ids
    within: Ids


def roles_of(dep: Ids, heads: Ids) -> Roles:
    """The roles of n tokens, from how each hangs (hashes) and on which token."""
    first: Ids = numpy.arange(len(dep))
    for _ in range(CHAIN):
        first = numpy.where(dep[first] == CONJ, heads[first], first)
    role, head = dep[first], heads[first]
    is_pobj = role == POBJ
    preposition = numpy.where(is_pobj, head, -1)
    by = is_pobj & (dep[head] == AGENT)
    return Roles(
        dep=role,
        head=numpy.where(is_pobj, heads[head], head),
        preposition=preposition,
        subject=(role == SUBJECT) | by,
        object=(role == OBJECT) | (role == PASSIVE) | (role == DATIVE),
        oblique=is_pobj & ~by,
        within=numpy.isin(role, WITHIN),
    )
