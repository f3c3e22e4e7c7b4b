"""What the people of an export are called in its files."""

from collections.abc import Iterable, Mapping

from labeling.core.people import People, Signature
from labeling.core.pseudonyms import pseudonyms, without_addresses, without_names


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
        others: Iterable[str] = (),
        adjudicators: Iterable[str] | None = None,
    ) -> None:
        self._people = people
        self._of_files: dict[str, Mapping[str, str]] = {}
        self.pseudonyms: dict[str, str] = {}
        if adjudicators is not None:
            called = {one.name for one in signatures} | {*others}
            self.pseudonyms = pseudonyms(called, (name.lower() for name in adjudicators))

    def told(self, name: str) -> str:
        """What somebody is called."""
        return self.pseudonyms.get(name.lower(), name)

    def in_place(self, where: str) -> str:
        """The name of a file or task, without names that it has from people."""
        return without_addresses(where, self.pseudonyms) if self.pseudonyms else where

    def in_prose(self, text: str) -> str:
        """What somebody wrote, without names."""
        return without_names(text, self.pseudonyms) if self.pseudonyms else text

    def of_file(self, file: str) -> Mapping[str, str]:
        """What annotators are called instead of the names that they have in a file; "" is any file."""
        if file not in self._of_files:
            there = {name: self.told(who) for (where, name), who in self._people.names.items() if where == file}
            self._of_files[file] = self.pseudonyms | there
        return self._of_files[file]
