"""Accounts of the embedded Label Studio, by its own Django: run by its Python, with its environment.

It reads one request as JSON from stdin, and writes the answer as the last line of stdout: what was asked for, or
`{"error": …}`. Whether the server runs does not matter.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def open_label_studio() -> Any:
    """The models of accounts, by name; Label Studio is loaded."""
    sys.path.insert(0, str(Path(str(import_module("label_studio").__file__)).parent))
    import_module("django").setup()
    return import_module("users.models").User, import_module("organizations.models").Organization


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request: `list`, or `add`, `renew` or `remove` an account."""
    User, Organization = open_label_studio()  # noqa: N806 - classes
    if request["do"] == "list":
        return {"people": [_person(user) for user in User.objects.order_by("email")]}
    email = request["email"].strip().lower()
    try:
        import_module("django.core.validators").validate_email(email)
    except import_module("django.core.exceptions").ValidationError:
        return {"error": "invalid"}
    with import_module("django.db").transaction.atomic():
        user = User.objects.filter(email=email).first()
        is_active = bool(user and user.is_active)
        if request["do"] == "add" and is_active:
            return {"error": "exists"}
        if user is None if request["do"] == "remove" else request["do"] == "renew" and not is_active:
            return {"error": "missing"}
        if request["do"] == "remove":
            return _removed(user) | {"was_active": is_active}
        is_new = user is None
        return _with_password(user or User(email=email), request["password"], Organization) | {"is_new": is_new}


def _removed(user: Any) -> dict[str, Any]:
    user.is_active = False
    user.save(update_fields=["is_active"])
    user.task_locks.all().delete()  # so that others get the tasks at once
    return {"person": _person(user)}


def _with_password(user: Any, password: str, organizations: Any) -> dict[str, Any]:
    """The account, made as the form of an invitation makes it."""
    organization = organizations.objects.first()
    user.username = user.username or user.email.partition("@")[0]
    user.set_password(password)
    user.is_active, user.active_organization = True, organization
    user.save()
    organization.add_user(user)
    user.om_through.update(deleted_at=None)
    return {"person": _person(user)}


def _person(user: Any) -> dict[str, Any]:
    return {
        "email": user.email,
        "name": user.get_full_name(),
        "is_active": user.is_active,
        "joined": user.date_joined.isoformat(),
        "last_active": user.last_activity_cached.isoformat(),
        "annotations": user.annotations.count(),
    }


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(answer(json.load(sys.stdin))) + "\n")
