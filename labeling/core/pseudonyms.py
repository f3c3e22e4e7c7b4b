"""Names of people → pseudonyms, the same in every report and file about the same people."""

from collections.abc import Iterable


def pseudonyms(annotators: Iterable[str], adjudicators: Iterable[str] = ()) -> dict[str, str]:
    """Name → pseudonym: annotators are numbered in order of their names; so are adjudicators who annotate nothing.

    >>> pseudonyms(["cid", "ann"], ["ann", "eva"])
    {'ann': 'annotator 1', 'cid': 'annotator 2', 'eva': 'adjudicator 1'}
    """
    known = sorted({*annotators} - {""})
    others = sorted({*adjudicators} - {*known, ""})
    return {name: f"annotator {number}" for number, name in enumerate(known, start=1)} | {
        name: f"adjudicator {number}" for number, name in enumerate(others, start=1)
    }
