use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{self, PasswordHasher as _, PasswordVerifier as _},
};
use passwords::analyzer::is_common_password;
use rayon::{ThreadPool, ThreadPoolBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::{Semaphore, oneshot};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use super::PasswordContext;

/// The minimum length of a password, in characters ([NIST SP 800-63B], 3.1.1.2).
///
/// [NIST SP 800-63B]: https://pages.nist.gov/800-63-4/sp800-63b.html
pub const SHORTEST: usize = 8;
/// The maximum length, in characters. A bound is needed because hashing reads every byte that a client sends.
pub const LONGEST: usize = 128;

/// How many passwords may wait for each hashing thread, before further ones are rejected.
const WAITING_PER_PERMIT: usize = 32;

/// A plaintext password, on its way from a request to the hash.
///
/// Keyboards and systems write `é` as one character or as two, so the password is normalized to Unicode's NFC,
/// for hashing and for all rules ([NIST SP 800-63B], 3.1.1.2). Nothing else of RFC 8265 is applied: it would
/// reject characters that are newer than its tables.
///
/// [NIST SP 800-63B]: https://pages.nist.gov/800-63-4/sp800-63b.html
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Password {
    normalized: SecretString,
    /// As it was entered, if that differs: older versions hashed this.
    entered: Option<SecretString>,
}

/// Why a password cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PasswordFault {
    /// Fewer than eight characters.
    #[error("a password has at least {SHORTEST} characters")]
    TooShort,
    /// More than 128 characters.
    #[error("a password has at most {LONGEST} characters")]
    TooLong,
    /// On the list of common passwords.
    #[error("this password is on the lists that attackers try first")]
    TooCommon,
    /// Consists of words from the user's name and email and the site's name.
    #[error("this password is made of the user's name or address, or of the name of this site")]
    ContainsPersonalInfo,
}

impl Password {
    /// Creates a password from user input.
    #[must_use]
    pub fn new(text: String) -> Self {
        if is_nfc(&text) {
            return Self { normalized: text.into(), entered: None };
        }
        let normalized = text.nfc().collect::<String>().into();
        Self { normalized, entered: Some(text.into()) }
    }

    /// Validates a password that a user chooses. Any Unicode is allowed, and nothing is trimmed or truncated.
    /// The length is counted in code points of NFC.
    ///
    /// # Errors
    /// The first rule that it violates.
    pub fn choose(self, of: &PasswordContext) -> Result<NewPassword, PasswordFault> {
        self.check(of)?;
        Ok(NewPassword(self))
    }

    fn check(&self, of: &PasswordContext) -> Result<(), PasswordFault> {
        let text = self.normalized.expose_secret();
        match text.chars().count() {
            0..SHORTEST => Err(PasswordFault::TooShort),
            SHORTEST..=LONGEST => {
                if is_common_password(text) || is_common_password(text.to_lowercase()) {
                    return Err(PasswordFault::TooCommon);
                }
                if of.contains_most_of(text) {
                    Err(PasswordFault::ContainsPersonalInfo)
                } else {
                    Ok(())
                }
            }
            _ => Err(PasswordFault::TooLong),
        }
    }

    /// Returns whether it is longer than any password can be, so that hashing it is a waste.
    #[must_use]
    pub fn too_long(&self) -> bool {
        // In a few scripts NFC is the longer form, and an older version counted the characters as entered.
        self.forms().all(|form| form.chars().count() > LONGEST)
    }

