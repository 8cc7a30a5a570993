//! Formats the activity log as sentences, with the names of users and tokens.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::{
    api::json::object,
    error::Error,
    store::{
        Store,
        activity::{ALL_USERS, Action, Event, OS_USER, SUDO_USER, UNKNOWN_USER},
        api_tokens,
        page::Page,
        users,
    },
    time::Timestamp,
};

/// An event as a sentence: "Root", "deactivated", "Ada", "and revoked their sessions".
pub(super) struct Entry {
    pub at: Timestamp,
    pub actor: Party,
    pub verb: String,
    pub subject: Option<Party>,
    pub rest: String,
    /// Further details as text: "role: admin".
    pub more: Vec<String>,
}

/// A party in a sentence, and a link to more about it.
pub(super) struct Party {
    pub name: String,
    pub href: Option<String>,
}

/// What an event concerns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SubjectKind {
    /// The user who did it.
    Actor,
    /// Another user.
    User,
    /// All users.
    AllUsers,
    /// An account that is not known.
    Unknown,
    /// A job that belongs to no user.
    Job,
}

impl SubjectKind {
    fn of(event: &Event, detail: &Detail) -> Self {
        match event.subject_id.as_str() {
            ALL_USERS => Self::AllUsers,
            UNKNOWN_USER => Self::Unknown,
            id if detail.text("jobId").is_some_and(|job| job == id) => Self::Job,
            id if event.actor_id.as_deref() == Some(id) => Self::Actor,
            _ => Self::User,
        }
    }
}

/// The names of all users and tokens in a page of events, except those that are deleted.
struct Names {
    users: HashMap<String, String>,
    tokens: HashMap<String, String>,
}

/// Converts a page of events to sentences.
pub(super) async fn in_words(store: &Store, page: Page<Event>) -> Result<Page<Entry>, Error> {
    let details: Vec<Detail> = page.rows.iter().map(|event| Detail::of(&event.detail)).collect();
    let mut ids: Vec<String> =
        page.rows.iter().filter_map(|event| event.actor_id.clone()).collect();
    ids.extend(page.rows.iter().map(|event| event.subject_id.clone()));
    ids.sort_unstable();
    ids.dedup();
    let tokens: Vec<String> = details.iter().filter_map(|detail| detail.text("tokenId")).collect();
    let users = users::find_all(store, ids).await?;
    let names = Names {
        users: users.into_iter().map(|user| (user.id, user.name)).collect(),
        tokens: api_tokens::names(store, tokens).await?,
    };
    let mut details = details.into_iter();
    Ok(page.map(|event| Entry::of(&event, details.next().unwrap_or_default(), &names)))
}

impl Entry {
    fn of(event: &Event, mut detail: Detail, names: &Names) -> Self {
        let kind = SubjectKind::of(event, &detail);
        let action = event.action.parse().ok();
        let (verb, rest, names_subject) = match action {
            Some(action) => sentence(action, &mut detail, names, kind),
            None => (format!("did “{}” to", in_plain_words(&event.action)), String::new(), true),
        };
        let actor = match &event.actor_id {
            Some(id) => names.user(id, "A"),
            None if action.is_some_and(Action::is_anonymous) => {
                Party { name: "A client without a session".to_owned(), href: None }
            }
            None => operator(event, &mut detail),
        };
        Self {
            at: event.created_at,
            actor,
            verb,
            subject: names_subject.then(|| names.subject(&event.subject_id, kind)),
            rest,
            more: detail.rest(),
        }
    }
}

impl Names {
    /// Returns a user; a deleted one with this article.
    fn user(&self, id: &str, article: &str) -> Party {
        match self.users.get(id) {
            Some(name) => Party { name: name.clone(), href: Some(format!("/admin/users/{id}")) },
            // No personal data of a deleted user remains; the user's events are still listed under the id.
            None => Party {
                name: format!("{article} deleted user ({})", end_of(id)),
                href: Some(format!("/admin/activity?subject={id}")),
            },
        }
    }

