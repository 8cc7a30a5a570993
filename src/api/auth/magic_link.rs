//! Signs in with a mailed link.

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::Cookie,
    http::header::HeaderName,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::{
    DONE, StatusResponse, browser,
    callback::{Once, checked, redirect},
    mailbox::takes_mail,
    second_factor::{self, SecondFactorDue},
};
use crate::{
    api::{
        json::ProtocolJson,
        limited,
        query::ProtocolQuery,
        tag,
        user::{SessionView, User},
    },
    error::{Code, Error},
    fields::{self, normal_email},
    gate::{NotByToken, cookie::SessionCookie, verify_origin},
    jobs::{Job, Mail, MailKind},
    secrets::{LinkSecret, SessionSecret},
    state::State,
    store::sign_in::{self, Challenge, LinkFollowed, LinkRejected, MagicLinkSignIn, SignedIn},
};

/// The email to mail a link to, and where the link leads.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"email": "ada@example.com", "callbackURL": "/dashboard"}))]
pub struct RequestMagicLink {
    /// Upper and lower case are the same.
    #[validate(custom(function = "fields::email"))]
    #[schema(format = Email)]
    email: String,
    /// The name of the user, if the link creates an account; by default, the part of the email before the `@`.
    #[validate(custom(function = "fields::name"))]
    name: Option<String>,
    /// Where to go after the sign-in: a path here or a URL on a trusted origin.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    /// Where a new user goes instead.
    #[serde(rename = "newUserCallbackURL")]
    new_user_callback_url: Option<String>,
    /// Where to go, with `?error=…`, if the link is rejected.
    #[serde(rename = "errorCallbackURL")]
    error_callback_url: Option<String>,
}

/// Request a link to sign in
///
/// Mails a link that signs in. If no account has the email and sign-up is open, the link creates one. The response is
/// the same for every email, also when no email is sent. The link works once, for five minutes, and a newer one
/// replaces it.
#[utoipa::path(
    post, path = "/api/auth/sign-in/magic-link", tag = tag::AUTH, request_body = RequestMagicLink,
    responses((status = 200, description = "An email is sent, if the link can sign in", body = StatusResponse)),
)]
pub async fn request_magic_link(
    _: limited::Mail,
    _: NotByToken,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<RequestMagicLink>,
) -> Result<Json<StatusResponse>, Error> {
    let site = &state.site;
    let callback = checked(body.callback_url, site, Code::InvalidCallbackUrl)?;
    let new_user = checked(body.new_user_callback_url, site, Code::InvalidNewUserCallbackUrl)?;
    let error = checked(body.error_callback_url, site, Code::InvalidErrorCallbackUrl)?;
    let email = normal_email(&body.email);
    if takes_mail(&state, &request, &email).await? {
        let mail = Mail::new(MailKind::MagicLink, &email)
            .with_callback(callback)
            .with_new_user(body.name, new_user)
            .with_error_callback(error);
        // The job looks up whether there is an account, so that nothing in this response depends on it (no user
        // enumeration).
        Job::from(mail).add(&state, None).await?;
    }
    Ok(Json(DONE))
}

/// The secret of the link, and where to go.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"token": "the part of the link after token="}))]
pub struct UseMagicLink {
    /// The link's secret.
    token: String,
    /// Where to go after the sign-in: a path here or a URL on a trusted origin.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    /// Where a new user goes instead.
    #[serde(rename = "newUserCallbackURL")]
    new_user_callback_url: Option<String>,
}

