//! Model checks the leased cache of `docs/explanation/credential-cache.md`: every history is explored.
//!
//! The model needs nothing of the application, and says nothing about its code: it shows that the rules are
//! sufficient, and that each of them is necessary.

#![allow(missing_docs, reason = "a test's name says what it shows")]

mod cache;
mod model;
mod rules;
mod state;

use std::{collections::BTreeSet, time::Instant};

use stateright::{Checker, HasDiscoveries, Model};

use cache::{Cache, World};
use model::PROMISE;
use rules::Rules;

/// Two instances, whose clocks are as slow as they may be.
const TWO: World = World {
    instances: 2,
    slow: true,
    others: 0,
    reactivations: 0,
    restores: 0,
    switched: false,
    alone: false,
};
/// One instance, which is also the one that revokes: enough for most broken rules.
const ONE: World = World { instances: 1, ..TWO };
/// All clocks run at the same speed.
const ALIKE: World = World { slow: false, ..ONE };
/// Changes affect other users, and the log is purged.
const LOGGED: World = World { others: 2, ..ONE };
/// A deactivated user is reactivated, and deactivated again.
const REACTIVATED: World = World { reactivations: 1, ..ONE };
/// The database is restored once.
const RESTORED: World = World { others: 1, restores: 1, ..ONE };
/// The operator turns the cache on and off.
const SWITCHED: World = World { switched: true, ..ONE };
/// No other instance can hold a lease.
const ALONE: World = World { alone: true, ..ONE };

/// Explores every history, until one breaks the promise.
fn check(rules: Rules, world: World) -> impl Checker<Cache> {
    let start = Instant::now();
    let until = HasDiscoveries::AnyFailures;
    let checker = Cache { rules, world }.checker().finish_when(until).spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{rules:?}, {world:?}: {states} states, {depth} steps, {:.1?}", start.elapsed());
    checker
}

/// Asserts that no history breaks the promise, and that the cache is of use in some.
fn holds(rules: Rules, world: World) {
    check(rules, world).assert_properties();
}

/// Asserts that some history breaks the promise; `cargo test --test cache_model -- --nocapture` shows it.
fn breaks(rules: Rules, world: World) {
    let history = check(rules, world).assert_any_discovery(PROMISE);
    println!("{:?}", history.into_actions());
}

#[test]
fn all_rules_together_accept_no_revoked_credential() {
    holds(Rules::Kept, TWO);
}

#[test]
fn entry_may_survive_changes_of_other_users() {
    holds(Rules::Kept, LOGGED);
}

#[test]
fn reactivated_user_can_be_deactivated_again() {
    holds(Rules::Kept, REACTIVATED);
}

#[test]
fn restored_database_brings_no_epoch_back() {
    holds(Rules::Kept, RESTORED);
}

#[test]
fn cache_can_be_enabled_and_disabled() {
    holds(Rules::Kept, SWITCHED);
}

#[test]
fn single_instance_need_not_wait() {
    holds(Rules::Kept, ALONE);
}

#[test]
fn wait_of_one_lease_is_enough_with_equal_clocks() {
    holds(Rules::NoMargin, ALIKE);
}

#[test]
fn order_of_responses_does_not_matter_if_each_counts_whole() {
    holds(Rules::TwoReads, ONE);
    holds(Rules::OlderCountsWhole, ONE);
}

#[test]
fn lease_end_may_be_read_before_the_entry() {
    holds(Rules::EndFirst, ONE);
    holds(Rules::EndFirst, LOGGED);
    holds(Rules::EndFirst, REACTIVATED);
    holds(Rules::EndFirst, ALONE);
}

#[test]
fn revocation_response_without_a_wait_is_too_early() {
    breaks(Rules::NoWait, ONE);
}

#[test]
fn wait_of_one_lease_is_too_short_with_different_clocks() {
    breaks(Rules::NoMargin, ONE);
}

#[test]
fn wait_from_before_the_commit_is_too_short() {
    breaks(Rules::WaitFromBefore, ONE);
}

#[test]
fn repeated_revocation_must_wait_as_well() {
    breaks(Rules::RepeatAtOnce, TWO);
}

#[test]
fn length_of_the_wait_must_be_read_after_the_commit() {
    breaks(Rules::WaitReadBefore, SWITCHED);
}

#[test]
fn entry_must_carry_the_epoch_that_its_lookup_saw() {
    breaks(Rules::FillAtArrival, ONE);
}

#[test]
fn request_must_not_use_a_lookup_that_began_before_it() {
    breaks(Rules::JoinedLookUp, ONE);
}

#[test]
fn lease_must_run_from_before_its_read() {
    breaks(Rules::LeaseFromArrival, ONE);
}

#[test]
fn read_must_see_everything_committed_when_it_begins() {
    breaks(Rules::PinnedSnapshot, ONE);
}

#[test]
fn epoch_and_lease_end_must_be_one_value() {
    breaks(Rules::ReadApart, ONE);
}

#[test]
fn older_response_must_not_keep_the_lease_end_of_a_newer() {
    breaks(Rules::OlderKeepsEnd, ONE);
}

#[test]
fn clock_must_be_read_after_the_request_has_begun() {
    breaks(Rules::ClockBeforeHead, ONE);
}

#[test]
fn clock_must_not_stop() {
    breaks(Rules::ClockStandsStill, TWO);
}

#[test]
fn epoch_must_change_with_the_rights() {
    breaks(Rules::EpochAhead, ONE);
}

#[test]
fn epoch_must_be_more_than_a_counter() {
    breaks(Rules::CounterAlone, RESTORED);
}

#[test]
fn gap_in_the_invalidation_log_must_affect_every_user() {
    breaks(Rules::GapIsSilence, World { others: 1, ..LOGGED });
}

#[test]
fn enabling_the_cache_must_raise_the_wait_first() {
    breaks(Rules::LeaseOnFirst, SWITCHED);
}

#[test]
fn disabling_the_cache_must_lower_the_wait_last() {
    breaks(Rules::WaitOffAtOnce, SWITCHED);
    breaks(Rules::WaitOffWithoutMargin, SWITCHED);
}

#[test]
fn single_instance_must_give_up_its_lease_and_pending_renewal() {
    breaks(Rules::AloneKeepsLease, ALONE);
    breaks(Rules::AloneKeepsRead, ALONE);
}

/// The page has a row for each test of a broken rule, and no other.
#[test]
fn credential_cache_page_lists_every_broken_rule() {
    let page = include_str!("../../docs/explanation/credential-cache.md").lines();
    let rows = page.filter_map(|line| line.strip_suffix("` |")?.rsplit_once("| `"));
    let source = include_str!("main.rs").split("#[test]\nfn ");
    let tests = source.filter_map(|test| test.split_once("() {\n    breaks("));
    let rows: BTreeSet<&str> = rows.map(|(_, name)| name).collect();
    assert_eq!(rows, tests.map(|(name, _)| name).collect());
    assert!(!rows.is_empty());
}
