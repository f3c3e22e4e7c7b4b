"""The accounts of the embedded Label Studio: listed, added, made inactive; whether the server runs or not.

Label Studio's API neither sets a password nor makes an account inactive (a member whom it removes loses the name, and
so the credit), so its own Django does it, in a process with the server's environment.
"""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from labeling.core.value import Value
from labeling.errors import InputError, StudioError
from labeling.studio import accounts_in_django
from labeling.studio.client import Account
from labeling.studio.server import environment_of

POLL_SECONDS = 0.5
ATTEMPTS = 3  # on SQLite, where somebody else may be writing


class NewLogin(Value):
    """An account with its new password, which nobody keeps in readable form; `is_new` if it was not there before."""

    account: Account
    password: SecretStr
    is_new: bool


class Accounts:
    """The accounts of the server in a folder.

    Every method raises StudioError if there are no data yet, or Label Studio cannot be used.

    Args:
        folder: Where the server's data are.
        waiting: Is called about twice a second with the seconds waited.
    """

    def __init__(self, folder: Path, waiting: Callable[[float], None] = lambda _: None) -> None:
        self.folder, self.waiting = folder, waiting

    def all(self) -> list[Account]:
        """Every account, also inactive ones, by e-mail address."""
        return [_account(person) for person in self._ask({"do": "list"})["people"]]

    def add(self, email: str) -> NewLogin:
        """A new account, or one that was made inactive before, with a new password.

        Raises:
            InputError: The address is not valid, or has an active account.
        """
        return self._with_password("add", email)

    def renew(self, email: str) -> NewLogin:
        """The account with a new password in place of the old one.

        Raises:
            InputError: There is no such account.
        """
        return self._with_password("renew", email)

    def remove(self, email: str) -> bool:
        """Whether the account was active; it is not any more, and its annotations stay its own.

        Raises:
            InputError: There is no such account.
        """
        return bool(self._ask({"do": "remove", "email": email})["was_active"])

    def _with_password(self, what: str, email: str) -> NewLogin:
        password = secrets.token_urlsafe(12)
        found = self._ask({"do": what, "email": email, "password": password})
        return NewLogin(
            account=_account(found["person"]), password=SecretStr(password), is_new=found.get("is_new", False)
        )

    def _ask(self, request: dict[str, str]) -> dict[str, Any]:
        environment = environment_of(self.folder)
        for attempt in range(1, ATTEMPTS + 1):
            code, out, err = self._run(environment, json.dumps(request))
            if code == 0 or "database is locked" not in err or attempt == ATTEMPTS:
                break
        try:
            answer: dict[str, Any] = json.loads(out.strip().rpartition("\n")[2]) if code == 0 else {}
        except ValueError:
            answer = {}
        if not answer:
            said = err.strip().replace(request.get("password") or "\0", "[…]").splitlines()[-3:]
            raise StudioError("Label Studio could not look after its accounts:\n  " + "\n  ".join(said))
        if error := answer.get("error"):
            raise InputError(*_refusal(error, request["email"]))
        return answer

    def _run(self, environment: dict[str, str], request: str) -> tuple[int, str, str]:
        # -P: what lies beside the script is not to be imported in place of Label Studio's modules
        command = [sys.executable, "-P", str(accounts_in_django.__file__)]
        began, pipe = time.monotonic(), subprocess.PIPE
        with subprocess.Popen(
            command, env=environment, cwd=self.folder, stdin=pipe, stdout=pipe, stderr=pipe, text=True, umask=0o077
        ) as process:
            given: str | None = request
            try:
                while True:
                    try:
                        out, err = process.communicate(given, timeout=POLL_SECONDS)
                    except subprocess.TimeoutExpired:
                        given = None  # which it has by now
                        self.waiting(time.monotonic() - began)
                    else:
                        return process.returncode, out, err
            except BaseException:
                process.kill()
                raise


def _account(person: dict[str, Any]) -> Account:
    return Account.model_validate({name: person[name] for name in Account.model_fields})


def _refusal(error: str, email: str) -> tuple[str, str]:
    if error == "invalid":
        return f"{email!r} is not a valid e-mail address.", "It looks like ann@example.org; nothing is ever sent to it."
    if error == "exists":
        return f"{email} has an account.", f"`labeling people add {email} --new-password` gives it another password."
    return f"There is no active account of {email}.", "`labeling people list` lists the accounts."