    fn subject(&self, id: &str, kind: SubjectKind) -> Party {
        let name = match kind {
            SubjectKind::Actor | SubjectKind::User => return self.user(id, "a"),
            SubjectKind::AllUsers => "all users".to_owned(),
            SubjectKind::Unknown => "an unknown user".to_owned(),
            SubjectKind::Job => format!("a job ({})", end_of(id)),
        };
        Party { name, href: None }
    }

    fn token(&self, detail: &mut Detail) -> String {
        let id = detail.take_text("tokenId").unwrap_or_default();
        match self.tokens.get(&id) {
            Some(name) => format!("the token “{name}”"),
            None => "a token".to_owned(),
        }
    }
}

/// Returns the operator, with the account on the machine, as far as it was recorded.
fn operator(event: &Event, detail: &mut Detail) -> Party {
    let name = match event.operator() {
        Some(name) => {
            detail.take(OS_USER);
            detail.take(SUDO_USER);
            format!("The operator ({name} at the command line)")
        }
        None => "The operator".to_owned(),
    };
    Party { name, href: None }
}

/// Returns the last characters of an id, which distinguish it from others of the same time.
fn end_of(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}

/// Returns the words before and after the subject, and whether the sentence has one.
fn sentence(
    action: Action,
    detail: &mut Detail,
    names: &Names,
    kind: SubjectKind,
) -> (String, String, bool) {
    let said = |verb: &str, rest: String| (verb.to_owned(), rest, true);
    let alone = |verb: &str| (verb.to_owned(), String::new(), false);
    let own = kind == SubjectKind::Actor;
    let none = String::new();
    match action {
        Action::SignedUp => alone("signed up"),
        Action::SignedIn => alone("signed in"),
        Action::SignedOut => alone("signed out"),
        Action::SignInFailed => said("failed to sign in as", times(detail)),
        Action::FirstAdminCreated => alone("became the first admin"),
        Action::UserCreated => match detail.take_text("role") {
            Some(role) => said("created", format!("with the role {role}")),
            None => said("created", none),
        },
        Action::UserUpdated => updated(detail),
        Action::UserDeactivated => {
            detail.take_change();
            let revoked = detail.take("revokeCredentials") == Some(Value::Bool(true));
            let rest = if revoked { "and revoked all sessions, tokens and links" } else { "" };
            said("deactivated", rest.to_owned())
        }
        Action::UserReactivated => {
            detail.take_change();
            said("reactivated", none)
        }
        Action::UserDeleted => alone("deleted their own account"),
        Action::PasswordChanged => alone("changed their password"),
        Action::PasswordReset => alone("set a password with a mailed link"),
        Action::PasswordSet => said("set the password of", none),
        Action::EmailVerified => alone("confirmed their email"),
        Action::EmailChangeRequested => alone("requested a change of their email"),
        Action::EmailChanged => alone("changed their email"),
        Action::LoginUnlocked => said("ended the login throttle of", none),
        Action::SessionsEnded => {
            let links = detail.take("links") == Some(Value::Bool(true));
            let rest = if links { "and revoked their mailed links" } else { "" };
            match (own, detail.take("keptSessionId").is_some()) {
                (true, true) => alone("ended all their other sessions"),
                (true, false) => alone("ended all their sessions"),
                (false, _) => said("ended all sessions of", rest.to_owned()),
            }
        }
        Action::SessionEnded => {
            // The session is deleted, so its id leads nowhere.
            detail.take("sessionId");
            if own {
                alone("ended one of their sessions")
            } else {
                said("ended a session of", none)
            }
        }
        Action::TokenCreated => {
            let scopes = detail.take("scopes").map(|scopes| format!("with {}", value(&scopes)));
            let (token, rest) = (names.token(detail), scopes.unwrap_or_default());
            if own {
                (format!("created {token}"), rest, false)
            } else {
                (format!("created {token} for"), rest, true)
            }
        }
        Action::TokenRevoked => {
            let token = names.token(detail);
            if own {
                alone(&format!("revoked {token}"))
            } else {
                said(&format!("revoked {token} of"), none)
            }
        }
        Action::TokensRevoked => said("revoked all tokens of", none),
        Action::TokenRejected => said("presented an invalid token of", times(detail)),
        Action::MailSent => {
            let what = match detail.take_text("about").as_deref() {
                Some("invitation") => "an invitation".to_owned(),
                Some("verify-email") => "a verification link".to_owned(),
                Some("reset-password") => "a password reset".to_owned(),
                Some(other) => format!("a mail “{}”", in_plain_words(other)),
                None => "a mail".to_owned(),
            };
            said(&format!("sent {what} to"), none)
        }
        Action::JobRetried => said(&job("retried", detail, kind), none),
        Action::JobDiscarded => said(&job("discarded", detail, kind), none),
        Action::ClockConfirmed => alone("confirmed the clock of the server"),
    }
}