    /// Returns the forms that a stored hash may be of, the most likely first.
    fn forms(&self) -> impl Iterator<Item = &str> {
        [Some(&self.normalized), self.entered.as_ref()]
            .into_iter()
            .flatten()
            .map(ExposeSecret::expose_secret)
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// A password that has passed the rules for its user and site. Only such a password can be hashed, so that no
/// operation that sets a password can omit the rules: the only constructor is [`Password::choose`].
///
/// ```compile_fail,E0308
/// # async fn hash(hashing: &portcullis::secrets::Hashing) {
/// use portcullis::secrets::Password;
/// hashing.hash(Password::new("as it was sent".to_owned())).await;
/// # }
/// ```
#[derive(Clone)]
pub struct NewPassword(Password);

/// A password that was verified just now, and whose hash is outdated: it is hashed again as it is, whatever the
/// rules are today. Only [`Hashing::verify`] creates one.
pub struct Outdated(Password);

/// The stored hash of a password: argon2id in PHC form, with its parameters and salt.
#[derive(Clone)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a hash that the store returned.
    #[must_use]
    pub fn stored(phc: String) -> Self {
        Self(phc)
    }

    /// Returns the PHC text, for the store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The result of verifying a password.
pub enum Verdict {
    /// Not the password, or there is no hash to compare with.
    Wrong,
    /// The password.
    Right,
    /// The password, with a hash of an outdated form or outdated parameters: hash it again and store the
    /// result.
    RightButOutdated(Outdated),
}

/// Too many passwords are being hashed.
#[derive(Debug, Error)]
#[error("too many passwords are being checked at once")]
pub struct Busy;

/// Hashes passwords on a thread pool of its own, separate from the async threads, with a short queue (a
/// bulkhead).
///
/// Each hash takes 19 MiB and some 20 ms of a core. Without a bound, a burst of sign-ins would take memory and
/// CPU from every other request.
///
/// tokio's blocking pool is not suitable: it starts another thread whenever none is idle, and the allocator
/// keeps 19 MiB for each thread that has ever hashed.
pub struct Hashing {
    threads: ThreadPool,
    queue: Arc<Semaphore>,
    places: usize,
    hasher: Hasher,
    /// Compared when the user does not exist, so that the response takes as long (no user enumeration by
    /// timing).
    absent: PasswordHash,
}

/// The memory and the passes of a hash.
#[derive(Clone, Debug)]
pub struct HashCost(Params);

impl HashCost {
    /// The lowest cost that argon2 supports. For tests only, most of which would otherwise spend their time on
    /// hashing.
    ///
    /// # Panics
    /// Never: the library accepts its own minimum.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the library takes its own minimum")]
    pub fn minimal() -> Self {
        Self(Params::new(Params::MIN_M_COST, Params::MIN_T_COST, 1, None).expect("a minimum"))
    }
}

impl Default for HashCost {
    /// OWASP's minimum (Password Storage Cheat Sheet): argon2id, 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self(Params::DEFAULT)
    }
}

/// Counts hashes, each of some 20 ms.
#[derive(Clone, Default)]
struct HashCounter(Arc<AtomicU64>);

impl HashCounter {
    fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Hashing {
    /// Creates a pool of `parallel` threads, which hash at this cost.
    ///
    /// # Panics
    /// When the system cannot start the threads.
    #[must_use]
    #[expect(clippy::expect_used, reason = "fails only if the system has no threads")]
    pub fn new(parallel: usize, cost: HashCost) -> Self {
        let hasher = Hasher { cost, counter: HashCounter::default() };
        let absent = hasher.hash(&Password::new("no user has this password".into()));
        let places = parallel * (1 + WAITING_PER_PERMIT);
        let threads = ThreadPoolBuilder::new()
            .num_threads(parallel)
            .thread_name(|number| format!("hashing-{number}"))
            // The waiting caller receives an error; other callers must not be affected.
            .panic_handler(|_| {
                tracing::error!("hashing a password panicked");
            })
            .build()
            .expect("threads can be had");
        let queue = Arc::new(Semaphore::new(places));
        Self { threads, queue, places, hasher, absent }
    }

    /// Returns how many passwords are being hashed or waiting.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.places - self.queue.available_permits()
    }

    /// Returns how many have been hashed.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.hasher.counter.0.load(Ordering::Relaxed)
    }

    /// Hashes a password for the store.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn hash(&self, password: NewPassword) -> Result<PasswordHash, Busy> {
        self.run(move |hasher| hasher.hash(&password.0)).await
    }

    /// Hashes a password again after it was verified with an outdated hash.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn hash_again(&self, password: Outdated) -> Result<PasswordHash, Busy> {
        self.run(move |hasher| hasher.hash(&password.0)).await
    }

    /// Compares a password with a stored hash, or, if there is none, takes just as long to reject it: the
    /// number of comparisons for a wrong password depends on that password alone.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<Verdict, Busy> {
        let (compared, exists) = match stored {
            Some(stored) => (stored, true),
            None => (self.absent.clone(), false),
        };
        self.run(move |hasher| {
            let verdict = hasher.verify(password, &compared);
            if exists { verdict } else { Verdict::Wrong }
        })
        .await
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Hasher) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let place = self.queue.clone().try_acquire_owned().map_err(|_| Busy)?;
        let hasher = self.hasher.clone();
        let (answer, answered) = oneshot::channel();
        self.threads.spawn(move || {
            // Nothing is started for a caller who has disconnected. A hash that has started is finished, and
            // keeps its place in the queue until then.
            if !answer.is_closed() {
                let done = work(&hasher);
                drop(place);
                let _ = answer.send(done);
            }
        });
        answered.await.map_err(|_| Busy)
    }
}

