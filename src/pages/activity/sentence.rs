//! The sentence that tells an action.

use serde_json::Value;

use super::{
    Names, SubjectKind,
    detail::{Detail, in_plain_words, value},
};
use crate::store::activity::Action;

/// The words before and after the subject, and whether the sentence names it.
pub(super) struct Sentence {
    pub verb: String,
    pub rest: String,
    pub has_subject: bool,
}

impl Sentence {
    /// A sentence that ends with its subject.
    pub(super) fn about(verb: &str) -> Self {
        Self { verb: verb.to_owned(), rest: String::new(), has_subject: true }
    }

    /// A sentence without a subject.
    fn alone(verb: &str) -> Self {
        Self { verb: verb.to_owned(), rest: String::new(), has_subject: false }
    }

    fn then(self, rest: impl Into<String>) -> Self {
        Self { rest: rest.into(), ..self }
    }
}

/// Returns the sentence of an action, and takes what it tells from the details.
#[expect(clippy::too_many_lines, reason = "one match for all actions")]
pub(super) fn sentence(
    action: Action,
    detail: &mut Detail,
    names: &Names,
    kind: SubjectKind,
) -> Sentence {
    let own = kind == SubjectKind::Actor;
    let their = names.reader.possessive();
    // What was done to another account, or to the own one.
    let said = |others: &str, owns: &str| {
        if own { Sentence::alone(owns) } else { Sentence::about(others) }
    };
    match action {
        Action::SignedUp => {
            let provider = detail.take_text("provider").map(|provider| format!("with {provider}"));
            Sentence::alone("signed up").then(provider.unwrap_or_default())
        }
        Action::SignedIn => {
            // The session may have ended, so its id leads nowhere.
            detail.take("sessionId");
            let methods = detail.take("methods").map(|methods| format!("with {}", value(&methods)));
            Sentence::alone("signed in").then(methods.unwrap_or_default())
        }
        Action::SignedOut => {
            // The session is deleted, so its id leads nowhere.
            detail.take("sessionId");
            Sentence::alone("signed out")
        }
        Action::SignInFailed => Sentence::about("failed to sign in to").then(times(detail)),
        Action::FirstAdminCreated => Sentence::alone("became the first admin"),
        Action::UserCreated => {
            let role = detail.take_text("role").map(|role| format!("with the role {role}"));
            Sentence::about("created").then(role.unwrap_or_default())
        }
        Action::UserUpdated => updated(detail),
        Action::UserDeactivated => {
            detail.take_change();
            let revoked = detail.take("revokeCredentials") == Some(Value::Bool(true));
            let rest = if revoked { "and revoked all sessions, tokens and links" } else { "" };
            Sentence::about("deactivated").then(rest)
        }
        Action::AccessSuspended => {
            Sentence::alone("suspended all access, with a link from an email")
        }
        Action::AccessRestored => Sentence::alone("restored access, with a mailed link"),
        Action::UserReactivated => {
            detail.take_change();
            Sentence::about("reactivated")
        }
        Action::UserDeleted => Sentence::alone(&format!("deleted {their} own account")),
        Action::PasswordChanged => {
            let ended = detail.take("otherSessionsEnded") == Some(Value::Bool(true));
            let rest = if ended { "and ended all other sessions" } else { "" };
            Sentence::alone(&format!("changed {their} password")).then(rest)
        }
        Action::PasswordReset => Sentence::alone("set a password with a mailed link"),
        Action::PasswordSet => Sentence::about("set the password of"),
        Action::EmailVerified => {
            let revoked = detail.take("credentialsRevoked") == Some(Value::Bool(true));
            let rest = if revoked { "and ended all earlier sessions and tokens" } else { "" };
            Sentence::alone(&format!("confirmed {their} email")).then(rest)
        }
        Action::EmailChangeRequested => {
            Sentence::alone(&format!("requested a change of {their} email"))
        }
        Action::EmailChanged => Sentence::alone(&format!("changed {their} email")),
        Action::TwoFactorEnabled => Sentence::alone("turned two-factor authentication on"),
        Action::TwoFactorDisabled => Sentence::alone("turned two-factor authentication off"),
        Action::TwoFactorReset => Sentence::about("reset the two-factor authentication of"),
        Action::RecoveryCodesReplaced => {
            Sentence::alone(&format!("replaced {their} recovery codes"))
        }
        Action::PasskeyAdded
        | Action::PasskeyRenamed
        | Action::PasskeyRemoved
        | Action::PasskeyRejected => passkey(action, detail),
        Action::ProviderLinked => {
            let provider = detail.take_text("provider").unwrap_or_default();
            Sentence::alone("linked an account at").then(provider)
        }
        Action::ProviderUnlinked => {
            let method = detail.take_text("provider").unwrap_or_default();
            Sentence::alone("removed the sign-in method").then(method)
        }
        Action::LoginUnlocked => Sentence::about("ended the login throttle of"),
        Action::SessionsEnded => {
            let links = detail.take("links") == Some(Value::Bool(true));
            let rest = if links { "and revoked all mailed links" } else { "" };
            let others = if detail.take("keptSessionId").is_some() { "other " } else { "" };
            said("ended all sessions of", &format!("ended all {their} {others}sessions")).then(rest)
        }
        Action::SessionEnded => {
            detail.take("sessionId");
            said("ended a session of", &format!("ended one of {their} sessions"))
        }
        Action::TokenCreated => {
            let scopes = detail.take("scopes").map(|scopes| format!("with {}", value(&scopes)));
            let verb = format!("created {}", names.token(detail));
            said(&format!("{verb} for"), &verb).then(scopes.unwrap_or_default())
        }
        Action::TokenRevoked => {
            let verb = format!("revoked {}", names.token(detail));
            said(&format!("{verb} of"), &verb)
        }
        Action::TokensRevoked => {
            said("revoked all tokens of", &format!("revoked all {their} tokens"))
        }
        Action::TokenRejected => {
            Sentence::about("presented an invalid token of").then(times(detail))
        }
        Action::MailSent => {
            let what = match detail.take_text("about").as_deref() {
                Some("invitation") => "an invitation".to_owned(),
                Some("verify-email") => "a verification link".to_owned(),
                Some("reset-password") => "a password reset".to_owned(),
                Some(other) => format!("a mail “{}”", in_plain_words(other)),
                None => "a mail".to_owned(),
            };
            Sentence::about(&format!("sent {what} to"))
        }
        Action::JobRetried => job("retried", detail, kind),
        Action::JobDiscarded => job("discarded", detail, kind),
        Action::ClockConfirmed => Sentence::alone("confirmed the clock of the server"),
    }
}

