"""Signs that people's work is not independent: copies, more agreement than people reach, and texts that nobody read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from scipy.special import bdtrc

from labeling.core.value import Value
from labeling.workflow.shared_texts import SharedText

# F of the better of two professional annotators of names in news against the key (MUC-7 proceedings, 1998): people who
# work by themselves do not reach more between each other.
BEST_F = 0.976
UNLIKELY = 0.001
# "Reading rates of more than 1,000 words per minute are impossible", Rayner et al. 2016 in the words of Brysbaert, How
# many words do we read per minute?, Journal of Memory and Language 109, 2019. Most adults read 175 to 300.
FASTEST = 1000
SHORT = 100  # words: whether there is anything to mark in so few may be seen at a glance
ACCIDENTS = 2  # texts submitted too fast that may be slips, or pages that were loaded again


class Dependence(Value):
    """Signs that the work of two people is not independent.

    Attributes:
        a, b: The two.
        drawn: Spans that both drew themselves, without a prediction: the smaller number of the two, in all texts.
        shared_ids: How many of them have an id that the other's has, too; ids are random, so these are copies.
        copied: Annotations of one of them that Label Studio made as a copy of the other's.
        equal: Spans that both drew with the same edges and label.
        chance: The probability that people who work by themselves are equal in so many, at the most.
    """

    a: str
    b: str
    drawn: int
    shared_ids: int
    copied: int
    equal: int = 0
    chance: float = 1.0

    @property
    def sentence(self) -> str:
        """What it means."""
        shared = f"{self.shared_ids:,} of {self.drawn:,} spans that {self.a} and {self.b} drew have the same random id"
        copied = f"{self.copied:,} annotations of {self.a} or {self.b} were made as copies of the other's"
        said = " and ".join(text for number, text in ((self.shared_ids, shared), (self.copied, copied)) if number)
        if said:
            return f"{said}: they saw each other's work, so their agreement says little."
        return (
            f"{self.equal:,} of {self.drawn:,} spans that {self.a} and {self.b} drew are equal. People who work by "
            f"themselves reach F {BEST_F} at best (MUC-7), and so much with a probability of less than {UNLIKELY}: "
            "ask how they worked."
        )


class Haste(Value):
    """Texts that somebody submitted faster than anybody reads.

    Attributes:
        annotator: Who.
        texts: Texts whose time can be judged.
        too_fast: How many of them took less than reading them once at 1,000 words a minute.
        where: Those texts.
    """

    annotator: str
    texts: int
    too_fast: int
    where: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What it means; "" where it may be an accident."""
        if self.too_fast <= ACCIDENTS:
            return ""
        return (
            f"{self.annotator} submitted {self.too_fast:,} of {self.texts:,} texts faster than anybody reads "
            f"({FASTEST:,} words a minute): they may be unread."
        )


def dependent(texts: Sequence[SharedText], pairs: Iterable[tuple[str, str]]) -> Iterator[Dependence]:
    """The pairs of people whose work shows a sign that it is not independent."""
    for a, b in sorted(pairs):
        both = [text for text in texts if a in text.docs and b in text.docs]
        drawn = [(_drawn(text, a), _drawn(text, b)) for text in both]
        equal = sum((mine & theirs).total() for mine, theirs in drawn)
        more = sum(max(mine.total(), theirs.total()) for mine, theirs in drawn)
        found = Dependence(
            a=a,
            b=b,
            drawn=sum(min(len(text.drawn[a]), len(text.drawn[b])) for text in both),
            shared_ids=sum(len(text.drawn[a] & text.drawn[b]) for text in both),
            copied=sum(text.sources.get(x) == y for text in both for x, y in ((a, b), (b, a))),
            equal=equal,
            chance=float(f"{bdtrc(equal - 1, more, BEST_F):.3g}") if equal else 1.0,
        )
        if found.shared_ids or found.copied or found.chance < UNLIKELY:
            yield found


def hasty(texts: Sequence[SharedText]) -> Iterator[Haste]:
    """Who submitted texts faster than anybody reads.

    A time says something where somebody has read a text for the first time, on one visit. Texts that come several
    times, annotations that were edited or begun earlier, and short texts without a span are left out.
    """
    times = Counter((name, doc.text) for text in texts for name, doc in text.docs.items())
    read: Counter[str] = Counter()
    fast: dict[str, list[str]] = {}
    for text in texts:
        for name, seconds in text.seconds.items():
            doc = text.docs[name]
            words = len(doc.text.split())
            if times[name, doc.text] == 1 and (doc.spans or words >= SHORT):
                read[name] += 1
                if seconds < words / FASTEST * 60:
                    fast.setdefault(name, []).append(text.where[name])
    for name, where in sorted(fast.items()):
        yield Haste(annotator=name, texts=read[name], too_fast=len(where), where=tuple(where))


def _drawn(text: SharedText, who: str) -> Counter[tuple[int, int, str]]:
    spans = text.docs[who].spans
    return Counter((span.start, span.end, span.label) for span in spans if span.id in text.drawn[who])
