//! What products may use, against the list that is committed: an item that disappears or changes breaks them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path};

use public_api::Builder;

const LIST: &str = "docs/reference/public-api.txt";

#[test]
#[ignore = "reads what `.ci/run docs` has just written"]
fn public_items_are_those_of_the_committed_list() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let api = Builder::from_rustdoc_json(target.join("doc/portcullis.json"))
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .unwrap();
    let public = api.to_string();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(LIST, public).unwrap();
        return;
    }
    let committed = fs::read_to_string(LIST).unwrap();
    let (before, after): (BTreeSet<_>, BTreeSet<_>) =
        (committed.lines().collect(), public.lines().collect());
    let lines = |items: &BTreeSet<&str>, others: &BTreeSet<&str>| {
        let lines: Vec<&str> = items.difference(others).copied().collect();
        lines.join("\n  ")
    };
    let (removed, added) = (lines(&before, &after), lines(&after, &before));
    assert!(
        removed.is_empty(),
        "BREAKING: {LIST} has items that are no longer public in this form. If that is intended, say so under \"Breaking\" \
         in CHANGELOG.md, raise the minor version, and run `just public-api`.\n  {removed}"
    );
    assert!(added.is_empty(), "{LIST} lacks new items. To add them: `just public-api`.\n  {added}");
}
