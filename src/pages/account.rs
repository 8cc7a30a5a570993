//! The pages of the account lifecycle: sign-in, sign-up, mailed links, setup, and the dashboard.

use actix_web::{HttpResponse, http::header::LOCATION, web::Data};
use askama::Template;
use serde::Deserialize;
use strum::EnumString;
use url::form_urlencoded;
use validator::Validate;

use super::{
    frame::{Frame, html},
    providers::{Choice, choices},
    query::filled,
};
use crate::{
    api::query::ValidQuery,
    config::SignUp,
    error::{Code, Error},
    gate::{
        Session,
        next::{own_path, trusted_callback},
    },
    name,
    state::State,
    store::users,
};

/// The page after a sign-in without another target.
pub(super) const HOME: &str = "/dashboard";

/// The query string of the login page: the page to return to, and the reason for the sign-in.
#[derive(Deserialize, Validate)]
pub(super) struct LoginQuery {
    next: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    why: Option<Why>,
}

/// Why the user is on the login page.
#[derive(Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "lowercase")]
enum Why {
    Ended,
    Fresh,
    Out,
    Reset,
    Deleted,
}

impl Why {
    /// Returns the style of the notice.
    const fn kind(self) -> &'static str {
        match self {
            Self::Ended | Self::Fresh => "warn",
            Self::Reset => "done",
            Self::Out | Self::Deleted => "",
        }
    }

    /// Returns the text of the notice. It does not say why a session has ended: the login page is the same for
    /// a user who has signed out, was deactivated, or was never signed in.
    const fn says(self) -> &'static str {
        match self {
            Self::Ended => "Your session has ended. Sign in to continue.",
            Self::Fresh => "Sign in again to make this change.",
            Self::Out => "You are signed out.",
            Self::Reset => "Password set. Sign in with it.",
            Self::Deleted => "Your account and everything in it were deleted.",
        }
    }
}

impl LoginQuery {
    /// Returns the page to go to: a path of this site, or the default.
    fn next(&self, state: &State) -> &str {
        self.next.as_deref().and_then(|next| own_path(next, &state.site)).unwrap_or(HOME)
    }

    /// Returns the same as a query string, for links to the other account pages.
    fn onward(&self, state: &State) -> String {
        match self.next(state) {
            HOME => String::new(),
            next => {
                let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
                format!("?next={next}")
            }
        }
    }
}

pub(super) fn go_on(place: &str) -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, place)).finish()
}

#[derive(Template)]
#[template(path = "pages/login.html")]
struct Login<'a> {
    frame: Frame,
    /// The style and the text.
    notice: Option<(&'static str, &'static str)>,
    next: &'a str,
    onward: String,
    open: bool,
    providers: Vec<Choice>,
}

pub(super) async fn login(
    session: Option<Session>,
    state: Data<State>,
    ValidQuery(query): ValidQuery<LoginQuery>,
) -> Result<HttpResponse, Error> {
    let next = query.next(&state);
    if session.is_some() && query.why != Some(Why::Fresh) {
        return Ok(go_on(next));
    }
    let onward = query.onward(&state);
    html(&Login {
        frame: Frame::of(&state, None, "login"),
        notice: query
            .why
            .map(|why| (why.kind(), why.says()))
            .or_else(|| (!onward.is_empty()).then_some(("", "Sign in to continue."))),
        next,
        onward,
        open: is_open(&state),
        providers: choices(&state),
    })
}

fn is_open(state: &State) -> bool {
    state.config.accounts.sign_up == SignUp::Open
}

#[derive(Template)]
#[template(path = "pages/signup.html")]
struct SignUpPage<'a> {
    frame: Frame,
    next: &'a str,
    onward: String,
    open: bool,
    providers: Vec<Choice>,
}

pub(super) async fn sign_up(
    session: Option<Session>,
    state: Data<State>,
    ValidQuery(query): ValidQuery<LoginQuery>,
) -> Result<HttpResponse, Error> {
    let next = query.next(&state);
    if session.is_some() {
        return Ok(go_on(next));
    }
    let onward = query.onward(&state);
    html(&SignUpPage {
        frame: Frame::of(&state, None, "login"),
        next,
        onward,
        open: is_open(&state),
        providers: choices(&state),
    })
}

#[derive(Template)]
#[template(path = "pages/forgot-password.html")]
struct ForgotPassword {
    frame: Frame,
}

pub(super) async fn forgot_password(
    session: Option<Session>,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    if !state.config.accounts.accepts_passwords() {
        return Ok(go_on("/login"));
    }
    html(&ForgotPassword { frame: Frame::of(&state, session.as_ref(), "login") })
}

#[derive(Template)]
#[template(path = "pages/reset-password.html")]
struct ResetPassword {
    frame: Frame,
}

