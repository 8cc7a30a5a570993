"""The credential that Schemathesis sends.

No operation is left out of a run, not even those that end the session or revoke the token: sign-out, delete-user,
deactivate, and many more. Instead the credential is tried before each case, and once it is not valid any more the
operator creates another admin, who signs in.
"""

import itertools
import os
import subprocess

import requests
import schemathesis

BASE = os.environ["BASE"]
PASSWORD = "another correct horse battery"
NUMBERS = itertools.count()


def sign_in() -> str:
    """Returns the cookie of a new admin, as `name=value`."""
    email = f"schemathesis{next(NUMBERS)}@example.com"
    create = ["user", "create", "--admin", "--name", "Schemathesis", "--email", email]
    subprocess.run([os.environ["PROGRAM"], *create], input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
    body = {"email": email, "password": PASSWORD}
    reply = requests.post(f"{BASE}/api/auth/sign-in/email", json=body)
    reply.raise_for_status()
    return reply.headers["Set-Cookie"].split(";")[0]


def make_token() -> str:
    """Returns a token of a new admin, with all scopes."""
    body = {"name": "Schemathesis", "scopes": ["read", "write", "admin"]}
    headers = {"Cookie": sign_in(), "Origin": BASE}
    reply = requests.post(f"{BASE}/api/tokens", json=body, headers=headers)
    reply.raise_for_status()
    return f"Bearer {reply.json()['token']}"


HEADER, MAKE = {"cookie": ("Cookie", sign_in), "token": ("Authorization", make_token)}[os.environ["KEY"]]


@schemathesis.auth(refresh_interval=None)
class Admin:
    """An admin whose credential is valid at the beginning of each case."""

    key = None

    def get(self, case, context):
        if self.key is None or not self.works():
            self.key = MAKE()
        return self.key

    def works(self) -> bool:
        return requests.get(f"{BASE}/api/admin/users?limit=1", headers={HEADER: self.key}).ok

    def set(self, case, data, context):
        if HEADER == "Cookie":
            name, value = data.split("=", 1)
            case.cookies = {**(case.cookies or {}), name: value}
        else:
            case.headers = {**(case.headers or {}), HEADER: data}
