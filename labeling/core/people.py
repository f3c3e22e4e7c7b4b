"""Names under which annotators come in files → who is who, and what is to be told about it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from labeling.core.problem import Action, Problem
from labeling.core.reasons import Reason
from labeling.core.wording import listed

Kind = Literal["named", "deleted", "number", "unknown"]
MOST = 5  # names that a message lists


class Signature(NamedTuple):
    """Who is said to have made an annotation.

    Attributes:
        name: What the annotator is called, whatever the case and spacing.
        written: The name as it is written; "" if there is none.
        kind: Whether that is a name, or all that is left of one.
        user: The number of the account; None if it is not known.
        file: The file.
        stamp: When the annotation was changed last, in a form in which text order is time order.
    """

    name: str
    written: str = ""
    kind: Kind = "named"
    user: int | None = None
    file: str = ""
    stamp: str = ""


@dataclass(frozen=True)
class People:
    """Who is who.

    Attributes:
        names: File and name → what the person is called; others keep their names.
        problems: What is to be told.
    """

    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def name(self, file: str, name: str) -> str:
        """What somebody is called who has this name in a file."""
        return self.names.get((file, name), name)


def identified(signatures: Iterable[Signature]) -> People:
    """Who is who: names of one account in one file are one person, named as in the newest annotation.

    The number of an account means something on its server alone, and files may come from several servers. So an account
    that has another name in another file is told, and its names stay different people.
    """
    every = list(dict.fromkeys(signatures))
    names: dict[tuple[str, str], str] = {}
    problems: list[Problem] = []
    accounts: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)  # file and number → name → newest stamp
    for one in every:
        if one.user is not None:
            stamps = accounts[one.file, one.user]
            stamps[one.name] = max(one.stamp, stamps.get(one.name, ""))
    for (file, user), stamps in accounts.items():
        if len(stamps) > 1:
            newest = max(stamps, key=lambda name: (bool(stamps[name]), "@" in name, stamps[name], name))
            others = sorted(stamps.keys() - {newest})
            names |= {(file, name): newest for name in others}
            detail = f"user {user} is also called {listed(others, MOST)}; all count as {newest}"
            problems.append(_problem("one-person", detail, newest, file))
    called: dict[int, dict[str, str]] = defaultdict(dict)  # number → name → a file
    spellings: dict[str, set[str]] = defaultdict(set)
    for one in every:
        name = names.get((one.file, one.name), one.name)
        if one.user is not None:
            called[one.user].setdefault(name, one.file)
        spellings[one.name].add(one.written)
    for user, files in sorted(called.items()):
        if len(files) > 1:
            told = listed([f"{name} in {file or 'the project'}" for name, file in sorted(files.items())], MOST)
            detail = f"user {user} is {told}; they count as different people, as on different servers"
            problems.append(_problem("other-name", detail))
    for name, written in sorted(spellings.items()):
        if len(written - {""}) > 1:
            told = listed([repr(each) for each in sorted(written - {""})], MOST)
            problems.append(_problem("one-person", f"{told} count as one person, {name}", name))
    problems += _of_lost_names([one for one in every if (one.file, one.name) not in names])
    return People(names, tuple(problems))


def _of_lost_names(signatures: Sequence[Signature]) -> Iterator[Problem]:
    names: dict[Kind, set[str]] = defaultdict(set)
    for one in signatures:
        names[one.kind].add(one.name)
    said: tuple[tuple[Kind, Reason, str], ...] = (
        ("deleted", "deleted-account", "deleted on the server, so that the name is lost"),
        ("number", "nameless-annotator", "only the number of the account is known"),
        ("unknown", "nameless-annotator", "annotations that do not say whose they are; in each text, as of one person"),
    )
    for kind, reason, detail in said:
        if names[kind]:
            yield _problem(reason, f"{listed(sorted(names[kind]), MOST)}: {detail}")


def _problem(reason: Reason, detail: str, who: str = "", file: str = "") -> Problem:
    action: Action = "changed" if reason == "one-person" else "kept"
    return Problem(reason=reason, action=action, detail=detail, annotator=who, where=file)