/// Returns how often it happened, of an event that has a count.
fn times(detail: &mut Detail) -> String {
    detail.take("since");
    let overflow = detail.take("overflow") == Some(Value::Bool(true));
    let others = if overflow { ", in all other cases of that minute" } else { "" };
    match detail.take("count").and_then(|count| count.as_u64()) {
        Some(1) => format!("once{others}"),
        Some(count) => format!("{count} times{others}"),
        None => String::new(),
    }
}

/// Returns the sentence of a changed name or role. Earlier versions recorded the new role, and whether the name changed.
fn updated(detail: &mut Detail) -> Sentence {
    let (before, after) = detail.take_change();
    let role = after.text("role").or_else(|| detail.take_text("role"));
    let role = role.map(|role| match before.text("role") {
        Some(before) => format!("from {before} to {role}"),
        None => format!("to {role}"),
    });
    let renamed = detail.take("renamed").map(|renamed| renamed == Value::Bool(true));
    let name = before.text("name").zip(after.text("name"));
    let name = name.map(|(before, after)| format!("from “{before}” to “{after}”"));
    match (name, renamed, role) {
        (Some(name), _, None) => Sentence::about("renamed").then(name),
        (Some(name), _, Some(role)) => {
            Sentence::about("renamed").then(format!("{name} and set the role {role}"))
        }
        (None, Some(true), None) => Sentence::about("renamed"),
        (None, Some(true), Some(role)) => {
            Sentence::about("renamed").then(format!("and set the role {role}"))
        }
        (None, _, Some(role)) => Sentence::about("set the role of").then(role),
        (None, _, None) => Sentence::about("saved").then("without a change"),
    }
}

fn job(verb: &str, detail: &mut Detail, kind: SubjectKind) -> Sentence {
    detail.take("jobId");
    let is_of_a_user = kind != SubjectKind::Job;
    Sentence::about(&match detail.take_text("kind") {
        Some(kind) if kind == "mail" && is_of_a_user => format!("{verb} a mail to"),
        Some(kind) if is_of_a_user => format!("{verb} a job of kind “{kind}” of"),
        Some(kind) => format!("{verb} “{}”,", in_plain_words(&kind)),
        None => format!("{verb} the work for"),
    })
}

fn passkey(action: Action, detail: &mut Detail) -> Sentence {
    let verb = match action {
        Action::PasskeyAdded => "added",
        Action::PasskeyRenamed => "renamed",
        Action::PasskeyRemoved => "removed",
        _ => {
            let did = "used a passkey whose signature counter had not grown to sign in to";
            return Sentence::about(did).then(times(detail));
        }
    };
    // The passkey may be removed, so its id leads nowhere.
    detail.take("passkeyId");
    let name = detail.take_text("name").map(|name| format!("“{name}”"));
    Sentence::alone(&format!("{verb} the passkey")).then(name.unwrap_or_default())
}
