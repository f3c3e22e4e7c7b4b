"""Times as people read them."""

import re
import time

import pytest

from labeling.core.moment import local_time


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-11-24T08:00:00.123456Z", "2026-11-24 09:00:00"),
        ("2026-11-24T08:00:00+00:00", "2026-11-24 09:00:00"),
        ("2026-11-24T08:00:00", "2026-11-24 09:00:00"),
        ("2026-07-01T10:00:00+02:00", "2026-07-01 09:00:00"),
        ("", ""),
        ("no time", "no time"),
    ],
)
def test_told_is_local_and_to_the_second(moment: str, shown: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "UTC-1")
    time.tzset()
    try:
        assert local_time(moment) == shown
        assert not re.search(r"\.\d", local_time(moment))
    finally:
        monkeypatch.undo()
        time.tzset()
