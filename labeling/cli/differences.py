"""Tables of the differences that an evaluation found, one table a kind, each difference in its sentence."""

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from labeling.cli.console import put, say, table

if TYPE_CHECKING:
    from labeling.nlp.evaluation.errors import Error, ErrorRelation, ErrorSpan

CONTEXT = 50  # characters of context on either side of the marks
BETWEEN = 60  # and between the two ends of a relation
GOLD, FOUND = "⟦⟧", "‹›"


def show_errors(errors: Sequence["Error"]) -> None:
    """Print a table for each kind of difference, spans before relations."""
    if not errors:
        put()
        put("No differences.")
        return
    tasks = _Tasks(errors)
    for of in ("span", "relation"):
        for kind in ("missed", "spurious", "wrong edge", "wrong label"):
            mine = [error for error in errors if (error.of, error.kind) == (of, kind)]
            if mine:
                put()
                _show(f"{_title(of, kind)}: {len(mine):,}", mine, tasks)
    say(f"{GOLD[0]}gold{GOLD[1]} and {FOUND[0]}found{FOUND[1]}. {tasks.legend}".strip())


def _title(of: str, kind: str) -> str:
    return f"{kind.capitalize()} {of}s" if kind in {"missed", "spurious"} else f"{of.capitalize()}s with a {kind}"


def _show(title: str, errors: Sequence["Error"], tasks: "_Tasks") -> None:
    rows = sorted(((_labels(e), _lost(e), _marked(e), tasks.name(e)) for e in errors), key=itemgetter(0, 1))
    if any(lost for _, lost, *_ in rows):
        table(title, ["label", "not gold" if errors[0].found else "not found", "sentence", "task"], rows)
    else:
        table(title, ["label", "sentence", "task"], [(label, sentence, task) for label, _, sentence, task in rows])


def _labels(error: "Error") -> str:
    """The label, or `gold → found` if the labels differ."""
    return " → ".join(dict.fromkeys(side.label for side in (error.gold, error.found) if side))


def _lost(error: "Error") -> str:
    """Which ends of a relation the other side does not have."""
    return "both ends" if len(error.lost) > 1 else "".join(error.lost)


def _marked(error: "Error") -> str:
    """The sentence with gold and found spans marked, shortened where it is far from both."""
    marks = [(GOLD, place) for place in _places(error.gold)]
    if not (error.of == "relation" and error.gold):  # the ends are the same
        marks += [(FOUND, place) for place in _places(error.found)]
    text, origin = error.sentence.text, error.sentence.start
    # at one offset closing signs come before opening ones, longer spans enclose shorter ones, and gold is outermost
    signs = [(mark.start - origin, 1, -mark.end, n, pair[0]) for n, (pair, mark) in enumerate(marks)]
    signs += [(mark.end - origin, 0, -mark.start, -n, pair[1]) for n, (pair, mark) in enumerate(marks)]
    pieces, last = [], 0
    for number, (at, *_, sign) in enumerate(sorted(signs)):
        pieces += [_shortened(text[last:at], first=not number), sign]
        last = at
    pieces.append(_shortened(text[last:], first=False, is_last=True))
    return " ".join("".join(pieces).split())


def _places(side: "ErrorSpan | ErrorRelation | None") -> list["ErrorSpan"]:
    if side is None:
        return []
    ends = [getattr(side, "head", None), getattr(side, "tail", None)]
    return [end for end in ends if end] or [side]


def _shortened(text: str, *, first: bool, is_last: bool = False) -> str:
    """The text between two signs, shortened far from them; no word is cut."""
    if first:
        return text if len(text) <= CONTEXT else f"… {_end(text, CONTEXT)}"
    if is_last:
        return text if len(text) <= CONTEXT else f"{_start(text, CONTEXT)} …"
    return text if len(text) <= BETWEEN else f"{_start(text, BETWEEN // 2)} … {_end(text, BETWEEN // 2)}"


def _start(text: str, size: int) -> str:
    return text[:size].rpartition(" ")[0] or text[:size]


def _end(text: str, size: int) -> str:
    return text[-size:].partition(" ")[2] or text[-size:]


class _Tasks:
    """Short names of tasks for a table: their addresses without the common prefix."""

    def __init__(self, errors: Sequence["Error"]) -> None:
        prefixes = {"".join(error.url.rpartition("=")[:2]) for error in errors}
        self.prefix = prefixes.pop() if len(prefixes) == 1 else ""

    @property
    def legend(self) -> str:
        """How to get from a name to the address."""
        return f"A task is at {self.prefix}TASK" if self.prefix else ""

    def name(self, error: "Error") -> str:
        """A task's name."""
        return error.url[len(self.prefix) :] if error.url else error.where or error.doc_id
