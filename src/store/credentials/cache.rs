//! The credential cache: sessions and API tokens kept in memory under a lease (bounded staleness).
//! `docs/explanation/credential-cache.md` has the proof.
//!
//! A request reads the lease's end, then the clock, then the entry. At that moment every entry is true for the epoch
//! of that lease or of a later one, because the entries that a new epoch affects are invalidated before its lease
//! begins. To a reader that keeps this order, the lease and the entries are therefore one value, although it takes no
//! lock.

mod invalidation;
mod lease_renewal;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use quick_cache::sync::Cache;
use tokio::sync::Notify;

use super::{
    credential::{Credential, Found},
    epoch::Epoch,
    last_used::LastUsed,
};
use crate::{
    store::tables::users::User,
    time::{Timestamp, Uptime},
};
use invalidation::{InvalidationFlag, UserFlags};

/// A credential that was looked up, and its user.
pub struct Resolved<T> {
    /// The credential's row.
    pub key: Arc<T>,
    /// The user that it authenticates.
    pub user: Arc<User>,
    /// When the credential was last used.
    pub used: LastUsed,
    invalidated: InvalidationFlag,
}

/// The cached credentials of one kind.
pub(super) type CacheMap<C> = Cache<<C as Credential>::Hash, Arc<Resolved<C>>>;

/// The lease that all cached credentials are valid under, and the rules for reading and filling the maps.
pub(in crate::store) struct CredentialCache {
    size: usize,
    /// When the lease ends, in nanoseconds of [`Uptime`]; 0 without a lease.
    end: AtomicU64,
    lease: Mutex<LeaseState>,
    lease_dropped: Notify,
    lookups: AtomicU64,
    epoch_reads: AtomicU64,
}

/// The state that changes under one lock.
#[derive(Default)]
struct LeaseState {
    /// The epoch for which every cached entry is true.
    epoch: Option<Epoch>,
    /// The users whose credentials are cached.
    users: UserFlags,
    /// How often the lease was dropped. A read of the epoch that began before the last drop begins no lease.
    times_dropped: u64,
}

/// Counters since the start of the process.
pub(in crate::store) struct Counts {
    pub lookups: u64,
    pub epoch_reads: u64,
}

impl CredentialCache {
    /// Creates a cache without a lease, for maps of this size.
    pub(in crate::store) fn new(size: usize) -> Self {
        Self {
            size,
            end: AtomicU64::new(0),
            lease: Mutex::default(),
            lease_dropped: Notify::new(),
            lookups: AtomicU64::new(0),
            epoch_reads: AtomicU64::new(0),
        }
    }

    /// Returns the credential with this hash if it is cached and valid; otherwise the caller asks the database.
    pub(super) fn get<C: Credential>(
        &self,
        map: &CacheMap<C>,
        hash: C::Hash,
        now: Timestamp,
    ) -> Option<Arc<Resolved<C>>> {
        let cached = self.find(map, hash, now);
        if cached.is_none() {
            self.lookups.fetch_add(1, Ordering::Relaxed);
        }
        cached
    }

    fn find<C: Credential>(
        &self,
        map: &CacheMap<C>,
        hash: C::Hash,
        now: Timestamp,
    ) -> Option<Arc<Resolved<C>>> {
        let end = self.end.load(Ordering::Acquire);
        if Uptime::now().nanos() >= end {
            return None;
        }
        let resolved = map.get(&hash)?;
        // An entry past its expiry may have been extended in the database, which begins no epoch: look it up again.
        let is_valid = !resolved.invalidated.is_set() && resolved.key.is_live(now);
        is_valid.then_some(resolved)
    }

    /// Takes the result of a lookup and the epoch that it saw. Caches it only if that is the epoch of the whole cache:
    /// an invalidation since then has not been received yet.
    pub(super) fn insert_if_current<C: Credential>(
        &self,
        map: &CacheMap<C>,
        hash: C::Hash,
        (key, user, epoch): Found<C>,
        now: Timestamp,
    ) -> Arc<Resolved<C>> {
        let cacheable = user.is_active() && key.is_live(now) && self.holds_lease();
        let mut state =
            cacheable.then(|| self.lock()).filter(|state| state.epoch.as_ref() == Some(&epoch));
        let invalidated =
            state.as_mut().map(|state| state.users.flag_of(&user.id)).unwrap_or_default();
        let resolved = Arc::new(Resolved {
            used: LastUsed::at(key.last_used_at()),
            key: Arc::new(key),
            user: Arc::new(user),
            invalidated,
        });
        // The lock is still held: no epoch begins between the comparison above and this insertion.
        if state.is_some() {
            map.insert(hash, resolved.clone());
        }
        resolved
    }

    /// Invalidates all cached credentials of this user.
    pub(super) fn invalidate_user(&self, user_id: &str) {
        self.lock().users.invalidate_user(user_id);
    }

    /// Whether the cache has a lease, or had one until just now. Without a lease nothing is inserted.
    pub(super) fn holds_lease(&self) -> bool {
        self.end.load(Ordering::Relaxed) > 0
    }

