//! Links accounts at providers to the signed-in user, and removes sign-in methods.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{
    callback::link_identity,
    sign_in::{PresentedIdToken, identity_of},
    start::{self, Destinations, ProviderRedirect},
};
use crate::{
    api::{
        auth::{DONE, StatusResponse, usable_methods},
        client::client,
        json::ProtocolJson,
        limited, tag,
    },
    error::{Code, Error},
    fields,
    gate::{ByCookie, Fresh, Session},
    jobs::{Job, MailKind},
    state::State,
    store::{
        linking::{self, Linked, Unlinked},
        provider_flows::FlowPurpose,
    },
};

/// The provider, and where to go afterwards.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"provider": "github", "callbackURL": "/settings"}))]
pub struct LinkSocial {
    /// The id of a configured provider.
    provider: String,
    /// Where to go when it is linked: a path here or a URL on a trusted origin.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    /// Where to go, with `?error=…`, if it fails.
    #[serde(rename = "errorCallbackURL")]
    error_callback_url: Option<String>,
    /// Whether the client does not want to go to the provider by itself.
    #[serde(default)]
    #[schema(default = false)]
    disable_redirect: bool,
    /// An ID token that the client got from the provider itself: links without a redirect.
    id_token: Option<PresentedIdToken>,
}

/// An account was linked by its ID token.
#[derive(Serialize, ToSchema)]
pub struct LinkedByIdToken {
    /// Always empty.
    #[schema(example = "")]
    url: &'static str,
    /// Always true.
    #[schema(example = true)]
    status: bool,
    /// Always false.
    #[schema(example = false)]
    redirect: bool,
}

/// The outcome of a request to link.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum LinkResponse {
    /// The user goes on at the provider.
    Redirect(ProviderRedirect),
    /// The account is linked: of an ID token.
    Linked(LinkedByIdToken),
}

/// Link an account at an identity provider
///
/// Afterwards it can sign in as you, whatever its email. As for a sign-in, the browser goes to the provider and comes
/// back; the session must still be there. You are told by an email.
#[utoipa::path(
    post, path = "/api/auth/link-social", tag = tag::AUTH, request_body = LinkSocial,
    responses((status = 200, description = "Where to go on, or the account of an ID token is linked", body = LinkResponse, headers(("Location" = String, description = "The URL of the provider")))),
)]
pub async fn link_social(
    _: limited::SignIn,
    session: Session,
    ByCookie(row): ByCookie,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<LinkSocial>,
) -> Result<HttpResponse, Error> {
    let provider = state.providers.get(&body.provider).ok_or(Code::ProviderNotFound)?;
    let to = Destinations {
        callback: body.callback_url,
        new_user: None,
        error: body.error_callback_url,
    }
    .checked(&state)?;
    let Some(token) = body.id_token else {
        let purpose =
            FlowPurpose::Link { user_id: session.user.id.clone(), session_id: row.id.clone() };
        let how = (None, body.disable_redirect);
        return start::begin(&state, &request, provider, to, purpose, how).await;
    };
    let identity = identity_of(&state, provider, token).await?;
    match link_identity(&state, &request, &session, provider, &identity).await? {
        Linked::Done => {
            let body = LinkedByIdToken { url: "", status: true, redirect: false };
            Ok(HttpResponse::Ok().json(body))
        }
        Linked::OfAnotherUser => Err(Code::AccountAlreadyLinked.into()),
        Linked::UserGone => Err(Code::Unauthorized.into()),
    }
}

/// The sign-in method to remove.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"accountId": "019ab2c4-7d11-7d6f-a0c4-8b2e5f7a9d13"}))]
pub struct UnlinkAccount {
    /// Its `id`, from the list of sign-in methods.
    #[validate(custom(function = "fields::id"))]
    account_id: String,
}

/// Remove a sign-in method
///
/// The last one stays; a link to your email counts if there is a mail server. Sessions stay, too. You are told by an email.
#[utoipa::path(
    post, path = "/api/auth/unlink-account", tag = tag::AUTH, request_body = UnlinkAccount,
    responses((status = 200, description = "Removed", body = StatusResponse)),
)]
pub async fn unlink_account(
    session: Session,
    _: ByCookie,
    _: Fresh,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<UnlinkAccount>,
) -> Result<Json<StatusResponse>, Error> {
    let (user, now) = (&session.user, state.clock.now());
    let mail = Job::mail_to(user, MailKind::ProviderUnlinked, now);
    let method = (user.id.clone(), body.account_id);
    let client = client(&request);
    let usable = usable_methods(&state);
    match linking::unlink(&state.store, method, usable, mail, client, now).await? {
        Unlinked::Done => {
            state.job_added.notify_one();
            Ok(Json(DONE))
        }
        Unlinked::NotFound => Err(Code::AccountNotFound.into()),
        Unlinked::Last => Err(Code::LastSignInMethod.into()),
    }
}
