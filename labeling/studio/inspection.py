"""Checks of a database: whether the installed Label Studio can serve it, and whether an account is in it."""

import importlib.util
import re
from collections.abc import Callable, Collection
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from labeling.errors import InputError

# A function that runs a query; and a check, which is given the names of the tables and such a function, and raises.
Query = Callable[[str], list[tuple[Any, ...]]]
Look = Callable[[Collection[str], Query], None]

# Tables of every Label Studio that are read here.
TABLES = (
    *("django_migrations", "organization", "organizations_organizationmember", "htx_user", "authtoken_token"),
    *("project", "task", "prediction", "task_completion"),
)


class UnfitError(InputError):
    """A copy of a database cannot be used; the message continues "it is not a valid backup: "."""


def is_newer(label_studio: str, than: str) -> bool:
    """Whether a version is newer than another one; "" is an unknown version, and never newer."""
    return _numbers(label_studio) > _numbers(than)


def _numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", text)[:4]]


def installed() -> str:
    """The version of the installed Label Studio; "" if none is."""
    try:
        return version("label-studio")
    except PackageNotFoundError:
        return ""


def fault(tables: Collection[str], query: Query) -> str:
    """Why the installed Label Studio cannot serve a database; "" if it can."""
    if missing := [name for name in TABLES if name not in tables]:
        return f"it is not the database of a Label Studio: it has no table {missing[0]}"
    if not query("SELECT id FROM organization LIMIT 1"):
        return "it is the database of a Label Studio whose first start was cut off: it has no organization"
    newest = _known_migrations()
    for app, name in query("SELECT app, name FROM django_migrations"):
        if app in newest and _numbers(str(name))[:1] > [newest[app]]:
            return f"its database is of a newer Label Studio than {installed()}: it has the migration {app} {name}"
    return ""


def fault_of_account(email: str, token: str, query: Query) -> str:
    """Why a login does not work with the database, without repeating the token; "" if it does."""
    accounts = query("SELECT id, email, is_active, active_organization_id FROM htx_user")
    found = next((account for account in accounts if account[1] == email), None)
    if found is None:
        return f"its login is of {email!r}, which is not an account of its database"
    number, _, is_active, organization = found
    members = query("SELECT organization_id, user_id FROM organizations_organizationmember WHERE deleted_at IS NULL")
    if not is_active or organization is None or (organization, number) not in members:
        return f"its login is of {email!r}, which is not active, or in no organization"
    tokens = query("SELECT key, user_id FROM authtoken_token")
    if (token, number) not in tokens:
        return f"its login has a token that is not the one of {email!r}"
    return ""


@cache
def _known_migrations() -> dict[str, int]:
    """The number of the newest migration of each app of the installed Label Studio.

    A file also names the migrations that it replaces, which may have higher numbers than any file.
    """
    spec = importlib.util.find_spec("label_studio")
    found: dict[str, int] = {}
    for file in Path(spec.origin).parent.glob("*/migrations/[0-9]*.py") if spec and spec.origin else ():
        app = file.parent.parent.name
        named = re.findall(rf"""['"]{app}['"],\s*['"](\d{{4}})_""", file.read_text(encoding="utf-8"))
        found[app] = max(found.get(app, 0), *map(int, (file.name[:4], *named)))
    return found