/// Returns how often it happened, of an event that has a count.
fn times(detail: &mut Detail) -> String {
    match detail.take("count").and_then(|count| count.as_u64()) {
        Some(1) => "once".to_owned(),
        Some(count) => format!("{count} times"),
        None => String::new(),
    }
}

/// Returns the sentence of a changed name or role. Earlier versions recorded the new role, and whether the name changed.
fn updated(detail: &mut Detail) -> (String, String, bool) {
    let said = |verb: &str, rest: String| (verb.to_owned(), rest, true);
    let (before, after) = detail.take_change();
    let text = |of: &Detail, name: &str| of.text(name);
    let role = text(&after, "role").or_else(|| detail.take_text("role"));
    let role = role.map(|role| match text(&before, "role") {
        Some(before) => format!("from {before} to {role}"),
        None => format!("to {role}"),
    });
    let renamed = detail.take("renamed").map(|renamed| renamed == Value::Bool(true));
    let name = text(&before, "name").zip(text(&after, "name"));
    let name = name.map(|(before, after)| format!("from “{before}” to “{after}”"));
    match (renamed, name, role) {
        (_, Some(name), None) => said("renamed", name),
        (_, Some(name), Some(role)) => said("renamed", format!("{name} and set the role {role}")),
        (Some(true), None, Some(role)) => said("renamed", format!("and set the role {role}")),
        (Some(true), None, None) => said("renamed", String::new()),
        (_, None, Some(role)) => said("set the role of", role),
        (Some(false), None, None) => said("saved", "without a change".to_owned()),
        // The changed fields are not recorded.
        (None, None, None) => said("updated", String::new()),
    }
}

fn job(verb: &str, detail: &mut Detail, kind: SubjectKind) -> String {
    detail.take("jobId");
    let is_of_a_user = kind != SubjectKind::Job;
    match detail.take_text("kind") {
        Some(kind) if kind == "mail" && is_of_a_user => format!("{verb} a mail to"),
        Some(kind) if is_of_a_user => format!("{verb} a job of kind “{kind}” of"),
        Some(kind) => format!("{verb} “{}”,", in_plain_words(&kind)),
        None => format!("{verb} the work for"),
    }
}

/// The details of an event. Those that a sentence contains are removed, and the rest is listed.
#[derive(Default)]
struct Detail(Map<String, Value>);

impl Detail {
    fn of(text: &str) -> Self {
        match object(text) {
            Value::Object(members) => Self(members),
            _ => Self::default(),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(Value::as_str).map(ToOwned::to_owned)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    fn take_text(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        self.0.remove(name);
        Some(text)
    }

    /// Takes the values from before and after a change.
    fn take_change(&mut self) -> (Self, Self) {
        let mut part = |name| match self.take(name) {
            Some(Value::Object(members)) => Self(members),
            _ => Self::default(),
        };
        (part("before"), part("after"))
    }

    fn rest(self) -> Vec<String> {
        let told = self.0.into_iter().filter(|(_, value)| !value.is_null());
        told.map(|(name, of)| format!("{}: {}", in_plain_words(&name), value(&of))).collect()
    }
}

/// Converts an identifier to words: `expiresInDays` and `expires-in-days` become "expires in days".
fn in_plain_words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        match letter {
            '-' | '_' => words.push(' '),
            letter => words.extend(letter.to_lowercase()),
        }
    }
    words
}

