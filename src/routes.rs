//! The route table: every operation of the API, in two groups, outside the gate and behind it.
//!
//! A row is a handler; its method and path are declared above it in its file, its access rules by its
//! arguments. The codes in brackets are those that the handler itself can return; those that follow from its
//! arguments (`openapi/errors.rs`) are left out. `openapi/openapi.json` is generated from this table.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse, Resource, ResponseError, Route,
    body::BoxBody,
    dev::ServiceRequest,
    guard::{self, Guard},
    http::{Method, header::ALLOW},
    middleware::{Next, from_fn},
    web::{self, Data, ServiceConfig},
};
use utoipa::openapi::{HttpMethod, PathItem, path::Operation as Documentation};

use crate::{
    api::{activity, admin, auth, dashboard, health, me, settings, setup, tokens, trusted_devices},
    error::{Code, Error},
    gate::{Access, cookie},
    operations,
    operations::{Operation, Operations},
    product::Product,
    secrets::SigningKeys,
    state::State,
};

/// Returns the operations of this library: a table for each feature of the build.
#[must_use]
pub fn operations() -> Vec<Operations> {
    vec![
        always(),
        #[cfg(feature = "providers")]
        of_providers(),
        #[cfg(feature = "passkeys")]
        of_passkeys(),
    ]
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn always() -> Operations {
    operations! {
    // Outside the gate: these handlers read no credential, no store and no cookie. Requests are counted by
    // their IP address here as well (`app::limit`), except for the probes.
    open {
        health::live,
        health::ready [StoreUnavailable],
        auth::ok::auth_ok,
    }

    // Behind the gate.
    gated {
        auth::sign_up::sign_up_email [
            PasswordsDisabled, SignUpClosed, EmailDomainNotAllowed, Code::NEW_PASSWORD, FieldNotAllowed, InvalidCallbackUrl, UserAlreadyExists
        ],
        auth::sign_in::sign_in_email [
            PasswordsDisabled, InvalidEmail, PasswordTooLong, InvalidCallbackUrl, InvalidEmailOrPassword, UserDeactivated, UserSuspended,
            EmailNotVerified, Busy
        ],
        auth::magic_link::request_magic_link [
            InvalidCallbackUrl, InvalidNewUserCallbackUrl, InvalidErrorCallbackUrl
        ],
        auth::magic_link::use_magic_link [
            InvalidCallbackUrl, InvalidNewUserCallbackUrl, Code::MAGIC_LINK
        ],
        auth::magic_link::follow_magic_link [
            InvalidCallbackUrl, InvalidNewUserCallbackUrl, InvalidErrorCallbackUrl, InvalidOrigin,
            MissingOrNullOrigin, Code::MAGIC_LINK
        ],
        auth::sign_out::sign_out,
        auth::sessions::get_session,
        auth::sessions::list_sessions,
        auth::sessions::revoke_session,
        auth::sessions::revoke_sessions,
        auth::sessions::revoke_other_sessions,
        auth::profile::update_profile [EmailCannotBeUpdated, FieldNotAllowed, NoFieldsToUpdate],
        auth::passwords::verify_password [PasswordsDisabled, InvalidPassword, Busy],
        auth::passwords::change_password [PasswordsDisabled, Code::NEW_PASSWORD, InvalidPassword, NoPassword],
        auth::password_reset::request_password_reset [PasswordsDisabled, InvalidRedirectUrl],
        auth::password_reset::follow_reset_link [InvalidCallbackUrl],
        auth::password_reset::reset_password [PasswordsDisabled, InvalidLink, Code::NEW_PASSWORD, UserDeactivated, UserSuspended],
        auth::suspension::suspend_access [InvalidEmailLink, EmailLinkExpired],
        auth::restoration::restore_access [InvalidEmailLink, EmailLinkExpired, UserDeactivated, UserSuspended],
        auth::email::send_verification_email [InvalidCallbackUrl, EmailMismatch, EmailAlreadyVerified],
        auth::email::confirm_email [Code::EMAIL_LINK],
        auth::email::verify_email [InvalidCallbackUrl, Code::EMAIL_LINK],
        auth::email::change_email [InvalidCallbackUrl, EmailUnchanged],
        auth::email::cancel_email_change,
        auth::deletion::delete_account [
            PasswordsDisabled, InvalidCallbackUrl, InvalidPassword, Busy, SessionTooOld, InvalidDeletionLink,
            UserDeactivated, UserSuspended, LastAdmin
        ],
        auth::deletion::confirm_deletion [
            InvalidCallbackUrl, InvalidDeletionLink, UserDeactivated, UserSuspended, LastAdmin
        ],
        auth::accounts::list_accounts,
        auth::two_factor::enrolment::enable_two_factor [
            PasswordsDisabled, InvalidPassword, Busy, SessionNotFresh, TotpAlreadyEnabled, OtpNotConfigured
        ],
        auth::two_factor::enrolment::show_totp_uri [
            PasswordsDisabled, InvalidPassword, Busy, SessionNotFresh, TotpNotEnabled, SecondFactorRequired, TotpUnreadable
        ],
        auth::two_factor::verification::verify_totp [
            TotpNotEnabled, TotpAlreadyEnabled, InvalidCode, TotpUnreadable, SecondFactorThrottled, Code::CHALLENGE
        ],
        auth::two_factor::verification::verify_backup_code [
            BackupCodesNotEnabled, TwoFactorNotEnabled, InvalidBackupCode, Busy, SecondFactorThrottled, Code::CHALLENGE
        ],
        auth::two_factor::recovery_codes::generate_backup_codes [
            PasswordsDisabled, InvalidPassword, Busy, SessionNotFresh, TwoFactorNotEnabled, Code::SECOND_FACTOR
        ],
        auth::two_factor::enrolment::disable_two_factor [
            PasswordsDisabled, InvalidPassword, Busy, SessionNotFresh, TwoFactorNotEnabled, Code::SECOND_FACTOR
        ],
        auth::two_factor::otp::send_otp [OtpNotConfigured],
        auth::two_factor::otp::verify_otp [OtpNotConfigured],

        dashboard::show_dashboard,
        settings::show_settings,
        me::show_me,

        activity::list_own_activity,

        trusted_devices::list_trusted_devices,
        trusted_devices::remove_trusted_device,

        tokens::list_tokens,
        tokens::create_token,
        tokens::revoke_current_token,
        tokens::show_token,
        tokens::rename_token,
        tokens::revoke_token,

        setup::set_up [PasswordsDisabled, Code::NEW_PASSWORD, InvalidLink, AdminExists, EmailTaken],
        admin::users::list_users,
        admin::users::create_user [EmailTaken],
        admin::users::show_user,
        admin::users::update_user [LastAdmin],
        admin::deactivation::deactivate_user [LastAdmin],
        admin::deactivation::reactivate_user,
        admin::mails::send_user_mail [Conflict],
        admin::two_factor::reset_two_factor,
        admin::credentials::list_user_sessions,
        admin::credentials::end_user_sessions,
        admin::credentials::end_any_session,
        admin::credentials::revoke_user_tokens,
        admin::tokens::list_all_tokens,
        admin::tokens::revoke_any_token,
        admin::jobs::list_jobs,
        admin::jobs::retry_job,
        admin::jobs::discard_job,
        admin::activity::list_activity,
    }
}
    .in_folder("src/api")
}

#[cfg(feature = "providers")]
fn of_providers() -> Operations {
    operations! {
    open {
        auth::social::callback::provider_form_callback [BadRequest, PayloadTooLarge],
    }

    gated {
        auth::social::sign_in::sign_in_social [
            ProviderNotFound, IdTokenNotSupported, ProviderUnavailable, InvalidCallbackUrl, InvalidNewUserCallbackUrl,
            InvalidErrorCallbackUrl, InvalidEmailLink, UserInfoMissing, AccountNotLinked, UserDeactivated,
            UserSuspended, EmailNotVerified
        ],
        auth::social::callback::provider_callback,
        auth::social::link::link_social [
            ProviderNotFound, IdTokenNotSupported, ProviderUnavailable, InvalidCallbackUrl, InvalidErrorCallbackUrl,
            InvalidEmailLink, AccountAlreadyLinked
        ],
        auth::social::verify::verify_social [
            ProviderNotFound, ReauthenticationNotSupported, AccountNotFound, ProviderUnavailable, InvalidCallbackUrl,
            InvalidErrorCallbackUrl
        ],
        auth::social::link::unlink_account [AccountNotFound, LastSignInMethod],
    }
}
    .in_folder("src/api")
}

#[cfg(feature = "passkeys")]
fn of_passkeys() -> Operations {
    operations! {
    gated {
        auth::passkeys::registration::generate_passkey_registration_options [PasskeysNotConfigured],
        auth::passkeys::registration::verify_passkey_registration [
            PasskeysNotConfigured, ChallengeNotFound, PasskeyOfAnotherUser, FailedToVerifyRegistration,
            PreviouslyRegistered, TooManyPasskeys
        ],
        auth::passkeys::authentication::generate_passkey_authentication_options [PasskeysNotConfigured],
        auth::passkeys::authentication::verify_passkey_authentication [Code::PASSKEY_SIGN_IN],
        auth::passkeys::changes::list_passkeys,
        auth::passkeys::changes::update_passkey [PasskeyNotFound],
        auth::passkeys::changes::delete_passkey [PasskeyNotFound, LastSignInMethod],
    }
}
    .in_folder("src/api")
}

/// Adds the routes of a product's operations to an application.
pub fn configure(
    config: &mut ServiceConfig,
    product: &Product,
    state: &Data<State>,
    keys: &SigningKeys,
) {
    let mut rows: BTreeMap<&str, Operation> =
        product.rows().into_iter().map(|row| (row.id, row)).collect();
    let mut paths: Vec<(String, PathItem)> = product.documented().paths.paths.into_iter().collect();
    // The first match is served, so /tokens/current must come before /tokens/{id}.
    paths.sort_by_key(|(path, _)| path.contains('{'));
    for (path, mut item) in paths {
        let mut resource = web::resource(path);
        let mut allowed = Vec::new();
        for (method, documented) in methods(&mut item) {
            let row = documented.operation_id.as_deref().and_then(|id| rows.remove(id));
            let Some(row) = row else { continue };
            let accepted = accepted(actix_method(&method), row.access);
            resource = serve(resource, &accepted, &row, state, keys);
            allowed.extend(accepted);
        }
        config.service(rejecting_other_methods(resource, &allowed));
    }
}

/// Returns a route that is not an API operation: it accepts GET and HEAD, and any other method results in 405.
pub(crate) fn read_only(path: &str, route: Route) -> Resource {
    let accepted = accepted(Method::GET, Access::UNGATED);
    rejecting_other_methods(
        web::resource(path).route(route.guard(method_guard(&accepted))),
        &accepted,
    )
}

/// Adds a 405 response for all methods but these.
pub(crate) fn rejecting_other_methods(resource: Resource, accepted: &[Method]) -> Resource {
    let allowed = accepted.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    resource.default_service(web::to(move || std::future::ready(method_not_allowed(&allowed))))
}

/// Adds a row's route for these methods.
pub(crate) fn serve(
    resource: Resource,
    accepted: &[Method],
    row: &Operation,
    state: &Data<State>,
    keys: &SigningKeys,
) -> Resource {
    let route = || row.route().guard(method_guard(accepted));
    if !row.access.gated {
        return resource.route(route());
    }
    let mut with_cookie = route().wrap(cookie::middleware(&state.site, keys.signing()));
    if let Some(signatures) = cookie::Signatures::new(&state.site, keys) {
        with_cookie =
            with_cookie.wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
                cookie::renew_signatures(signatures.clone(), request, next)
            }));
    }
    if row.access.sets_cookie {
        return resource.route(with_cookie.wrap(from_fn(cookie::finish)));
    }
    // Requests without a cookie, or with one whose signature is cached, bypass the cookie middleware.
    resource.route(route().guard(cookie::signature_is_cached(state))).route(with_cookie)
}