/// The user is signed in.
#[derive(Serialize, ToSchema)]
pub struct SignedInByLink {
    /// The session's id; its secret is in the cookie alone.
    #[schema(format = Uuid, example = "019ab2c4-7d1f-7b02-8e4d-6a9c1f3b7e20")]
    token: String,
    /// The user who is signed in now.
    user: User,
    /// The new session.
    session: SessionView,
    /// Where to go next, if a callback was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// Sign in with a mailed link
///
/// Signs in with the secret of a link, as the page does that links in emails lead to, and sets the session cookie.
/// This proves the email. If it was never confirmed before, the password, sessions, tokens and links of its account
/// are removed first: another person may have signed up with it.
#[utoipa::path(
    post, path = "/api/auth/magic-link/verify", tag = tag::AUTH, request_body = UseMagicLink,
    responses((status = 200, description = "Signed in", body = MagicLinkResponse)),
)]
pub async fn use_magic_link(
    _: NotByToken,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<UseMagicLink>,
) -> Result<HttpResponse, Error> {
    let callback = checked(body.callback_url, &state.site, Code::InvalidCallbackUrl)?;
    let new_user =
        checked(body.new_user_callback_url, &state.site, Code::InvalidNewUserCallbackUrl)?;
    let (reached, is_new) = follow(&state, &request, &cookie, body.token).await??;
    reached.respond(&state, if is_new { new_user.or(callback) } else { callback })
}

/// What a link carries.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MagicLink {
    /// The link's secret.
    token: String,
    /// Where to redirect to.
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    /// Where to redirect a new user to instead.
    #[serde(rename = "newUserCallbackURL")]
    new_user_callback_url: Option<String>,
    /// Where to redirect to, with `?error=…`, if the link is rejected.
    #[serde(rename = "errorCallbackURL")]
    error_callback_url: Option<String>,
}

/// Sign in with a mailed link by GET
///
/// For clients of the protocol, whose script calls it with `fetch`. A browser that follows it as a link is redirected
/// to the page on which the user signs in with a button, and nothing changes: mail scanners follow links, and would
/// use it up.
#[utoipa::path(
    get, path = "/api/auth/magic-link/verify", tag = tag::AUTH, params(MagicLink),
    responses(
        (status = 200, description = "Signed in", body = MagicLinkResponse),
        (status = 302, description = "Redirects to the page of the link, or after the sign-in to the callback", headers(("Location" = String, description = "The page"))),
    ),
)]
pub async fn follow_magic_link(
    _: NotByToken,
    _: Once,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolQuery(link): ProtocolQuery<MagicLink>,
) -> Result<HttpResponse, Error> {
    let site = &state.site;
    let callback = checked(link.callback_url, site, Code::InvalidCallbackUrl)?;
    let new_user = checked(link.new_user_callback_url, site, Code::InvalidNewUserCallbackUrl)?;
    let on_error = checked(link.error_callback_url, site, Code::InvalidErrorCallbackUrl)?;
    if !is_from_script(&request) {
        let pages = [("callbackURL", callback), ("newUserCallbackURL", new_user)];
        return Ok(to_page(&state, &link.token, &pages));
    }
    // A page of another site must not sign its visitor in as another user (login CSRF).
    verify_origin(request.head(), site, false)?;
    match follow(&state, &request, &cookie, link.token).await? {
        Ok((Reached::Session(signed_in, device), is_new)) => {
            let mut response = match if is_new { new_user.or(callback) } else { callback } {
                None => HttpResponse::Ok().json(*signed_in),
                Some(place) => redirect(&place, site, None),
            };
            if let Some(device) = device {
                response.add_cookie(&device).map_err(|_| Code::Internal)?;
            }
            Ok(response)
        }
        Ok((reached @ Reached::Challenge(..), _)) => reached.respond(&state, None),
        Err(code) => match on_error.or(callback) {
            None => Err(code.into()),
            Some(place) => Ok(redirect(&place, site, Some(("error", code.name())))),
        },
    }
}

const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Returns whether a script has sent the request with `fetch` (Fetch Metadata).
fn is_from_script(request: &HttpRequest) -> bool {
    let mode = request.headers().get(FETCH_MODE).and_then(|mode| mode.to_str().ok());
    matches!(mode, Some("cors" | "same-origin"))
}

