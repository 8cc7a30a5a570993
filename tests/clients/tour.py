"""The walkthrough of docs/tutorial.md with a client that openapi-python-client generates."""

import sys
from typing import Any, TypeVar

from portcullis_client import AuthenticatedClient
from portcullis_client.api.account import show_me
from portcullis_client.api.admin import deactivate_user, list_users
from portcullis_client.api.auth import sign_in_email, sign_up_email
from portcullis_client.api.projects import create_project, list_projects
from portcullis_client.api.tokens import create_token
from portcullis_client.models import (
    AdminUser,
    CreatedToken,
    CreateProject,
    CreateToken,
    CurrentUser,
    DeactivateUser,
    ErrorCode,
    Problem,
    Project,
    ProjectPage,
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
assert accepted(CurrentUser, show_me.sync(client=mary)).user.email == EMAIL

# Create a token, and write through the API with it.
token = accepted(CreatedToken, create_token.sync(client=mary, body=CreateToken(name="tour"))).token
writer = AuthenticatedClient(base_url=BASE, token=token)
accepted(Project, create_project.sync(client=writer, body=CreateProject(name="Analytical Engine")))
projects = accepted(ProjectPage, list_projects.sync(client=writer)).items
assert [project.name for project in projects] == ["Analytical Engine"]

# A read-only token is forbidden to change anything.
read_only = CreateToken(name="reader", scopes=[Scope.READ])
reader = AuthenticatedClient(
    base_url=BASE,
    token=accepted(CreatedToken, create_token.sync(client=mary, body=read_only)).token,
)
refused(
    create_project.sync(client=reader, body=CreateProject(name="no")),
    403,
    ErrorCode.INSUFFICIENT_SCOPE,
)

# An admin deactivates the user: the cookie and the token stop working with the next request.
sign_in = SignIn(email="root@example.com", password="another correct horse battery")
signed_in = sign_in_email.sync_detailed(client=browser(), body=sign_in)
accepted(SignedIn, signed_in.parsed)
root = with_cookie(signed_in)
(user,) = accepted(UserPage, list_users.sync(client=root, search=EMAIL)).items
accepted(
    AdminUser,
    deactivate_user.sync(id=user.id, client=root, body=DeactivateUser()),
)
refused(show_me.sync(client=mary), 401, ErrorCode.UNAUTHORIZED)
refused(show_me.sync(client=writer), 401, ErrorCode.TOKEN_INVALID)
print("The tour in Python has ended as it should.")
