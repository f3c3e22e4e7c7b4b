"""What the people of an export are called in its files."""

from collections.abc import Collection, Iterable, Mapping

from labeling.core.people import People, Signature
from labeling.core.pseudonyms import pseudonyms


class Names:
    """What annotators and adjudicators are called.

    Args:
        people: Who is who.
        signatures: Who submitted annotations.
        others: The names of other annotations, such as drafts.
        adjudicators: The names of those who decided; None if people keep their names.

    Attributes:
        pseudonyms: Name → pseudonym, if people do not keep their names.
    """

    def __init__(
        self,
        people: People,
        signatures: Iterable[Signature],
        others: Collection[str] = (),
        adjudicators: Iterable[str] | None = None,
    ) -> None:
        self._people = people
        self._of_files: dict[str, Mapping[str, str]] = {}
        self.pseudonyms: dict[str, str] = {}
        if adjudicators is not None:
            known = {people.name(one.file, one.name) for one in signatures}
            self.pseudonyms = pseudonyms(known, adjudicators)
            more = sorted({*others} - self.pseudonyms.keys())
            self.pseudonyms |= {name: f"annotator {n}" for n, name in enumerate(more, start=len(known) + 1)}

    def told(self, name: str) -> str:
        """What somebody is called."""
        return self.pseudonyms.get(name, name)

    def of_file(self, file: str) -> Mapping[str, str]:
        """What annotators are called instead of the names that they have in a file; "" is any file."""
        if file not in self._of_files:
            there = {name: self.told(who) for (where, name), who in self._people.names.items() if where == file}
            self._of_files[file] = self.pseudonyms | there
        return self._of_files[file]