const _: () = assert!(
    Params::DEFAULT_M_COST >= 19 * 1024 && Params::DEFAULT_T_COST >= 2,
    "the library's defaults have sunk below OWASP's floor"
);

/// Computes hashes, on whichever thread.
#[derive(Clone, Default)]
pub(super) struct Hasher {
    cost: HashCost,
    counter: HashCounter,
}

impl Hasher {
    pub(super) fn params(&self) -> &Params {
        &self.cost.0
    }

    pub(super) fn count(&self) {
        self.counter.increment();
    }

    fn argon2(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.cost.0.clone())
    }

    #[expect(clippy::expect_used, reason = "fails only if the system has no random numbers")]
    fn hash(&self, password: &Password) -> PasswordHash {
        self.counter.increment();
        let phc: password_hash::phc::PasswordHash = self
            .argon2()
            .hash_password(password.normalized.expose_secret().as_bytes())
            .expect("argon2 hashes any password with a random salt");
        PasswordHash(phc.to_string())
    }

    fn verify(&self, password: Password, stored: &PasswordHash) -> Verdict {
        let Ok(phc) = password_hash::phc::PasswordHash::new(&stored.0) else {
            return Verdict::Wrong;
        };
        let fits = |form: &str| {
            self.counter.increment();
            self.argon2().verify_password(form.as_bytes(), &phc).is_ok()
        };
        let is_normalized = match password.forms().position(fits) {
            Some(form) => form == 0,
            None => return Verdict::Wrong,
        };
        match Params::try_from(&phc) {
            Ok(params)
                if is_normalized
                    && params.m_cost() >= self.cost.0.m_cost()
                    && params.t_cost() >= self.cost.0.t_cost() =>
            {
                Verdict::Right
            }
            _ => Verdict::RightButOutdated(Outdated(password)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn chosen(text: &str) -> Result<(), PasswordFault> {
        let context = PasswordContext::new("Portcullis", "ada@example.com", "Ada");
        Password::new(text.into()).choose(&context).map(drop)
    }

    #[test]
    fn password_length_is_counted_in_characters() {
        assert_eq!(chosen("sévèné7"), Err(PasswordFault::TooShort));
        assert_eq!(chosen("ëight§ch"), Ok(()));
        assert_eq!(chosen(&"🦀".repeat(128)), Ok(()));
        assert_eq!(chosen(&"🦀".repeat(129)), Err(PasswordFault::TooLong));
    }

    #[test]
    fn password_may_contain_any_character_including_spaces() {
        assert_eq!(chosen("   a  b "), Ok(()));
        assert_eq!(chosen("correct horse battery staple"), Ok(()));
    }

    #[test]
    fn common_password_is_rejected_in_any_case() {
        for common in ["password", "PASSWORD", "Password1", "qwertyuiop", "12345678", "iloveyou"] {
            assert_eq!(chosen(common), Err(PasswordFault::TooCommon), "{common}");
        }
    }

    #[test]
    fn password_with_personal_info_is_rejected_in_any_case() {
        for known in ["ada@example.com", "ADA-Portcullis", "Portcullis1"] {
            assert_eq!(chosen(known), Err(PasswordFault::ContainsPersonalInfo), "{known}");
        }
    }

    #[test]
    fn password_hash_records_its_argon2id_parameters() {
        let phc = Hasher::default().hash(&Password::new("a perfectly good one".into()));
        assert!(phc.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    #[test]
    fn password_hash_with_weaker_parameters_is_right_but_outdated() {
        let password = Password::new("a perfectly good one".into());
        for (memory, passes) in [(8 * 1024, 1), (8 * 1024, 3), (32 * 1024, 1)] {
            let weak = Argon2::new(
                Algorithm::Argon2id,
                Version::V0x13,
                Params::new(memory, passes, 1, None).unwrap(),
            );
            let phc: password_hash::phc::PasswordHash =
                weak.hash_password(b"a perfectly good one").unwrap();
            let stored = PasswordHash(phc.to_string());
            assert_eq!(compare(&password, &stored).0, "outdated");
            assert_eq!(compare(&Password::new("another".into()), &stored).0, "wrong");
        }
        let stored = Hasher::default().hash(&password);
        assert_eq!(compare(&password, &stored).0, "right");
    }

    /// Returns the verdict, and the number of comparisons.
    fn compare(password: &Password, stored: &PasswordHash) -> (&'static str, u64) {
        let hasher = Hasher::default();
        let verdict = match hasher.verify(password.clone(), stored) {
            Verdict::Wrong => "wrong",
            Verdict::Right => "right",
            Verdict::RightButOutdated(_) => "outdated",
        };
        (verdict, hasher.counter.0.load(Ordering::Relaxed))
    }

    const COMPOSED: &str = "Z\u{fc}rich caf\u{e9}";
    const DECOMPOSED: &str = "Zu\u{308}rich cafe\u{301}";

    /// Hashes a password as older versions did.
    fn hashed_as_entered(text: &str) -> PasswordHash {
        let phc: password_hash::phc::PasswordHash =
            Hasher::default().argon2().hash_password(text.as_bytes()).unwrap();
        PasswordHash(phc.to_string())
    }

    #[test]
    fn password_matches_in_composed_and_decomposed_unicode() {
        let [composed, decomposed] =
            [COMPOSED, DECOMPOSED].map(|text| Password::new(text.to_owned()));
        for chosen in [&composed, &decomposed] {
            let stored = Hasher::default().hash(chosen);
            for entered in [&composed, &decomposed] {
                assert_eq!(compare(entered, &stored), ("right", 1));
            }
        }
    }

    #[test]
    fn password_hash_of_an_unnormalized_password_is_right_but_outdated() {
        let decomposed = Password::new(DECOMPOSED.to_owned());
        let stored = hashed_as_entered(DECOMPOSED);
        assert_eq!(compare(&decomposed, &stored), ("outdated", 2));
        assert_eq!(compare(&decomposed, &hashed_as_entered(COMPOSED)), ("right", 1));
    }

    #[tokio::test]
    async fn constant_time_verification_hashes_as_often_without_a_user_as_with_one() {
        let hashing = Hashing::new(1, HashCost::default());
        let stored = Hasher::default().hash(&Password::new("another".to_owned()));
        for (text, comparisons) in [(COMPOSED, 1), (DECOMPOSED, 2)] {
            for stored in [None, Some(stored.clone())] {
                let before = hashing.made();
                let verdict = hashing.verify(Password::new(text.to_owned()), stored).await.unwrap();
                assert!(matches!(verdict, Verdict::Wrong));
                assert_eq!(hashing.made() - before, comparisons, "{text}");
            }
        }
    }

    #[test]
    fn password_rules_apply_to_the_normalized_form() {
        // Eleven code points as entered, seven normalized.
        assert_eq!(chosen("se\u{301}ve\u{301}ne\u{301}7"), Err(PasswordFault::TooShort));
        assert_eq!(chosen(&"e\u{301}".repeat(128)), Ok(()));
        // The Kelvin sign is the letter K.
        assert_eq!(chosen("blin\u{212a}182"), Err(PasswordFault::TooCommon));
    }

    #[test]
    fn password_within_the_limit_as_entered_can_still_be_used() {
        // Each is one code point as entered and two normalized.
        let longest = "\u{958}".repeat(128);
        assert_eq!(chosen(&longest), Err(PasswordFault::TooLong));
        assert!(!Password::new(longest.clone()).too_long());
        assert!(Password::new(longest + "x").too_long());
    }

    #[tokio::test]
    async fn cancelled_request_keeps_its_hashing_slot_until_the_hash_ends() {
        let hashing = Hashing::new(1, HashCost::default());
        let (started, has_started) = tokio::sync::oneshot::channel();
        let (finish, may_finish) = std::sync::mpsc::channel::<()>();
        let caller = hashing.run(move |_| {
            started.send(()).unwrap();
            may_finish.recv().unwrap();
        });
        tokio::select! {
            _ = caller => unreachable!(),
            _ = has_started => {}
        }
        assert_eq!(hashing.waiting(), 1);
        finish.send(()).unwrap();
        hashing.run(|_| ()).await.unwrap();
        assert_eq!(hashing.waiting(), 0);
    }

    static_assertions::assert_not_impl_any!(Password: std::fmt::Debug, std::fmt::Display, serde::Serialize);
    static_assertions::assert_not_impl_any!(NewPassword: std::fmt::Debug, std::fmt::Display, From<String>, From<Password>, serde::Serialize, serde::de::DeserializeOwned);
    static_assertions::assert_not_impl_any!(PasswordHash: std::fmt::Debug, std::fmt::Display, serde::Serialize);
}
