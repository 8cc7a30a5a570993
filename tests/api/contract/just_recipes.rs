//! Checks the recipes of the justfile that run a part of the tests, which they choose by a part of the tests' names.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::operations::events::sources;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const JUSTFILE: &str = include_str!("../../../justfile");

/// Returns the names of all tests of this binary.
fn tests() -> String {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--list", "--format", "terse"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the parts of names by which the recipes choose or skip tests.
fn filters() -> BTreeSet<String> {
    let text = JUSTFILE.replace("\\\n", " ");
    let lines = text.lines().filter_map(|line| line.split_once("--test api"));
    lines
        .flat_map(|(_, arguments)| arguments.split_whitespace())
        .filter(|word| !word.starts_with('-'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_filter_of_a_recipe_matches_a_test() {
    let (tests, filters) = (tests(), filters());
    assert!(filters.contains("concurrent") && filters.contains("fuzz::"), "{filters:?}");
    for filter in filters {
        assert!(tests.contains(&filter), "no test has {filter} in its name");
    }
}

#[test]
fn each_test_with_rounds_is_run_by_the_recipe_races() {
    let mut found = 0;
    for file in sources(&Path::new(ROOT).join("tests/api")) {
        let text = fs::read_to_string(&file).unwrap().replace("\npub async fn ", "\nasync fn ");
        for function in text.split("\nasync fn ").skip(1) {
            let name = function.split(['(', '<']).next().unwrap();
            let body = function.split("\n}\n").next().unwrap();
            if body.contains("in 0..rounds(") {
                found += 1;
                assert!(name.contains("concurrent"), "{} repeats a race: {name}", file.display());
            }
        }
    }
    assert!(found > 20, "{found} tests with rounds");
}
