//! Names that the source may use only in certain files.

use std::{collections::BTreeSet, fs, path::Path};

use crate::operations::events::sources;

/// Identifiers by which a credential's header is read, or the crate that carries the cookie.
const NAMES: [&str; 4] = ["AUTHORIZATION", "COOKIE", "SessionExt", "actix_session"];
/// Lower-case texts: a header by its name, and actix's own access to cookies.
const TEXTS: [&str; 4] = ["\"authorization\"", "\"cookie\"", ".cookie(", ".cookies("];

/// Files that use such a name without reading a credential.
const OTHERS: [(&str, &str); 12] = [
    // They set the cookie of a sign-in that waits for the second factor, of a trusted device, or of a passkey ceremony,
    // which are no credentials by themselves; the gate reads them.
    ("src/api/auth/magic_link.rs", ".cookie("),
    ("src/api/auth/passkeys/authentication.rs", ".cookie("),
    ("src/api/auth/passkeys/registration.rs", ".cookie("),
    ("src/api/auth/second_factor.rs", ".cookie("),
    ("src/api/auth/sign_in.rs", ".cookie("),
    ("src/api/auth/two_factor/attempt.rs", ".cookie("),
    // They set the cookies of a sign-in at a provider, which are no credentials either.
    ("src/api/auth/social/sign_in.rs", ".cookie("),
    ("src/api/auth/social/start.rs", ".cookie("),
    // Its warnings are left out of the log.
    ("src/cli/log.rs", "actix_session"),
    // It sends GitHub's own token to GitHub.
    ("src/providers/github.rs", "AUTHORIZATION"),
    // The name of a security scheme in the document.
    ("src/openapi.rs", "COOKIE"),
    ("src/openapi.rs", "\"cookie\""),
];

/// Returns which of these names a source uses outside its comments.
fn named(source: &str) -> BTreeSet<&'static str> {
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let words: BTreeSet<&str> =
        code.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
    let small = code.to_ascii_lowercase();
    let names = NAMES.into_iter().filter(|name| words.contains(name));
    names.chain(TEXTS.into_iter().filter(|text| small.contains(text))).collect()
}

#[test]
fn credentials_are_read_only_in_the_gate_and_listed_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut at_the_gate, mut elsewhere) = (BTreeSet::new(), BTreeSet::new());
    for file in sources(&root.join("src")) {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        // Clients, for tests.
        if path.starts_with("src/testkit/") {
            continue;
        }
        let gate = path == "src/gate.rs" || path.starts_with("src/gate/");
        let found = if gate { &mut at_the_gate } else { &mut elsewhere };
        found.extend(
            named(&fs::read_to_string(&file).unwrap()).into_iter().map(|it| (path.clone(), it)),
        );
    }
    for reader in [("src/gate/bearer.rs", "AUTHORIZATION"), ("src/gate/cookie.rs", "SessionExt")] {
        assert!(at_the_gate.contains(&(reader.0.to_owned(), reader.1)), "{reader:?} is not found");
    }
    let others = OTHERS.map(|(path, name)| (path.to_owned(), name));
    assert_eq!(elsewhere, BTreeSet::from(others));
}

/// Queries of users that need not leave out deleted ones, with the reason.
const ALL_USERS: [(&str, usize); 10] = [
    // Counts users who are still to be indexed, in builds with debug assertions.
    ("src/store/checks.rs", 1),
    // Whether a user is still to be indexed.
    ("src/store/tables/users/search/find.rs", 1),
    // The words of a user whom the transaction has written, and of all who are still to be indexed.
    ("src/store/tables/users/search/index.rs", 3),
    // The generations of a user whom the transaction has locked.
    ("src/store/tables/generation.rs", 2),
    // The joined query is filtered where it ends.
    ("src/store/tables/api_tokens.rs", 1),
    // The generations of a user whom the transaction has locked.
    ("src/store/tables/trusted_devices.rs", 1),
    // The user whom the transaction has locked.
    ("src/store/tables/two_factor.rs", 1),
    ("src/store/workflows/two_factor_enrolment.rs", 2),
    // Challenges of a deleted user have an old generation.
    ("src/store/workflows/sign_in/challenge.rs", 1),
    // It looks for deleted users.
    ("src/store/workflows/retention/leavers.rs", 2),
];

/// Counts the queries of users in a source that do not leave out deleted ones. An insertion is not a query.
fn queries_of_all_users(source: &str) -> usize {
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.flat_map(|line| line.split_whitespace()).collect();
    let parts: Vec<&str> = code.split("users::table").collect();
    let pairs = parts.windows(2).map(|pair| (pair[0], pair[1]));
    pairs
        .filter(|(before, after)| {
            let added = before.ends_with("insert_into(");
            // All credentials of a deleted user have an old generation.
            let current =
                ["_is_current()", "$is_current()"].iter().any(|name| after.contains(name));
            let left_out = current
                || [".filter(present())", ".filter($crate::store::tables::users::present())"]
                    .iter()
                    .any(|filter| after.trim_start_matches(')').starts_with(filter));
            !added && !left_out
        })
        .count()
}

/// Deleted accounts stay as rows until all that belongs to them is deleted, and no response may show them.
#[test]
fn queries_of_users_exclude_deleted_ones_unless_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for file in sources(&root.join("src/store")) {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let queries = queries_of_all_users(&fs::read_to_string(&file).unwrap());
        if queries > 0 {
            found.insert((path, queries));
        }
    }
    assert_eq!(found, BTreeSet::from(ALL_USERS.map(|(path, count)| (path.to_owned(), count))));
}

#[test]
fn source_check_finds_queries_that_include_deleted_users() {
    for (code, count) in [
        ("users::table.find(&id)", 1),
        ("users::table\n    .filter(users::email.eq(email)).filter(present())", 1),
        ("sessions::table.inner_join(users::table)", 1),
        ("users::table\n    .filter(present())\n    .find(&id); users::table.count()", 1),
        ("sessions::table.inner_join(users::table).filter(present())", 0),
        ("diesel::insert_into(users::table).values(&user)", 0),
        ("users::table.filter($crate::store::tables::users::present()).find($id)", 0),
        ("// users::table", 0),
    ] {
        assert_eq!(queries_of_all_users(code), count, "{code}");
    }
}

#[test]
fn source_check_finds_code_that_reads_credentials() {
    for code in [
        "use actix_web::http::header::{ACCEPT, AUTHORIZATION};",
        "request.headers().get(header::COOKIE)",
        "request.headers().get(\"Authorization\")",
        "headers.get_all(\"cookie\")",
        "request.cookie(\"portcullis\")",
        "for cookie in request.cookies()?.iter() {}",
        "use actix_session::SessionExt as _;",
    ] {
        assert!(!named(code).is_empty(), "{code}");
    }
    for code in ["// AUTHORIZATION decides", "header::SET_COOKIE", "let cookie = secret();"] {
        assert!(named(code).is_empty(), "{code}");
    }
}

#[test]
fn activity_is_inserted_in_one_place_and_never_updated() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut inserting, mut updating) = (Vec::new(), Vec::new());
    for file in sources(&root.join("src")) {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let source: String = fs::read_to_string(&file).unwrap().split_whitespace().collect();
        for (statement, found) in [("insert_into(", &mut inserting), ("update(", &mut updating)] {
            let tables = source.split(statement).skip(1).filter_map(|rest| rest.split(')').next());
            let tables = tables.filter(|table| table.contains("activity::table"));
            found.extend(tables.map(|_| path.clone()));
        }
    }
    assert_eq!(inserting, ["src/store/tables/activity.rs"]);
    assert_eq!(updating, [""; 0]);
}
