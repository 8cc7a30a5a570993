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
fn all_rules_together_keep_the_promise() {
    holds(Rules::Kept, TWO);
}

#[test]
fn an_entry_outlives_changes_that_concern_others() {
    holds(Rules::Kept, LOGGED);
}

#[test]
fn whoever_is_let_in_again_can_be_locked_out_again() {
    holds(Rules::Kept, REACTIVATED);
}

#[test]
fn a_restore_brings_no_epoch_back() {
    holds(Rules::Kept, RESTORED);
}

#[test]
fn the_cache_can_be_turned_on_and_off() {
    holds(Rules::Kept, SWITCHED);
}

#[test]
fn whoever_is_alone_need_not_wait() {
    holds(Rules::Kept, ALONE);
}

#[test]
fn a_wait_of_l_is_enough_where_clocks_are_alike() {
    holds(Rules::NoMargin, ALIKE);
}

#[test]
fn the_order_of_answers_does_not_matter_where_each_counts_whole() {
    holds(Rules::TwoReads, ONE);
    holds(Rules::OlderCountsWhole, ONE);
}

#[test]
fn the_end_may_be_read_before_the_entry_is_asked() {
    holds(Rules::EndFirst, ONE);
    holds(Rules::EndFirst, LOGGED);
    holds(Rules::EndFirst, REACTIVATED);
    holds(Rules::EndFirst, ALONE);
}

#[test]
fn an_answer_that_does_not_wait_is_too_early() {
    breaks(Rules::NoWait, ONE);
}

#[test]
fn a_wait_of_l_is_too_short_where_clocks_differ() {
    breaks(Rules::NoMargin, ONE);
}

#[test]
fn a_wait_from_before_the_commit_is_too_short() {
    breaks(Rules::WaitFromBefore, ONE);
}

#[test]
fn a_repeated_request_waits_as_well() {
    breaks(Rules::RepeatAtOnce, TWO);
}

#[test]
fn how_long_to_wait_is_not_known_before_the_commit() {
    breaks(Rules::WaitReadBefore, SWITCHED);
}

#[test]
fn an_entry_carries_the_epoch_that_its_look_up_saw() {
    breaks(Rules::FillAtArrival, ONE);
}

#[test]
fn no_request_takes_a_look_up_that_began_before_it() {
    breaks(Rules::JoinedLookUp, ONE);
}

#[test]
fn a_lease_runs_from_before_its_read() {
    breaks(Rules::LeaseFromArrival, ONE);
}

#[test]
fn a_read_sees_what_is_committed_when_it_begins() {
    breaks(Rules::PinnedSnapshot, ONE);
}

#[test]
fn epoch_and_lease_end_are_one_value() {
    breaks(Rules::ReadApart, ONE);
}

#[test]
fn an_older_answer_does_not_keep_the_end_of_a_younger() {
    breaks(Rules::OlderKeepsEnd, ONE);
}

#[test]
fn the_clock_is_read_after_the_request_has_begun() {
    breaks(Rules::ClockBeforeHead, ONE);
}

#[test]
fn the_clock_does_not_stand_still() {
    breaks(Rules::ClockStandsStill, TWO);
}

#[test]
fn the_epoch_changes_with_the_rights() {
    breaks(Rules::EpochAhead, ONE);
}

#[test]
fn a_counter_alone_is_no_epoch() {
    breaks(Rules::CounterAlone, RESTORED);
}

#[test]
fn what_the_log_does_not_hold_may_concern_anybody() {
    breaks(Rules::GapIsSilence, World { others: 1, ..LOGGED });
}

#[test]
fn to_turn_it_on_the_wait_comes_first() {
    breaks(Rules::LeaseOnFirst, SWITCHED);
}

#[test]
fn to_turn_it_off_the_wait_goes_last() {
    breaks(Rules::WaitOffAtOnce, SWITCHED);
    breaks(Rules::WaitOffWithoutMargin, SWITCHED);
}

#[test]
fn whoever_is_alone_gives_up_the_lease_and_what_would_renew_it() {
    breaks(Rules::AloneKeepsLease, ALONE);
    breaks(Rules::AloneKeepsRead, ALONE);
}

/// The page has a row for each test of a broken rule, and no other.
#[test]
fn every_broken_rule_is_on_the_page() {
    let page = include_str!("../../docs/explanation/credential-cache.md").lines();
    let rows = page.filter_map(|line| line.strip_suffix("` |")?.rsplit_once("| `"));
    let source = include_str!("main.rs").split("#[test]\nfn ");
    let tests = source.filter_map(|test| test.split_once("() {\n    breaks("));
    let rows: BTreeSet<&str> = rows.map(|(_, name)| name).collect();
    assert_eq!(rows, tests.map(|(name, _)| name).collect());
    assert!(!rows.is_empty());
}
