//! Formats events of the activity log as sentences, with the names of users and tokens.

mod detail;
mod sentence;

use std::collections::HashMap;

use self::{
    detail::{Detail, in_plain_words},
    sentence::{Sentence, sentence},
};
use crate::{
    api::client::program,
    error::Error,
    store::{
        Store,
        activity::{ALL_USERS, Actor, Event, OS_USER, SUDO_USER, UNKNOWN_USER},
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
    /// The client's network.
    pub network: Option<String>,
    /// The client: "Chrome on Linux".
    pub program: Option<String>,
    /// Further details as text: "role: admin".
    pub more: Vec<String>,
}

/// A party in a sentence, and a link to more about it.
pub(super) struct Party {
    pub name: String,
    pub href: Option<String>,
}

impl Party {
    fn unlinked(name: impl Into<String>) -> Self {
        Self { name: name.into(), href: None }
    }
}

/// Who reads the sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// An admin, who sees the names of users.
    Admin,
    /// The user whom all the events concern, and who does not see which admin did what.
    Subject,
}

impl Reader {
    /// The possessive adjective of a user who did something to their own account.
    fn possessive(self) -> &'static str {
        match self {
            Self::Admin => "their",
            Self::Subject => "your",
        }
    }
}

/// What an event concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
            id if event.actor() == Actor::User(id) => Self::Actor,
            _ => Self::User,
        }
    }
}

/// The names of all users and tokens in a page of events, except those that are deleted.
struct Names {
    reader: Reader,
    users: HashMap<String, String>,
    tokens: HashMap<String, String>,
}

/// Converts a page of events to sentences.
pub(super) async fn in_words(
    store: &Store,
    page: Page<Event>,
    reader: Reader,
) -> Result<Page<Entry>, Error> {
    let page = match reader {
        Reader::Admin => page,
        Reader::Subject => page.map(Event::for_its_subject),
    };
    let details: Vec<Detail> = page.rows.iter().map(|event| Detail::of(&event.detail)).collect();
    let tokens: Vec<String> = details.iter().filter_map(|detail| detail.text("tokenId")).collect();
    let names = Names {
        reader,
        users: match reader {
            Reader::Admin => names_of_users(store, &page.rows).await?,
            Reader::Subject => HashMap::new(),
        },
        tokens: api_tokens::names(store, tokens).await?,
    };
    let mut details = details.into_iter();
    Ok(page.map(|event| Entry::of(&event, details.next().unwrap_or_default(), &names)))
}

async fn names_of_users(store: &Store, events: &[Event]) -> Result<HashMap<String, String>, Error> {
    let actors = events.iter().filter_map(|event| event.actor_id.clone());
    let mut ids: Vec<String> =
        actors.chain(events.iter().map(|event| event.subject_id.clone())).collect();
    ids.sort_unstable();
    ids.dedup();
    let users = users::find_all(store, ids).await?;
    Ok(users.into_iter().map(|user| (user.id, user.name)).collect())
}

impl Entry {
    fn of(event: &Event, mut detail: Detail, names: &Names) -> Self {
        let kind = SubjectKind::of(event, &detail);
        let Sentence { verb, rest, has_subject } = match event.action.parse() {
            Ok(action) => sentence(action, &mut detail, names, kind),
            Err(_) => Sentence::about(&format!("did “{}” to", in_plain_words(&event.action))),
        };
        Self {
            at: event.created_at,
            actor: names.actor(event, &mut detail),
            verb,
            subject: has_subject.then(|| names.subject(&event.subject_id, kind)),
            rest,
            network: event.network.clone(),
            program: event.device.as_deref().map(program),
            more: detail.rest(),
        }
    }
}

impl Names {
    fn actor(&self, event: &Event, detail: &mut Detail) -> Party {
        match (event.actor(), self.reader) {
            (Actor::Anonymous, _) => Party::unlinked("A client that was not signed in"),
            (Actor::Operator, _) => operator(event, detail),
            (Actor::User(id), Reader::Admin) => self.user(id, "A"),
            (Actor::User(id), Reader::Subject) if id == event.subject_id => Party::unlinked("You"),
            (Actor::User(_), Reader::Subject) => Party::unlinked("An admin"),
        }
    }

