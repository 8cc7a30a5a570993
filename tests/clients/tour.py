"""The walkthrough of docs/tutorial.md, by operations of the server, with a client that openapi-python-client generates."""

import sys
from typing import Any, TypeVar

from portcullis_client import AuthenticatedClient
from portcullis_client.api.account import show_me
from portcullis_client.api.admin import deactivate_user, list_users, reactivate_user
from portcullis_client.api.auth import sign_in_email, sign_up_email
from portcullis_client.api.tokens import create_token, list_tokens, revoke_current_token
from portcullis_client.models import (
    AdminUser,
    ApiTokenPage,
    CreatedToken,
    CreateToken,
    CurrentUser,
    DeactivateUser,
    ErrorCode,
    Problem,
    Scope,
    SignedIn,
    SignedUp,
    SignIn,
    SignUp,
    UserPage,
)
from portcullis_client.types import Response

BASE = sys.argv[1]
EMAIL = "python@example.com"
PASSWORD = "correct horse battery staple"

T = TypeVar("T")


def browser(cookie: str = "") -> AuthenticatedClient:
    """Returns a client that sends this cookie, and the Origin that a browser adds by itself.

    The generator requires a credential also for operations where it is optional, such as sign-up.
    """
    return AuthenticatedClient(
        base_url=BASE,
        headers={"Origin": BASE},
        token=cookie,
        prefix="",
        auth_header_name="Cookie",
    )


def with_cookie(answer: Response[Any]) -> AuthenticatedClient:
    """Returns a client with the cookie that a response has set."""
    return browser(answer.headers["set-cookie"].split(";")[0])


def accepted(kind: type[T], answer: object) -> T:
    """Returns the result of a successful call."""
    assert isinstance(answer, kind), answer
    return answer


def refused(answer: object, status: int, code: ErrorCode) -> None:
    problem = accepted(Problem, answer)
    assert (problem.status, problem.code) == (status, code), problem


# Sign up.
sign_up = SignUp(name="Mary", email=EMAIL, password=PASSWORD)
signed_up = sign_up_email.sync_detailed(client=browser(), body=sign_up)
accepted(SignedUp, signed_up.parsed)
mary = with_cookie(signed_up)
user = accepted(CurrentUser, show_me.sync(client=mary)).user
assert user.email == EMAIL

# Create a token, and use the API with it.
token = accepted(CreatedToken, create_token.sync(client=mary, body=CreateToken(name="tour"))).token
writer = AuthenticatedClient(base_url=BASE, token=token)
tokens = accepted(ApiTokenPage, list_tokens.sync(client=writer)).items
assert [token.name for token in tokens] == ["tour"]

# A read-only token is forbidden to change anything but itself.
read_only = CreateToken(name="reader", scopes=[Scope.READ])
reader = AuthenticatedClient(
    base_url=BASE,
    token=accepted(CreatedToken, create_token.sync(client=mary, body=read_only)).token,
)
refused(reactivate_user.sync(id=user.id, client=reader), 403, ErrorCode.INSUFFICIENT_SCOPE)
assert revoke_current_token.sync_detailed(client=reader).status_code == 204
refused(show_me.sync(client=reader), 401, ErrorCode.TOKEN_INVALID)

# An admin's script deactivates the user: the cookie and the token stop working with the next request.
sign_in = SignIn(email="root@example.com", password="another correct horse battery")
signed_in = sign_in_email.sync_detailed(client=browser(), body=sign_in)
accepted(SignedIn, signed_in.parsed)
rights = CreateToken(name="admin", scopes=[Scope.READ, Scope.WRITE, Scope.ADMIN])
created = accepted(CreatedToken, create_token.sync(client=with_cookie(signed_in), body=rights))
operator = AuthenticatedClient(base_url=BASE, token=created.token)
(found,) = accepted(UserPage, list_users.sync(client=operator, search=EMAIL)).items
assert found.id == user.id
accepted(
    AdminUser,
    deactivate_user.sync(id=user.id, client=operator, body=DeactivateUser()),
)
refused(show_me.sync(client=mary), 401, ErrorCode.UNAUTHORIZED)
refused(show_me.sync(client=writer), 401, ErrorCode.TOKEN_INVALID)
print("The tour in Python has ended as it should.")
