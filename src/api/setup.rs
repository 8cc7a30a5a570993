//! Creates the first admin of a new site (bootstrap).

use actix_web::{
    HttpRequest, Responder,
    http::StatusCode,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{auth::browser, client::client, json::ValidJson, limited, tag, user::User};
use crate::{
    error::{Code, Error, FieldError},
    fields::{self, normal_email},
    gate::{NotByToken, cookie::SessionCookie},
    secrets::{LinkSecret, Password, PasswordContext, PasswordHash, SessionSecret},
    state::State,
    store::{
        accounts::NewAccount,
        activity::{Action, Event},
        first_admin::{self, FirstAdmin, SetupOutcome},
        sign_in::SignedIn,
        users::{self, Role},
    },
};

/// The first admin to create.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    example = json!({"token": "the part of the link after token=", "name": "Katherine", "email": "katherine@example.com", "password": "correct horse battery staple"})
)]
pub struct SetUp {
    /// The secret of the link that the server printed when it started.
    token: String,
    /// Your name.
    #[validate(custom(function = "fields::name"))]
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Your email. Upper and lower case are the same.
    #[validate(custom(function = "fields::email"))]
    #[schema(format = Email)]
    email: String,
    /// 8 to 128 characters of any kind. Common passwords, and those made of your name, your email or the name of
    /// this site, are rejected. Required, unless the server uses no passwords: then it must be left out.
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 128)]
    password: Option<Password>,
}

/// The site has an admin.
#[derive(Serialize, ToSchema)]
#[schema(as = SetUpResponse)]
pub struct IsSetUp {
    /// The first admin.
    user: User,
}

/// Make the first admin
///
/// Creates the first admin with the link that the server prints when it starts and there is no admin. It works
/// once, for 30 minutes. Begins a session and sets the session cookie. Where the server uses no passwords, the admin
/// later signs in with a link to the email or an identity provider.
#[utoipa::path(
    post, path = "/api/setup", tag = tag::ADMIN, request_body = SetUp,
    responses((status = 201, description = "The admin, signed in", body = IsSetUp)),
)]
pub async fn set_up(
    _: limited::SignUp,
    _: NotByToken,
    cookie: SessionCookie,
    request: HttpRequest,
    state: Data<State>,
    ValidJson(body): ValidJson<SetUp>,
) -> Result<impl Responder, Error> {
    let context = PasswordContext::new(&state.site.name, &body.email, &body.name);
    let hash = hashed(&state, body.password, &context).await?;
    let link = LinkSecret::presented(body.token).hash();
    let now = state.clock.now();
    let user = users::User {
        // The operator who reads the server's output vouches for the email: there may be no mail server yet.
        email_verified: true,
        ..users::User::new(body.name, normal_email(&body.email), Role::Admin, now)
    };
    let secret = SessionSecret::generate();
    let first = FirstAdmin {
        link,
        account: hash.map(|hash| NewAccount::password(&user.id, &hash, now)),
        request: browser(&state.site, &request, &cookie, &secret, true),
        event: Event::of_user(&user.id, Action::FirstAdminCreated, &client(&request), now),
        user,
    };
    let claimed = first_admin::claim(&state.store, first, now)
        .await
        .map_err(|error| Error::or_taken(error, "email", Code::EmailTaken))?;
    match claimed {
        SetupOutcome::Done(SignedIn::Begun(begun)) => {
            let (user, grant) = *begun;
            cookie.set(&grant, &secret)?;
            Ok(Json(IsSetUp { user: user.into() }).customize().with_status(StatusCode::CREATED))
        }
        SetupOutcome::Done(_) => Err(Code::Internal.into()),
        SetupOutcome::AdminExists => Err(Code::AdminExists.into()),
        SetupOutcome::InvalidLink => Err(Code::InvalidLink.into()),
    }
}

/// Returns the hash of the chosen password; none where passwords are not accepted.
async fn hashed(
    state: &State,
    password: Option<Password>,
    context: &PasswordContext,
) -> Result<Option<PasswordHash>, Error> {
    match password {
        Some(password) => {
            state.config.accounts.check_passwords()?;
            Ok(Some(state.hashing.hash(password.choose(context)?).await?))
        }
        None if state.config.accounts.accepts_passwords() => {
            let missing = FieldError {
                field: "password".to_owned(),
                code: "invalid".into(),
                message: "is required".into(),
            };
            Err(Code::ValidationFailed.on(vec![missing]))
        }
        None => Ok(None),
    }
}
