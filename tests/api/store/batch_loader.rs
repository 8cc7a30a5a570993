//! Concurrent lookups of credentials share one statement on PostgreSQL.

use std::{pin::pin, thread, time::Duration};

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use portcullis::{
    scope::GrantableScope,
    secrets::{PlainToken, TokenHash},
    store::{
        Database, Error, Store,
        activity::{Action, Event},
        api_tokens::{self, Maker, NewToken, StoredScopes},
        registration::{self, CreateUserOptions},
        users::{Role, User},
    },
    time::Clock,
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::open;
use crate::{security::gate::OUT_OF_MEMORY, support::*};

/// Long enough for a lookup to reach the database.
const MOMENT: Duration = Duration::from_millis(20);

/// The number of users with a token.
const PEOPLE: usize = 30;

/// A store that has no other users, and the tokens of some users.
struct Known {
    store: Store,
    url: String,
    tokens: Vec<(String, TokenHash)>,
    _folder: TempDir,
}

impl Known {
    async fn some() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let url = Backend::Postgres.database(folder.path()).await;
        let store = open(&url, folder.path(), settings).await;
        let now = Clock::System.now();
        let mut tokens = Vec::new();
        for number in 0..PEOPLE {
            let email = format!("{number}@example.com");
            let owner = User::new("x".to_owned(), email, Role::Admin, now);
            let id = owner.id.clone();
            let event = Event::new(None, Action::UserCreated, &id, &json!({}), now);
            let with = CreateUserOptions { account: None, mail: None, event };
            registration::create_user(&store, owner, with).await.unwrap().unwrap();
            let token = PlainToken::generate("sk_live_");
            let scopes: StoredScopes = GrantableScope::all().collect();
            let row = NewToken::new(&id, &token, "x".to_owned(), &scopes, None, now);
            let event = Event::new(None, Action::TokenCreated, row.id(), &json!({}), now);
            api_tokens::create(&store, row, scopes, Maker::Operator(event)).await.unwrap();
            tokens.push((id, token.hash()));
        }
        Self { store, url, tokens, _folder: folder }
    }

    /// Looks up the owner of a token.
    async fn ask(&self, hash: TokenHash) -> Result<Option<String>, Error> {
        let found = self.store.find_token(hash, Clock::System.now()).await?;
        Ok(found.map(|found| {
            assert_eq!(found.key.user_id, found.user.id);
            found.user.id.clone()
        }))
    }

    async fn alter(&self, sql: &str) {
        let Database::Postgres(postgres) = self.store.database() else { unreachable!() };
        postgres.write(async |connection| connection.batch_execute(sql).await).await.unwrap();
    }

    /// Makes each statement that reads tokens do this first.
    async fn do_first(&self, what: &str) {
        self.alter(&format!(
            "ALTER TABLE api_tokens RENAME TO kept;
             CREATE VIEW api_tokens AS
                 WITH first AS MATERIALIZED (SELECT {what})
                 SELECT kept.* FROM first, kept;"
        ))
        .await;
    }

    /// Runs a future while this table is locked.
    async fn while_locked(&self, table: &str, meanwhile: impl Future<Output = ()>) {
        let lock_holder = connect(&self.url).await;
        lock_holder.batch_execute(&format!("BEGIN; LOCK TABLE {table}")).await.unwrap();
        meanwhile.await;
        lock_holder.batch_execute("COMMIT").await.unwrap();
    }

    /// Makes the database count each statement that reads tokens.
    async fn count_statements(&self) {
        self.alter("CREATE SEQUENCE statements").await;
        self.do_first("nextval('statements')").await;
    }

    async fn statements(&self) -> i64 {
        let counter = connect(&self.url).await;
        counter.query_one("SELECT last_value FROM statements", &[]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn concurrent_lookups_share_a_statement_and_get_their_own_result() {
    let known = Known::some().await;
    known.count_statements().await;
    let unknown = (0..PEOPLE).map(|_| (None, PlainToken::generate("sk_live_").hash()));
    let each = known.tokens.iter().map(|(id, hash)| (Some(id.clone()), *hash));
    let lookups: Vec<_> = each.clone().chain(unknown).chain(each).collect();
    let answers = join_all(lookups.iter().map(|(_, hash)| known.ask(*hash))).await;
    for ((owner, _), answer) in lookups.into_iter().zip(answers) {
        assert_eq!(answer.unwrap(), owner);
    }
    // One statement takes up to 64 credentials.
    assert_eq!(known.statements().await, 2);
}

#[tokio::test]
async fn cancelled_lookup_does_not_affect_others_in_its_statement() {
    let known = Known::some().await;
    let (first, second) = (&known.tokens[0], &known.tokens[1]);
    for _ in 0..5 {
        let mut stay = pin!(async { tokio::join!(known.ask(second.1), known.ask(first.1)) });
        let meanwhile = async {
            let one = timeout(MOMENT, known.ask(first.1));
            let leave = async { tokio::join!(one, timeout(MOMENT, known.ask(second.1))) };
            tokio::select! {
                biased;
                (one, other) = leave => assert!(one.is_err() && other.is_err()),
                answers = &mut stay => panic!("the table should be locked: {answers:?}"),
            }
        };
        known.while_locked("api_tokens", meanwhile).await;
        let (one, other) = stay.await;
        assert_eq!(one.unwrap().as_ref(), Some(&second.0));
        assert_eq!(other.unwrap().as_ref(), Some(&first.0));
    }
}

/// PostgreSQL prefers to read a small table whole, until it has grown.
#[tokio::test]
async fn token_lookup_uses_the_index_of_a_small_table() {
    let known = Known::some().await;
    let watcher = connect(&known.url).await;
    watcher.batch_execute("VACUUM ANALYZE").await.unwrap();
    let scans = "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'api_tokens'";
    let scans = async || {
        let row = watcher.query_one(scans, &[]).await.unwrap();
        (row.get::<_, i64>(0), row.get::<_, i64>(1))
    };
    let (whole, by_index) = scans().await;
    // PostgreSQL's statistics arrive with a delay.
    within_timeout(async {
        while scans().await == (whole, by_index) {
            known.ask(known.tokens[0].1).await.unwrap();
            sleep(MOMENT).await;
        }
    })
    .await;
    assert_eq!(scans().await.0, whole);
}

/// Otherwise lookups without a caller would make a slow database slower.
#[tokio::test]
async fn cancelled_lookup_is_not_sent_to_the_database() {
    let known = Known::some().await;
    known.count_statements().await;
    let [first, second, third] = [0, 1, 2].map(|number| known.tokens[number].1);
    let mut under_way = pin!(async {
        let later = async {
            sleep(MOMENT).await;
            known.ask(second).await
        };
        tokio::join!(known.ask(first), later)
    });
    let meanwhile = async {
        let leave = async {
            sleep(2 * MOMENT).await;
            timeout(MOMENT, known.ask(third)).await
        };
        tokio::select! {
            biased;
            left = leave => assert!(left.is_err()),
            answers = &mut under_way => panic!("the table should be locked: {answers:?}"),
        }
    };
    known.while_locked("kept", meanwhile).await;
    let (one, other) = under_way.await;
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(known.statements().await, 2);
}

#[tokio::test]
async fn queued_lookup_times_out_within_one_database_timeout() {
    let known = Known::with(&["--database-timeout", "2"]).await;
    let ask = async |position: u32| {
        sleep(position * MOMENT).await;
        known.ask(known.tokens[0].1).await
    };
    let meanwhile = async {
        // Two are running, so the third is queued.
        let all = timeout(Duration::from_secs(3), join_all([ask(0), ask(1), ask(2)]));
        for answer in all.await.expect("no lookup waits for two statements") {
            assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
        }
    };
    known.while_locked("api_tokens", meanwhile).await;
}

#[tokio::test]
async fn failed_statement_fails_all_its_lookups_and_no_later_one() {
    let known = Known::some().await;
    known.alter(OUT_OF_MEMORY).await;
    known.do_first("out_of_memory()").await;
    for answer in join_all(known.tokens.iter().map(|(_, hash)| known.ask(*hash))).await {
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }
    known.alter("DROP VIEW api_tokens; ALTER TABLE kept RENAME TO api_tokens").await;
    let (owner, hash) = &known.tokens[0];
    assert_eq!(known.ask(*hash).await.unwrap().as_ref(), Some(owner));
}

#[tokio::test]
async fn unreadable_row_fails_only_its_own_lookup() {
    let known = Known::some().await;
    let (strange, _) = &known.tokens[3];
    known
        .alter(&format!(
            "ALTER TABLE api_tokens RENAME TO kept;
             CREATE VIEW api_tokens AS SELECT * FROM kept WHERE CASE
                 WHEN user_id = '{strange}' THEN 1 / (length(name) - length(name)) > 0 ELSE true END"
        ))
        .await;
    let answers = join_all(known.tokens.iter().map(|(_, hash)| known.ask(*hash))).await;
    for ((owner, _), answer) in known.tokens.iter().zip(answers) {
        if owner == strange {
            assert!(matches!(answer, Err(Error::Bug { .. })), "{answer:?}");
        } else {
            assert_eq!(answer.unwrap().as_ref(), Some(owner));
        }
    }
}

/// Otherwise a credential could be accepted because of what was true before the request.
#[tokio::test]
async fn lookup_does_not_use_a_statement_that_began_before_it() {
    let known = Known::some().await;
    known.do_first("pg_sleep(0.3)").await;
    let (_, hash) = known.tokens[0];
    let is_revoked = async || {
        let found = known.store.find_token(hash, Clock::System.now()).await.unwrap();
        found.unwrap().key.revoked_at.is_some()
    };
    is_revoked().await;
    let later = async {
        sleep(Duration::from_millis(100)).await;
        known.alter("UPDATE kept SET revoked_at = now()").await;
        assert!(is_revoked().await);
    };
    tokio::join!(is_revoked(), later);
}

#[tokio::test]
async fn lookup_works_after_the_thread_of_an_earlier_lookup_has_ended() {
    let known = Known::some().await;
    let (owner, hash) = &known.tokens[0];
    let elsewhere = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(known.ask(*hash)).unwrap()
    };
    let found = thread::scope(|scope| scope.spawn(elsewhere).join().unwrap());
    assert_eq!(found.as_ref(), Some(owner));
    assert_eq!(known.ask(*hash).await.unwrap().as_ref(), Some(owner));
}