/// Formats a value without JSON's punctuation.
fn value(of: &Value) -> String {
    match of {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(value).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let pairs =
                members.iter().map(|(name, of)| format!("{} {}", in_plain_words(name), value(of)));
            pairs.collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strum::VariantArray;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(0);

    fn told(actor: Option<&str>, action: &str, subject: &str, detail: &Value) -> String {
        let named = |id: &str, name: &str| HashMap::from([(id.to_owned(), name.to_owned())]);
        let mut users = named("r", "Root");
        users.extend(named("a", "Ada"));
        let known = Names { users, tokens: named("t", "backup") };
        let event = Event {
            action: action.to_owned(),
            ..Event::new(actor, Action::UserCreated, subject, detail, NOW)
        };
        let detail = Detail::of(&event.detail);
        let Entry { actor, verb, subject, rest, more, .. } = Entry::of(&event, detail, &known);
        let subject = subject.map(|party| party.name).unwrap_or_default();
        let all = [actor.name, verb, subject, rest, more.join("; ")];
        all.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_audit_action_is_described_in_words() {
        for action in Action::VARIANTS {
            let name: &str = action.into();
            let said = told(Some("r"), name, "a", &json!({}));
            assert!(!said.contains(['{', '“', '-']), "{said}");
        }
    }

    #[test]
    fn audit_event_details_are_part_of_its_sentence() {
        for (action, detail, said) in [
            ("user-updated", json!({ "renamed": true, "role": null }), "Root renamed Ada"),
            (
                "user-updated",
                json!({ "renamed": false, "role": "admin" }),
                "Root set the role of Ada to admin",
            ),
            ("user-deactivated", json!({ "revokeCredentials": false }), "Root deactivated Ada"),
            ("token-revoked", json!({ "tokenId": "t" }), "Root revoked the token “backup” of Ada"),
            ("token-revoked", json!({ "tokenId": "x" }), "Root revoked a token of Ada"),
            ("job-retried", json!({ "jobId": "j", "kind": "mail" }), "Root retried a mail to Ada"),
            ("mail-sent", json!({ "about": "invitation" }), "Root sent an invitation to Ada"),
        ] {
            assert_eq!(told(Some("r"), action, "a", &detail), said);
        }
        assert_eq!(
            told(None, "sessions-ended", ALL_USERS, &json!({})),
            "The operator ended all sessions of all users"
        );
        let sudo = json!({ "osUser": "root", "sudoUser": "deploy" });
        assert_eq!(
            told(None, "tokens-revoked", "a", &sudo),
            "The operator (deploy as root at the command line) revoked all tokens of Ada"
        );
        let job = json!({ "jobId": "019a-job", "kind": "of-tomorrow" });
        let discarded = told(Some("r"), "job-discarded", "019a-job", &job);
        assert_eq!(discarded, "Root discarded “of tomorrow”, a job (019a-job)");
    }

    #[test]
    fn audit_event_of_a_newer_version_is_readable() {
        let detail = json!({ "isFinal": true, "newName": "x", "none": null, "parts": [1, 2] });
        let said = told(Some("r"), "users-merged", "gone", &detail);
        assert_eq!(
            said,
            "Root did “users merged” to a deleted user (gone) is final: yes; new name: x; parts: 1, 2"
        );
        let more = told(Some("r"), "user-deactivated", "a", &json!({ "osUser": "deploy" }));
        assert_eq!(more, "Root deactivated Ada os user: deploy");
    }
}