    /// Returns a user; a deleted one with this article.
    fn user(&self, id: &str, article: &str) -> Party {
        match self.users.get(id) {
            Some(name) => Party { name: name.clone(), href: Some(format!("/admin/users/{id}")) },
            // The name of a deleted user is not known; the user's events are still listed under the id.
            None => Party {
                name: format!("{article} deleted user ({})", end_of(id)),
                href: Some(format!("/admin/activity?subject={id}")),
            },
        }
    }

    fn subject(&self, id: &str, kind: SubjectKind) -> Party {
        match (kind, self.reader) {
            (SubjectKind::Actor | SubjectKind::User, Reader::Admin) => self.user(id, "a"),
            (SubjectKind::Actor | SubjectKind::User, Reader::Subject) => {
                Party::unlinked("your account")
            }
            (SubjectKind::AllUsers, _) => Party::unlinked("all users"),
            (SubjectKind::Unknown, _) => Party::unlinked("an unknown account"),
            (SubjectKind::Job, _) => Party::unlinked(format!("a job ({})", end_of(id))),
        }
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
    match event.operator() {
        Some(name) => {
            detail.take(OS_USER);
            detail.take(SUDO_USER);
            Party::unlinked(format!("The operator ({name} at the command line)"))
        }
        None => Party::unlinked("The operator"),
    }
}

/// Returns the last characters of an id, which distinguish it from others of the same time.
fn end_of(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use strum::VariantArray;

    use super::*;
    use crate::store::activity::Action;

    const NOW: Timestamp = Timestamp::from_micros(0);

    fn told(actor: Option<&str>, action: &str, subject: &str, detail: &Value) -> String {
        told_to(Reader::Admin, actor, action, subject, detail)
    }

    fn told_to(
        reader: Reader,
        actor: Option<&str>,
        action: &str,
        subject: &str,
        detail: &Value,
    ) -> String {
        let named = |id: &str, name: &str| HashMap::from([(id.to_owned(), name.to_owned())]);
        let mut users = named("r", "Root");
        users.extend(named("a", "Ada"));
        let known = Names { reader, users, tokens: named("t", "backup") };
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
    fn every_action_is_described_in_words() {
        for action in Action::VARIANTS {
            let name: &str = action.into();
            let said = told(Some("r"), name, "a", &json!({}));
            let is_raw = name.contains('-') && said.contains(name);
            assert!(!is_raw && !said.contains(['{', '“']), "{said}");
            let said = told_to(Reader::Subject, Some("a"), name, "a", &json!({}));
            assert!(said.starts_with("You ") || Action::is_anonymous(*action), "{said}");
            assert!(!said.contains("their"), "{said}");
        }
    }

    #[test]
    fn event_details_are_part_of_its_sentence() {
        for (action, detail, said) in [
            ("user-updated", json!({ "renamed": true, "role": null }), "Root renamed Ada"),
            (
                "user-updated",
                json!({ "renamed": false, "role": "admin" }),
                "Root set the role of Ada to admin",
            ),
            (
                "user-updated",
                json!({ "before": { "role": "user" }, "after": { "role": "admin" } }),
                "Root set the role of Ada from user to admin",
            ),
            (
                "user-updated",
                json!({ "before": { "name": "Ida" }, "after": { "name": "Ada" } }),
                "Root renamed Ada from “Ida” to “Ada”",
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
    fn user_is_told_neither_which_admin_nor_which_operator_it_was() {
        for (actor, detail, said) in [
            (Some("a"), json!({}), "You ended all your sessions"),
            (Some("r"), json!({}), "An admin ended all sessions of your account"),
            (None, json!({}), "The operator ended all sessions of your account"),
        ] {
            assert_eq!(told_to(Reader::Subject, actor, "sessions-ended", "a", &detail), said);
        }
        let counted = told_to(Reader::Subject, None, "sign-in-failed", "a", &json!({ "count": 3 }));
        assert_eq!(
            counted,
            "A client that was not signed in failed to sign in to your account 3 times"
        );
    }

    #[test]
    fn event_of_a_newer_version_is_readable() {
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