    /// Drops the lease, and makes every read of the epoch that is in flight unable to bring it back.
    pub(in crate::store) fn drop_lease(&self) {
        let mut state = self.lock();
        state.times_dropped += 1;
        self.end.store(0, Ordering::Release);
        drop(state);
        self.lease_dropped.notify_one();
    }

    /// Whether the cache has any capacity.
    pub(super) fn is_enabled(&self) -> bool {
        self.size > 0
    }

    pub(in crate::store) fn counts(&self) -> Counts {
        Counts {
            lookups: self.lookups.load(Ordering::Relaxed),
            epoch_reads: self.epoch_reads.load(Ordering::Relaxed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, LeaseState> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        secrets::{PlainToken, SessionHash, SessionSecret},
        store::{
            credentials::epoch::Seen,
            tables::{
                api_tokens::ApiToken,
                sessions::{Methods, SessionRow},
                users::Role,
            },
        },
        time::{days, seconds},
    };

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);
    const LEASE: Duration = Duration::from_mins(1);

    /// Epochs of one history, by number.
    fn epoch(number: i64) -> Epoch {
        Epoch::test(number)
    }

    fn user(name: &str) -> User {
        User::new(name.to_owned(), format!("{name}@example.com"), Role::User, NOW)
    }

    fn session(user: &User) -> SessionRow {
        SessionRow {
            id: "session".to_owned(),
            user_id: user.id.clone(),
            expires_at: NOW + days(1),
            authenticated_at: NOW,
            last_seen_at: NOW,
            remember: true,
            ip_address: None,
            user_agent: None,
            created_at: NOW,
            updated_at: NOW,
            second_factor_at: None,
            methods: Methods::default(),
        }
    }

    fn token(user: &User) -> ApiToken {
        ApiToken {
            id: "token".to_owned(),
            user_id: user.id.clone(),
            display_prefix: String::new(),
            name: String::new(),
            scopes: "read write".into(),
            expires_at: Some(NOW + days(1)),
            last_used_at: Some(NOW),
            revoked_at: None,
            created_at: NOW,
            current: true,
        }
    }

    struct TestCache {
        lease: CredentialCache,
        sessions: CacheMap<SessionRow>,
        tokens: CacheMap<ApiToken>,
    }

    impl TestCache {
        fn in_epoch(number: i64) -> Self {
            let cache = Self {
                lease: CredentialCache::new(100),
                sessions: Cache::new(100),
                tokens: Cache::new(100),
            };
            cache.renew(number, None);
            cache
        }

        fn clear(&self) {
            self.sessions.clear();
            self.tokens.clear();
        }

        /// Simulates a read of the epoch that returns this one.
        fn renew(&self, number: i64, affected_users: Option<Vec<String>>) {
            let seen = Seen { epoch: epoch(number), lease: LEASE };
            let renewal = self.lease.begin_renewal();
            self.lease.begin_lease(&renewal, seen, affected_users, || self.clear());
        }

        /// Inserts a session of this user, as a lookup in that epoch found it.
        fn insert_if_current(&self, user: &User, number: i64) -> SessionHash {
            let hash = SessionSecret::generate().hash();
            self.lease.insert_if_current(
                &self.sessions,
                hash,
                (session(user), user.clone(), epoch(number)),
                NOW,
            );
            hash
        }

        fn is_valid(&self, hash: SessionHash) -> bool {
            self.lease.get(&self.sessions, hash, NOW).is_some()
        }
    }

    #[test]
    fn entry_of_the_epoch_of_the_lease_is_valid() {
        let cache = TestCache::in_epoch(1);
        let ada = cache.insert_if_current(&user("ada"), 1);
        assert!(cache.is_valid(ada));
        cache.renew(1, Some(vec![]));
        assert!(cache.is_valid(ada));
        assert!(!cache.is_valid(SessionSecret::generate().hash()));
    }

    #[test]
    fn entry_of_another_epoch_is_never_valid() {
        let cache = TestCache::in_epoch(2);
        let (before, after) =
            (cache.insert_if_current(&user("ada"), 1), cache.insert_if_current(&user("bob"), 3));
        assert!(!cache.is_valid(before) && !cache.is_valid(after));
        cache.renew(3, Some(vec![]));
        assert!(!cache.is_valid(before) && !cache.is_valid(after));
    }

    #[test]
    fn change_invalidates_only_the_affected_users() {
        let cache = TestCache::in_epoch(1);
        let (ada, bob) = (user("ada"), user("bob"));
        let (of_ada, of_bob) = (cache.insert_if_current(&ada, 1), cache.insert_if_current(&bob, 1));
        cache.renew(2, Some(vec![ada.id]));
        assert!(!cache.is_valid(of_ada) && cache.is_valid(of_bob));
        cache.renew(3, None);
        assert!(!cache.is_valid(of_bob), "without a log, every entry is invalidated");
    }

    #[test]
    fn entry_is_not_valid_without_a_lease() {
        let cache = TestCache::in_epoch(1);
        let ada = cache.insert_if_current(&user("ada"), 1);
        cache.lease.drop_lease();
        assert!(!cache.is_valid(ada));
        cache.renew(1, Some(vec![]));
        assert!(cache.is_valid(ada));
    }

    #[test]
    fn disabling_leases_removes_all_entries() {
        let cache = TestCache::in_epoch(1);
        let ada = cache.insert_if_current(&user("ada"), 1);
        cache.lease.end_lease(|| cache.clear());
        assert!(!cache.is_valid(ada));
        assert_eq!(cache.sessions.len(), 0);
        cache.renew(1, Some(vec![]));
        assert!(!cache.is_valid(ada));
    }

    #[test]
    fn dropped_lease_is_not_restored_by_a_pending_renewal() {
        let cache = TestCache::in_epoch(1);
        let ada = cache.insert_if_current(&user("ada"), 1);
        let renewal = cache.lease.begin_renewal();
        cache.lease.drop_lease();
        let seen = Seen { epoch: epoch(1), lease: LEASE };
        cache.lease.begin_lease(&renewal, seen, Some(vec![]), || cache.clear());
        assert!(!cache.is_valid(ada));
    }

    #[test]
    fn lease_runs_from_before_its_read() {
        let cache = TestCache::in_epoch(1);
        let ada = cache.insert_if_current(&user("ada"), 1);
        let renewal = cache.lease.begin_renewal();
        std::thread::sleep(Duration::from_millis(2));
        let seen = Seen { epoch: epoch(1), lease: Duration::from_millis(1) };
        cache.lease.begin_lease(&renewal, seen, Some(vec![]), || cache.clear());
        assert!(!cache.is_valid(ada));
    }

    #[test]
    fn expired_session_or_deactivated_user_is_not_cached() {
        let cache = TestCache::in_epoch(1);
        let ada = user("ada");
        let hash = SessionSecret::generate().hash();
        let deactivated = User { deactivated_at: Some(NOW), ..ada.clone() };
        let expired = SessionRow { expires_at: NOW, ..session(&ada) };
        for found in [(session(&ada), deactivated), (expired, ada)] {
            cache.lease.insert_if_current(&cache.sessions, hash, (found.0, found.1, epoch(1)), NOW);
            assert_eq!(cache.sessions.len(), 0);
        }
    }

    #[test]
    fn credential_is_not_cached_without_a_lease() {
        let cache = TestCache::in_epoch(1);
        cache.lease.drop_lease();
        cache.insert_if_current(&user("ada"), 1);
        assert_eq!(cache.sessions.len(), 0);
    }

    #[test]
    fn expired_session_is_not_found_in_the_cache() {
        let cache = TestCache::in_epoch(1);
        let ada = cache.insert_if_current(&user("ada"), 1);
        let last = NOW + days(1) - seconds(1);
        assert!(cache.lease.get(&cache.sessions, ada, last).is_some());
        assert!(cache.lease.get(&cache.sessions, ada, NOW + days(1)).is_none());
    }

    #[test]
    fn expired_or_revoked_token_is_not_found_in_the_cache() {
        let cache = TestCache::in_epoch(1);
        let ada = user("ada");
        let hash = PlainToken::generate("test").hash();
        let revoked = ApiToken { revoked_at: Some(NOW), ..token(&ada) };
        cache.lease.insert_if_current(&cache.tokens, hash, (revoked, ada.clone(), epoch(1)), NOW);
        assert_eq!(cache.tokens.len(), 0);
        cache.lease.insert_if_current(&cache.tokens, hash, (token(&ada), ada, epoch(1)), NOW);
        let last = NOW + days(1) - seconds(1);
        assert!(cache.lease.get(&cache.tokens, hash, last).is_some());
        assert!(cache.lease.get(&cache.tokens, hash, NOW + days(1)).is_none());
    }

    #[test]
    fn last_use_is_not_recorded_again_within_a_minute() {
        let cache = TestCache::in_epoch(1);
        let ada = user("ada");
        let by_cookie = SessionSecret::generate().hash();
        let by_cookie = cache.lease.insert_if_current(
            &cache.sessions,
            by_cookie,
            (session(&ada), ada.clone(), epoch(1)),
            NOW,
        );
        let by_token = PlainToken::generate("test").hash();
        let by_token = cache.lease.insert_if_current(
            &cache.tokens,
            by_token,
            (token(&ada), ada, epoch(1)),
            NOW,
        );
        for used in [&by_cookie.used, &by_token.used] {
            assert!(!used.record_if_due(NOW + seconds(59)));
            assert!(used.record_if_due(NOW + seconds(60)));
        }
    }

    #[test]
    fn cache_does_not_exceed_its_size() {
        let cache = TestCache::in_epoch(1);
        for number in 0..1000 {
            cache.insert_if_current(&user(&number.to_string()), 1);
        }
        assert!(cache.sessions.len() <= 100, "{}", cache.sessions.len());
    }
}
