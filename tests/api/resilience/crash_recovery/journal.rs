use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};

use crate::support::*;

/// A row, or a fact about a row: its kind and its id.
pub type Thing = (&'static str, String);

/// What a client knows from the responses of one round.
#[derive(Default)]
pub struct Journal {
    /// Whether each thing exists, or was deleted.
    known: HashMap<Thing, bool>,
    /// Requests without a response: their effects may have happened or not.
    unsure: HashSet<Thing>,
    credentials: Vec<Credential>,
    pub acknowledged: usize,
    /// How many requests had no response.
    pub open: usize,
}

/// A credential that is valid for as long as a thing exists.
struct Credential {
    of: Thing,
    user: String,
    cookie: Option<String>,
    token: Option<String>,
}

/// A journal to which several clients write.
#[derive(Default)]
pub struct Writing(Mutex<Journal>);

impl Writing {
    /// Marks the state of a thing as unknown until the response arrives.
    pub fn asked(&self, thing: Option<&Thing>) {
        let mut journal = self.0.lock().unwrap();
        journal.open += 1;
        if let Some(thing) = thing {
            journal.known.remove(thing);
            journal.unsure.insert(thing.clone());
        }
    }

    pub fn answered(&self, things: impl IntoIterator<Item = (Thing, bool)>) {
        let mut journal = self.0.lock().unwrap();
        journal.open -= 1;
        journal.acknowledged += 1;
        for (thing, is) in things {
            journal.unsure.remove(&thing);
            journal.known.insert(thing, is);
        }
    }

    pub fn cookie(&self, of: Thing, user: &str, cookie: String) {
        let credential =
            Credential { of, user: user.to_owned(), cookie: Some(cookie), token: None };
        self.0.lock().unwrap().credentials.push(credential);
    }

    pub fn token(&self, of: Thing, user: &str, token: String) {
        let credential = Credential { of, user: user.to_owned(), cookie: None, token: Some(token) };
        self.0.lock().unwrap().credentials.push(credential);
    }

    pub fn close(self) -> Journal {
        self.0.into_inner().unwrap()
    }
}

impl Journal {
    /// Returns what was acknowledged but is not so.
    pub fn lost(&self, there: &HashSet<(String, String)>) -> Vec<String> {
        let mut lost: Vec<_> = self
            .known
            .iter()
            .filter(|((kind, id), is)| there.contains(&((*kind).to_owned(), id.clone())) != **is)
            .map(|((kind, id), is)| {
                format!("{kind} {id} {}", if *is { "is missing" } else { "came back" })
            })
            .collect();
        lost.sort();
        lost
    }

    pub fn has_all_kinds(&self) -> bool {
        [("token", true), ("token", false), ("session", false), ("lock-out", true)]
            .iter()
            .all(|(kind, is)| self.known.iter().any(|(thing, so)| thing.0 == *kind && so == is))
    }

    /// Compares the journal with the gate: live credentials are accepted, revoked ones and those of deactivated
    /// users are not.
    pub async fn keys_work_as_they_should(&self, anonymous: &Caller) {
        for credential in &self.credentials {
            let deactivated = ("lock-out", credential.user.clone());
            let Some(lives) = self.known.get(&credential.of) else { continue };
            let caller = match (&credential.cookie, &credential.token) {
                (Some(cookie), _) => anonymous.with_cookie(cookie),
                (_, Some(token)) => anonymous.with_token(token),
                (None, None) => unreachable!(),
            };
            let status = caller.get("/api/me").await.status;
            match self.known.get(&deactivated) {
                Some(_) => assert_eq!(status, 401, "{:?} of a deactivated user", credential.of),
                None if self.unsure.contains(&deactivated) => {}
                None => assert_eq!(status, if *lives { 200 } else { 401 }, "{:?}", credential.of),
            }
        }
    }
}
