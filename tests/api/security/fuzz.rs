//! Property-based tests: what holds for any input. `PROPTEST_CASES` sets the number of cases; the default is
//! small enough to wait for.

mod addresses;
mod authorization;
mod bodies;
mod cookie;
mod mass_assignment;
mod methods;
mod paths;
mod query;
mod redirects;

use std::fmt::Debug;

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestError, TestRunner},
};
use tokio::runtime::{self, Runtime};

use crate::support::*;

/// The runtime of a test and of its server's clients: proptest itself is not async.
fn runtime() -> Runtime {
    runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Asserts that a property holds for this many cases, or for as many as `PROPTEST_CASES` says.
#[track_caller]
fn holds<V: Debug>(
    runtime: &Runtime,
    few: u32,
    cases: impl Strategy<Value = V>,
    property: impl AsyncFn(V),
) {
    let config = Config {
        cases: count_from_env("PROPTEST_CASES").unwrap_or(few),
        failure_persistence: None,
        max_shrink_iters: 256,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&cases, |case| {
        runtime.block_on(property(case));
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => panic!("{why}\nfor {case:?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// Whether a byte is allowed in a header's value (RFC 9110, 5.5).
fn may_stand_in_a_header(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Generates any bytes that are allowed in a header's value.
fn header_bytes(
    length: impl Into<proptest::collection::SizeRange>,
) -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_map(|byte| if may_stand_in_a_header(byte) { byte } else { b'~' });
    proptest::collection::vec(byte, length)
}

/// Generates texts that differ from this one by a few edits of a character or a bit, and never equal it.
fn near(text: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let original = text.as_bytes().to_owned();
    let unchanged = original.clone();
    let edit = (0..7u8, any::<Index>(), any::<u8>());
    proptest::collection::vec(edit, 1..4)
        .prop_map(move |edits| {
            edits.into_iter().fold(original.clone(), |mut bytes, (kind, at, with)| {
                if bytes.is_empty() {
                    return vec![with];
                }
                let at = at.index(bytes.len());
                match kind {
                    0 => bytes.truncate(at),
                    1 => bytes.push(with),
                    2 => bytes[at] = with,
                    3 => bytes.insert(at, with),
                    4 => drop(bytes.remove(at)),
                    5 => bytes[at] ^= 1 << (with % 8),
                    _ => bytes[at] ^= 0x20,
                }
                bytes
            })
        })
        .prop_filter("a header's value", |bytes| {
            bytes.iter().all(|byte| may_stand_in_a_header(*byte))
        })
        // White space around a header's value is not part of it.
        .prop_filter("changed", move |bytes| bytes.trim_ascii() != unchanged)
}

/// Checks a response against the document: never a 500, and where it is an error, a problem.
#[track_caller]
fn assert_documented(document: &Value, operation: &Operation<'_>, reply: &Reply) {
    let (id, status) = (operation.id, reply.status.as_u16());
    assert!(status < 500, "{id}: {status} {}", reply.text);
    if status >= 400 {
        assert_problem(document, reply);
    }
}

/// Asserts that a problem has the members that the document names, and no others.
#[track_caller]
fn assert_problem(document: &Value, reply: &Reply) {
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{}", reply.text);
    let problem = reply.json();
    let schema = &document["components"]["schemas"]["Problem"];
    let members = problem.as_object().unwrap_or_else(|| panic!("{}", reply.text));
    for name in schema["required"].as_array().unwrap() {
        assert!(members.contains_key(name.as_str().unwrap()), "{name} is missing: {problem}");
    }
    for name in members.keys() {
        assert!(schema["properties"].get(name).is_some(), "{name} is not documented: {problem}");
    }
    let codes = document["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap();
    assert!(codes.contains(&problem["code"]), "{problem}");
    assert_eq!(problem["status"], reply.status.as_u16(), "{problem}");
}
