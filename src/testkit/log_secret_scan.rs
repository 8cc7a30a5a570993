//! Searches the log of all servers in these tests, at every level, for secrets.

use std::{
    collections::HashSet,
    io,
    sync::{
        LazyLock, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use percent_encoding::percent_decode_str;

use super::PASSWORD;
use crate::{cli::log, config::LogFormat};

/// Shorter words are not secrets.
const SHORTEST_SECRET: usize = 32;

static SECRETS: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
static ANSWERED: AtomicUsize = AtomicUsize::new(0);
static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the search, once for all tests.
pub fn search() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let line = || Line;
        log::begin("trace", LogFormat::Human, false, line).expect("no other subscriber is set");
    });
}

/// Adds secrets that no line may contain from now on.
pub fn add_secrets(secrets: impl IntoIterator<Item = String>) {
    lock(&SECRETS).extend(secrets);
}

/// Panics if a line has contained a secret.
#[track_caller]
pub fn assert_nothing_found() {
    let found = lock(&FOUND);
    assert!(found.is_empty(), "the log holds a secret: {found:?}");
}

/// Returns the secrets in a header's value, or in a cookie, which is percent-encoded.
pub fn secrets_in(text: &str) -> Vec<String> {
    words(&percent_decode_str(text).decode_utf8_lossy()).map(str::to_owned).collect()
}

/// Returns the words that may be secrets: those of tokens, cookies and links are one word each.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let apart = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-' && letter != '_';
    text.split(apart).filter(|word| word.len() >= SHORTEST_SECRET)
}

/// Returns whether a line contains a secret.
pub fn reveals_secret(line: &str) -> bool {
    let secrets = lock(&SECRETS);
    line.contains(PASSWORD) || words(line).any(|word| secrets.contains(word))
}

/// Returns how many requests the log has had so far.
pub fn answered() -> usize {
    ANSWERED.load(Ordering::Relaxed)
}

/// Receives each line as one write.
struct Line;

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if line.contains("answered") {
            ANSWERED.fetch_add(1, Ordering::Relaxed);
        }
        if reveals_secret(&line) {
            lock(&FOUND).push(line.into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