/// The link's secret is in the fragment, which no server sees: the script reads it.
pub(super) async fn reset_password(
    session: Option<Session>,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    if !state.config.accounts.accepts_passwords() {
        return Ok(go_on("/login"));
    }
    html(&ResetPassword { frame: Frame::of(&state, session.as_ref(), "login") })
}

/// The query string of a mailed link, whose secret is in the fragment; or the result of a link that was
/// followed by GET.
#[derive(Deserialize, Validate)]
pub(super) struct LinkQuery {
    error: Option<String>,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

impl LinkQuery {
    /// Returns the page to go to, if a link may lead there.
    fn callback(&self, state: &State) -> Option<&str> {
        self.callback_url.as_deref().filter(|url| trusted_callback(url, &state.site))
    }
}

#[derive(Template)]
#[template(path = "pages/verify-email.html")]
struct VerifyEmail<'a> {
    frame: Frame,
    error: Option<&'static str>,
    callback: Option<&'a str>,
}

pub(super) async fn verify_email(
    session: Option<Session>,
    state: Data<State>,
    ValidQuery(followed): ValidQuery<LinkQuery>,
) -> Result<HttpResponse, Error> {
    // Only this application's own messages are shown: the author of the link may have written the query.
    let code = |name| Code::named(name).unwrap_or(Code::InvalidEmailLink);
    html(&VerifyEmail {
        frame: Frame::of(&state, session.as_ref(), "verify-email"),
        error: followed.error.as_deref().map(|name| code(name).message()),
        callback: followed.callback(&state),
    })
}

#[derive(Template)]
#[template(path = "pages/suspend-access.html")]
struct SuspendAccess {
    frame: Frame,
}

pub(super) async fn suspend_access(
    session: Option<Session>,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    html(&SuspendAccess { frame: Frame::of(&state, session.as_ref(), "suspend-access") })
}

#[derive(Template)]
#[template(path = "pages/restore-access.html")]
struct RestoreAccess {
    frame: Frame,
}

pub(super) async fn restore_access(
    session: Option<Session>,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    html(&RestoreAccess { frame: Frame::of(&state, session.as_ref(), "login") })
}

#[derive(Template)]
#[template(path = "pages/delete-account.html")]
struct DeleteAccount<'a> {
    frame: Frame,
    onward: &'a str,
}

pub(super) async fn delete_account(
    session: Option<Session>,
    state: Data<State>,
    ValidQuery(followed): ValidQuery<LinkQuery>,
) -> Result<HttpResponse, Error> {
    html(&DeleteAccount {
        frame: Frame::of(&state, session.as_ref(), "delete-account"),
        onward: followed.callback(&state).unwrap_or("/login?why=deleted"),
    })
}

/// The query string of a mailed link to sign in, whose secret is in the fragment.
#[derive(Deserialize, Validate)]
pub(super) struct MagicLinkQuery {
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
    #[serde(rename = "newUserCallbackURL")]
    new_user_callback_url: Option<String>,
    #[serde(rename = "errorCallbackURL")]
    #[allow(dead_code, reason = "for clients of the protocol; this page shows an error itself")]
    error_callback_url: Option<String>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/magic-link.html")]
struct MagicLink<'a> {
    frame: Frame,
    /// The fields of the form, by name, that say where to go.
    callbacks: Vec<(&'static str, &'a str)>,
    next: &'a str,
}

/// Signs in with a mailed link, or asks for one.
pub(super) async fn magic_link(
    session: Option<Session>,
    state: Data<State>,
    ValidQuery(query): ValidQuery<MagicLinkQuery>,
) -> Result<HttpResponse, Error> {
    let callbacks = [
        ("callbackURL", &query.callback_url),
        ("newUserCallbackURL", &query.new_user_callback_url),
    ];
    let trusted = |url: &&str| trusted_callback(url, &state.site);
    html(&MagicLink {
        frame: Frame::of(&state, session.as_ref(), "login"),
        callbacks: callbacks
            .into_iter()
            .filter_map(|(name, url)| Some((name, url.as_deref().filter(trusted)?)))
            .collect(),
        next: query.next.as_deref().and_then(|next| own_path(next, &state.site)).unwrap_or(HOME),
    })
}

#[derive(Template)]
#[template(path = "pages/setup.html")]
struct Setup {
    frame: Frame,
    open: bool,
    program: &'static str,
}

pub(super) async fn setup(
    session: Option<Session>,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    let open = !users::any_active_admin(&state.store).await?;
    let program = &name::get().slug;
    html(&Setup { frame: Frame::of(&state, session.as_ref(), "login"), open, program })
}

#[derive(Template)]
#[template(path = "pages/dashboard.html")]
struct Dashboard {
    frame: Frame,
    open: bool,
    docs: bool,
}

pub(super) async fn dashboard(
    session: Option<Session>,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    html(&Dashboard {
        frame: Frame::of(&state, session.as_ref(), "dashboard"),
        open: is_open(&state),
        docs: state.config.site.has_swagger_ui(),
    })
}
