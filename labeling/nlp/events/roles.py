"""The arrays of a parse → the role and the governor of each token; conjuncts have those of the first one."""

from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

from labeling.nlp.hashes import hash_of

Ids = NDArray[Any]
CONJ, POBJ, DATIVE, AGENT, PREP = (hash_of(dep) for dep in ("conj", "pobj", "dative", "agent", "prep"))
SUBJECT, PASSIVE, OBJECT = (hash_of(dep) for dep in ("nsubj", "nsubjpass", "dobj"))
WITHIN = tuple(hash_of(dep) for dep in ("compound", "amod", "nmod", "poss"))
CHAIN = 4  # steps back along conjuncts, at most: "a, b, c, d and e"


@dataclass(frozen=True)
class Roles:
    """The roles of n tokens.

    Attributes:
        dep: The dependency of the token, or of its first conjunct; hashes.
        head: The token's governor; for the object of a preposition, the governor of that.
        preposition: The index of that preposition, -1 if there is none.
        subject, object, oblique, within: Whether the token is the agent of a verb, the patient of a verb, another
            object of a preposition, a modifier of a noun.
    """

    dep: Ids
    head: Ids
    preposition: Ids
    subject: Ids
    object: Ids
    oblique: Ids
    within: Ids


def roles_of(dep: Ids, heads: Ids) -> Roles:
    """The roles of n tokens, given their dependencies (hashes) and heads (indices)."""
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
