//! Formats the audit log as sentences, with the names of users and tokens.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::{
    api::json::object,
    error::Error,
    store::{
        Store, api_tokens,
        audit_events::{Action, EVERYBODY, Event, OS_USER, SUDO_USER},
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
        let is_of_a_user = event.subject_id != EVERYBODY
            && detail.text("jobId").is_none_or(|job| job != event.subject_id);
        let action = event.action.parse().ok();
        let (verb, rest, names_subject) = match action {
            Some(action) => sentence(action, &mut detail, names, is_of_a_user),
            None => (format!("did “{}” to", in_plain_words(&event.action)), String::new(), true),
        };
        let actor = match &event.actor_id {
            Some(id) => names.user(id, "A"),
            None => operator(event, &mut detail),
        };
        Self {
            at: event.created_at,
            actor,
            verb,
            subject: names_subject.then(|| names.subject(&event.subject_id, is_of_a_user)),
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
                href: Some(format!("/admin/audit-events?subject={id}")),
            },
        }
    }

    fn subject(&self, id: &str, is_of_a_user: bool) -> Party {
        if is_of_a_user {
            return self.user(id, "a");
        }
        let name = if id == EVERYBODY {
            "all users".to_owned()
        } else {
            format!("a job ({})", end_of(id))
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
    is_of_a_user: bool,
) -> (String, String, bool) {
    let said = |verb: &str, rest: String| (verb.to_owned(), rest, true);
    let none = String::new();
    match action {
        Action::UserCreated => match detail.take_text("role") {
            Some(role) => said("created", format!("with the role {role}")),
            None => said("created", none),
        },
        Action::UserUpdated => {
            let renamed = detail.take("renamed").map(|renamed| renamed == Value::Bool(true));
            match (renamed, detail.take_text("role")) {
                (Some(true), Some(role)) => said("renamed", format!("and set the role to {role}")),
                (Some(true), None) => said("renamed", none),
                (_, Some(role)) => said("set the role of", format!("to {role}")),
                (Some(false), None) => said("saved", "without a change".to_owned()),
                // The changed fields are not recorded.
                (None, None) => said("updated", none),
            }
        }
        Action::UserDeactivated => {
            let revoked = detail.take("revokeCredentials") == Some(Value::Bool(true));
            let rest = if revoked { "and revoked all sessions, tokens and links" } else { "" };
            said("deactivated", rest.to_owned())
        }
        Action::UserReactivated => said("reactivated", none),
        Action::PasswordSet => said("set the password of", none),
        Action::LoginUnlocked => said("ended the login throttle of", none),
        Action::SessionsEnded => {
            let links = detail.take("links") == Some(Value::Bool(true));
            let rest = if links { "and revoked their mailed links" } else { "" };
            said("ended all sessions of", rest.to_owned())
        }
        Action::SessionEnded => {
            // The session is deleted, so its id leads nowhere.
            detail.take("sessionId");
            said("ended a session of", none)
        }
        Action::TokensRevoked => said("revoked all tokens of", none),
        Action::TokenRevoked => said(&format!("revoked {} of", names.token(detail)), none),
        Action::TokenCreated => {
            let rest = detail.take("scopes").map(|scopes| format!("with {}", value(&scopes)));
            said(&format!("created {} for", names.token(detail)), rest.unwrap_or_default())
        }
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
        Action::UserDeleted => ("deleted their own account".to_owned(), none, false),
        Action::JobRetried => said(&job("retried", detail, is_of_a_user), none),
        Action::JobDiscarded => said(&job("discarded", detail, is_of_a_user), none),
        Action::ClockConfirmed => ("confirmed the clock of the server".to_owned(), none, false),
    }
}

fn job(verb: &str, detail: &mut Detail, is_of_a_user: bool) -> String {
    detail.take("jobId");
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
            told(None, "sessions-ended", EVERYBODY, &json!({})),
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