/// Redirects to the page on which the link signs in: the built-in one, or the product's own if the pages are disabled.
fn to_page(
    state: &State,
    token: &str,
    pages: &[(&'static str, Option<String>); 2],
) -> HttpResponse {
    let [callback, _] = pages;
    if !state.config.site.has_pages() {
        return redirect(callback.1.as_deref().unwrap_or("/"), &state.site, Some(("token", token)));
    }
    let query: Vec<(&str, &str)> =
        pages.iter().filter_map(|(name, page)| Some((*name, page.as_deref()?))).collect();
    let mut page = state.site.link(PAGE, &query);
    page.set_fragment(Some(&format!("token={token}")));
    redirect(page.as_str(), &state.site, None)
}

/// How far a link has led.
pub(super) enum Reached {
    /// To a session, and the cookie of a trusted device that stood for the second factor.
    Session(Box<SignedInByLink>, Option<Cookie<'static>>),
    /// To the second factor, and the secret of the sign-in that waits for it.
    Challenge(Challenge, SessionSecret),
}

impl Reached {
    /// Returns the response, with where to go next.
    pub(super) fn respond(self, state: &State, url: Option<String>) -> Result<HttpResponse, Error> {
        match self {
            Self::Session(signed_in, device) => {
                let mut response = HttpResponse::Ok();
                if let Some(device) = device {
                    response.cookie(device);
                }
                Ok(response.json(SignedInByLink { url, ..*signed_in }))
            }
            Self::Challenge(challenge, secret) => second_factor::due(state, &challenge, &secret),
        }
    }
}

/// The outcome of a sign-in with a link.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum MagicLinkResponse {
    /// There is a session.
    SignedIn(Box<SignedInByLink>),
    /// The user must prove the second factor.
    SecondFactorDue(SecondFactorDue),
}

/// The built-in page on which a link signs in.
const PAGE: &str = "/magic-link";

/// Signs in with a link. Returns whether the user is new; the inner error is the reason for a rejection.
async fn follow(
    state: &State,
    request: &HttpRequest,
    cookie: &SessionCookie,
    token: String,
) -> Result<Result<(Reached, bool), Code>, Error> {
    let secret = SessionSecret::generate();
    let attempt = MagicLinkSignIn {
        link: LinkSecret::presented(token).hash(),
        request: browser(&state.site, request, cookie, &secret, true),
        sign_up: state.config.accounts.sign_up_is_open(),
    };
    let now = state.clock.now();
    let followed = sign_in::sign_in_with_link(&state.store, attempt, now).await?;
    let LinkFollowed { outcome, is_new } = match followed {
        Ok(followed) => followed,
        Err(LinkRejected::SignUpClosed) => return Ok(Err(Code::NewUserSignUpDisabled)),
        Err(LinkRejected::Invalid(rejected)) => return Ok(Err(rejected.into())),
    };
    Ok(reached(state, request, cookie, outcome, secret)?.map(|reached| (reached, is_new)))
}

/// Sets the session's cookie after a sign-in with a valid link.
pub(super) fn reached(
    state: &State,
    request: &HttpRequest,
    cookie: &SessionCookie,
    outcome: SignedIn,
    secret: SessionSecret,
) -> Result<Result<Reached, Code>, Error> {
    match outcome {
        SignedIn::Begun(begun) => {
            let (user, grant) = *begun;
            cookie.set(&grant, &secret)?;
            let device = second_factor::renewed_device(state, request, &user, &grant);
            let session = SessionView::from(grant.session().clone());
            let token = session.token.clone();
            let signed_in = SignedInByLink { token, user: user.into(), session, url: None };
            Ok(Ok(Reached::Session(Box::new(signed_in), device)))
        }
        SignedIn::SecondFactorDue(challenge) => Ok(Ok(Reached::Challenge(challenge, secret))),
        SignedIn::Refused(refusal) => Ok(Err(refusal.into())),
    }
}
