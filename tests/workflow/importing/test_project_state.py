"""How often what the server could not answer is tried again."""

import pytest

from labeling.errors import AccessError, BusyError
from labeling.workflow.importing.project_state import is_worth_another


def repeated() -> BusyError:
    error = BusyError("It cannot answer now.")
    error.was_repeated = True
    return error


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (BusyError("It cannot answer now."), True),
        (BusyError("It cannot answer now.", after=7.0), 7.0),
        (BusyError("It cannot answer now.", after=3600.0), 60.0),
        (repeated(), False),
        (AccessError("The token was refused."), False),
        (ValueError("something else"), False),
    ],
)
def test_what_is_sent_waits_as_the_server_asks(error: Exception, again: bool | float):
    assert is_worth_another(error) == again
