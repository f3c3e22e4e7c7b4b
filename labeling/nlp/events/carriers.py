"""Verbs that are not actions of their own: auxiliary-like, light, aspectual and naming verbs."""

from collections.abc import Container

from spacy.tokens import Token

from labeling.nlp.events.lexicon import Lexicon

# Dependencies of an action on its light or aspectual verb: "held talks", "began to march".
CARRIED = frozenset({"dobj", "nsubjpass", "xcomp"})
BEGUN = CARRIED | {"nsubj", "ccomp", "pcomp", "prep"}  # "the talks began", "wanted them to leave"
CLAUSES = frozenset({"xcomp", "ccomp"})
US = frozenset({"us", "'s", "’s"})
REDUCED = frozenset({"acl", "amod", "advcl", "appos"})


class Carriers:
    """Decides which verbs are not actions."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.light, self.aspect = lexicon.named("light_verbs"), lexicon.named("aspect_verbs")
        self.helping, self.naming = lexicon.named("semi_auxiliaries"), lexicon.named("naming_verbs")
        self.idioms = lexicon.named("light_idioms")

    def helps(self, token: Token) -> bool:
        """Whether a verb is auxiliary-like, a pro-verb, a naming verb, or used as a preposition.

        "Is going to leave", "let's go", "as it did", "a clinic named Hope", "following the talks".
        """
        if token.dep_ == "prep":
            return True
        if token.lower_ in self.helping and any(child.dep_ in CLAUSES for child in token.children):
            return token.lower_ != "let" or any(child.lower_ in US for child in token.subtree if child.i <= token.i + 1)
        lemma = token.lemma_.lower()
        if lemma == "do":
            return (
                not any(child.dep_ in ("dobj", "nsubjpass", "prt") for child in token.children) and token.tag_ != "VBG"
            )
        if token.tag_ == "VBN" and token.dep_ in REDUCED and lemma in self.naming:
            return any(child.dep_ in ("oprd", "attr", "appos", "dobj") for child in token.children)
        return False

    def carries(self, token: Token, actions: Container[int]) -> bool:
        """Whether a verb is the light or aspectual verb of one of the actions (their heads), or part of an idiom."""
        lemma = token.lemma_.lower()
        if lemma in self.light:
            objects = [child for child in token.children if child.dep_ in CARRIED]
            if any(f"{lemma} {child.lower_}" in self.idioms for child in token.children):
                return True
            return any(child.i in actions for child in objects)
        if lemma in self.aspect:
            if token.dep_ == "relcl" and token.head.i in actions:
                return True
            if any(child.dep_ == "xcomp" for child in token.children):
                return True
            return any(child.dep_ in BEGUN and self._among(child, actions) for child in token.children)
        return False

    def _among(self, child: Token, actions: Container[int]) -> bool:
        """Whether a child is an action, or a preposition that governs one: "resume with talks"."""
        if child.dep_ == "prep":
            return child.lower_ in ("with", "from", "by") and any(c.i in actions for c in child.children)
        return child.i in actions