/// Returns the methods that a row accepts. GET implies HEAD (RFC 9110, 9.1), with the same gate and the same
/// handler; except for one-time links, because mail scanners send HEAD to the links in emails.
pub(crate) fn accepted(method: Method, access: Access) -> Vec<Method> {
    if method == Method::GET && !access.once { vec![Method::HEAD, method] } else { vec![method] }
}

/// Matches these methods. actix's own guards record each method in the request for the 405 response, which
/// costs more than finding the route, and this table knows them.
fn method_guard(accepted: &[Method]) -> impl Guard + use<> {
    let accepted = accepted.to_vec();
    guard::fn_guard(move |context| accepted.contains(&context.head().method))
}

/// Returns the operations of a path, each with its method.
pub(crate) fn methods(item: &mut PathItem) -> Vec<(HttpMethod, &mut Documentation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [
        (HttpMethod::Get, get),
        (HttpMethod::Put, put),
        (HttpMethod::Post, post),
        (HttpMethod::Delete, delete),
        (HttpMethod::Patch, patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
    .collect()
}

pub(crate) fn actix_method(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Trace => Method::TRACE,
    }
}

/// Matches every path that no other route matches.
pub(crate) const ANY_PATH: &str = "/{path:.*}";

/// The path prefix of the scripts, styles and images of the pages.
pub(crate) const ASSETS: &str = "/assets/";

/// Responds with 404 where no route matches, without the gate.
pub async fn nothing() -> Result<HttpResponse, Error> {
    Err(Code::NotFound.into())
}

fn method_not_allowed(allowed: &str) -> HttpResponse {
    let mut response = Error::from(Code::MethodNotAllowed).error_response();
    if let Ok(allowed) = allowed.parse() {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}
