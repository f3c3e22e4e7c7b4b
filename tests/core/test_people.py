"""Who is who in the files of several people."""

import pytest

from labeling.core.people import Signature, identified


@pytest.mark.parametrize(
    ("signatures", "names", "told"),
    [
        ([("ann@x.org", "ann@x.org", 1, "a"), ("ben@x.org", "ben@x.org", 2, "a")], {}, []),
        # a name in several spellings
        (
            [("ann@x.org", "Ann@x.org", 1, "a"), ("ann@x.org", "ann@x.org ", 1, "b")],
            {},
            ["one-person: 'Ann@x.org', 'ann@x.org ' count as one person, ann@x.org"],
        ),
        # an account whose address changed: one person in one file, as numbers are of one server there
        (
            [("old@x.org", "old@x.org", 1, "a", "2026-01"), ("new@x.org", "new@x.org", 1, "a", "2026-02")],
            {("a", "old@x.org"): "new@x.org"},
            ["one-person: user 1 is also called old@x.org; all count as new@x.org"],
        ),
        (
            [("user 1", "", 1, "a", "2026-03"), ("ann@x.org", "ann@x.org", 1, "a", "2026-02")],
            {("a", "user 1"): "ann@x.org"},
            ["one-person: user 1 is also called user 1; all count as ann@x.org"],
        ),
        (
            [("old@x.org", "old@x.org", 1, "a"), ("new@x.org", "new@x.org", 1, "b")],
            {},
            [
                "other-name: user 1 is new@x.org in b, old@x.org in a; they count as different people, "
                "as on different servers"
            ],
        ),
        # accounts without names
        (
            [("deleted user 7", "Deleted", 7, "a"), ("deleted user 8", "Deleted", 8, "a")],
            {},
            ["deleted-account: deleted user 7, deleted user 8: deleted on the server, so that the name is lost"],
        ),
        ([("user 7", "", 7, "a")], {}, ["nameless-annotator: user 7: only the number of the account is known"]),
        (
            [("unknown", "", None, "a")],
            {},
            ["nameless-annotator: unknown: annotations that do not say whose they are; in each text, as of one person"],
        ),
    ],
)
def test_who_is_who(signatures: list[tuple[str, ...]], names: dict[tuple[str, str], str], told: list[str]):
    kinds = {"deleted": "deleted", "user": "number", "unknown": "unknown"}
    people = identified(
        [
            Signature(name, written, kinds.get(name.split()[0], "named"), *rest)  # type: ignore[arg-type]
            for name, written, *rest in signatures
        ]
    )
    assert people.names == names
    assert [f"{problem.reason}: {problem.detail}" for problem in people.problems] == told
