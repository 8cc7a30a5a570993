//! Deletes an account.

use actix_web::{
    Either, HttpRequest, HttpResponse,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{
    callback::{Following, Once, checked, redirect},
    passwords::verify,
};
use crate::{
    api::{client::client, json::ProtocolJson, limited, query::ProtocolQuery, tag},
    error::{Code, Error},
    gate::{ByCookie, Session, cookie::SessionCookie, is_fresh},
    jobs::{Job, Mail, MailKind},
    secrets::{LinkHash, LinkSecret, Password},
    state::State,
    store::{
        account_deletion::{self, Deleted},
        activity::{Action, Client, Event},
    },
};

/// The confirmation: your password, or the secret of a link. Without either, a link is sent.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"password": "correct horse battery staple"}))]
pub struct DeleteAccount {
    /// Your password.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Password>,
    /// The secret of the link.
    token: Option<String>,
    /// Where the link redirects to: a path here or a URL on a trusted origin.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub struct AccountDeletion {
    /// Always true.
    #[schema(example = true)]
    success: bool,
    /// `User deleted`, or `Verification email sent`.
    #[schema(example = "User deleted")]
    message: &'static str,
}

const DELETED: AccountDeletion = AccountDeletion { success: true, message: "User deleted" };
const MAILED: AccountDeletion =
    AccountDeletion { success: true, message: "Verification email sent" };

/// Delete your account
///
/// With your password, the account and everything in it is deleted at once: sessions, tokens, pending
/// emails, and all else that belongs to you. Without it, a link that deletes the account is sent, if your password was entered within a day.
#[utoipa::path(
    post, path = "/api/auth/delete-user", tag = tag::AUTH, request_body = DeleteAccount,
    responses((status = 200, description = "The account was deleted, or a link was sent: `message` says which", body = AccountDeletion)),
)]
pub async fn delete_account(
    _: limited::SignIn,
    session: Session,
    ByCookie(own): ByCookie,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<DeleteAccount>,
) -> Result<Json<AccountDeletion>, Error> {
    let user = session.user;
    let callback = checked(body.callback_url, &state.site, Code::InvalidCallbackUrl)?;
    let link = body.token.map(|token| LinkSecret::presented(token).hash());
    if let Some(password) = body.password {
        verify(&state, &user, &request, password, Code::InvalidPassword).await?;
    } else if link.is_none() {
        if !is_fresh(&own, state.clock.now()) {
            return Err(Code::SessionTooOld.into());
        }
        let mail = Mail::new(MailKind::DeleteAccount, &user.email).with_callback(callback);
        Job::from(mail).add(&state, Some(&user.id)).await?;
        return Ok(Json(MAILED));
    }
    delete(&state, user.id.clone(), link, client(&request)).await?;
    cookie.remove();
    Ok(Json(DELETED))
}

/// Confirm the deletion of your account
///
/// The link from the email works once, in a browser that is signed in to that account. With `callbackURL` it
/// redirects there.
#[utoipa::path(
    get, path = "/api/auth/delete-user/callback", tag = tag::AUTH, params(Following),
    responses(
        (status = 200, description = "The account was deleted", body = AccountDeletion),
        (status = 302, description = "Redirects to `callbackURL`, or to the sign-in page", headers(("Location" = String, description = "The page"))),
    ),
)]
pub async fn confirm_deletion(
    session: Session,
    _: ByCookie,
    cookie: SessionCookie,
    _: Once,
    request: HttpRequest,
    state: Data<State>,
    ProtocolQuery(following): ProtocolQuery<Following>,
) -> Result<Either<Json<AccountDeletion>, HttpResponse>, Error> {
    let callback = checked(following.callback_url, &state.site, Code::InvalidCallbackUrl)?;
    let link = LinkSecret::presented(following.token).hash();
    delete(&state, session.user.id.clone(), Some(link), client(&request)).await?;
    cookie.remove();
    Ok(match callback {
        Some(page) => Either::Right(redirect(&page, &state.site, None)),
        None => Either::Left(Json(DELETED)),
    })
}

async fn delete(
    state: &State,
    user_id: String,
    link: Option<LinkHash>,
    client: Client,
) -> Result<(), Error> {
    let now = state.clock.now();
    let event = Event::of_user(&user_id, Action::UserDeleted, &client, now);
    match account_deletion::delete(&state.store, user_id, link, event, now).await? {
        Deleted::Done => {
            // The user's data is deleted in batches, starting now.
            state.retention_due.notify_one();
            Ok(())
        }
        Deleted::LastAdmin => Err(Code::LastAdmin.into()),
        Deleted::LinkRejected(rejected) => Err(rejected.code(Code::InvalidDeletionLink).into()),
    }
}
