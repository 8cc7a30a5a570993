//! `portcullis new`

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use portcullis::time::Clock;
use tempfile::TempDir;

use crate::support::*;

/// Returns the files of the example that belong to a product.
fn example() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "examples/ledger"])
        .current_dir(root)
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut files: BTreeMap<String, String> = listed
        .lines()
        .map(|path| {
            let relative = path.strip_prefix("examples/ledger/").unwrap().to_owned();
            (relative, fs::read_to_string(root.join(path)).unwrap())
        })
        .collect();
    // The example has that of the folder above it.
    let flags = fs::read_to_string(root.join(".cargo/config.toml")).unwrap();
    files.insert(".cargo/config.toml".to_owned(), flags);
    files
}

#[test]
fn template_of_new_products_is_the_example() {
    let text = serde_json::to_string_pretty(&example()).unwrap() + "\n";
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/new/template.json");
    portcullis::testkit::assert_generated(file, &text);
}

#[test]
fn new_product_has_its_own_name_and_the_given_library() {
    let home = TempDir::new().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let said = succeeds(run(home.path(), &[], &["new", "field-notes", "--path", root], ""));
    assert!(said.contains("cd field-notes"), "{said}");
    let read = |path: &str| fs::read_to_string(home.path().join("field-notes").join(path)).unwrap();
    assert!(read("Cargo.toml").contains("name = \"field-notes\""));
    let library = format!("portcullis = {{ path = {root:?} }}");
    assert!(read("Cargo.toml").contains(&library), "{}", read("Cargo.toml"));
    assert!(read("src/lib.rs").contains("Product::new(\"Field Notes\""));
    assert!(read("src/main.rs").contains("field_notes::product()"));
    assert!(read("compose.yml").contains("FIELD_NOTES_SECRET_FILE"));
    let paths = files_in(&home.path().join("field-notes"));
    assert_eq!(paths.len(), example().len());
    for path in &paths {
        let text = read(path);
        assert!(!text.to_lowercase().contains("ledger"), "{path}: {text}");
    }
    let again = fails(run(home.path(), &[], &["new", "field-notes", "--path", root], ""));
    assert!(again.contains("field-notes exists already"), "{again}");
}

/// Returns the path of each file in a folder, from there.
fn files_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// The name of the product decides where it stands among sorted imports.
#[test]
fn source_of_a_new_product_is_formatted_whatever_its_name() {
    for name in ["abacus", "zither"] {
        let home = TempDir::new().unwrap();
        succeeds(run(home.path(), &[], &["new", name, "--git", "x"], ""));
        let sources = ["src/lib.rs", "src/main.rs", "tests/api.rs"];
        let rustfmt = Command::new("rustfmt")
            .args(["--check", "--edition", "2024"])
            .args(sources)
            .current_dir(home.path().join(name))
            .output()
            .unwrap();
        assert!(rustfmt.status.success(), "{}", String::from_utf8_lossy(&rustfmt.stdout));
    }
}

#[test]
fn migration_of_a_new_product_has_the_present_date_and_time() {
    let home = TempDir::new().unwrap();
    let now = || Clock::System.now().to_string()[..19].replace(':', "").replace('T', "-");
    let before = now();
    succeeds(run(home.path(), &[], &["new", "shop", "--git", "x"], ""));
    let after = now();
    let migrations = files_in(&home.path().join("shop/src/invoices/migrations"));
    assert_eq!(migrations.len(), 2, "{migrations:?}");
    for path in migrations {
        let name = path.split('/').nth(1).unwrap();
        let date = name.strip_suffix("_invoices").unwrap();
        assert!(*before <= *date && *date <= *after, "{before} {name} {after}");
        let sql = home.path().join("shop/src/invoices/migrations").join(&path);
        let sql = fs::read_to_string(sql).unwrap();
        assert!(sql.contains(&format!("'{name}'")), "{path}: {sql}");
    }
}

#[test]
fn lock_file_of_a_new_product_is_sorted_as_cargo_sorts_it() {
    for name in ["aa", "shop", "zz"] {
        let home = TempDir::new().unwrap();
        succeeds(run(home.path(), &[], &["new", name, "--git", "x"], ""));
        let lock = fs::read_to_string(home.path().join(name).join("Cargo.lock")).unwrap();
        let names: Vec<&str> =
            lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
        assert!(names.contains(&&*format!("{name:?}")) && names.is_sorted(), "{names:?}");
        // Nothing but the product's own package has moved.
        let example = &example()["Cargo.lock"];
        let lines = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        let renamed = lock.replace(&format!("{name:?}"), "\"ledger\"");
        assert!(lines(&renamed) == lines(example), "{name}: other packages than in the example");
    }
}

#[test]
fn new_product_with_an_unusable_name_or_library_is_not_created() {
    let home = TempDir::new().unwrap();
    for (arguments, reason) in [
        (&["new", "a b"][..], "cannot name a product"),
        (&["new", "../up"], "cannot name a product"),
        (&["new", "shop", "--path", "."], "is no copy of Portcullis"),
        (&["new"], "required"),
        (&["new", "shop", "--git", "x", "--path", "."], "cannot be used with"),
    ] {
        let refusal = fails(run(home.path(), &[], arguments, ""));
        assert!(refusal.contains(reason), "{refusal}");
    }
    let files: Vec<PathBuf> =
        fs::read_dir(home.path()).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(files.is_empty(), "{files:?}");
    let help = succeeds(run(home.path(), &[], &["new", "--help"], ""));
    assert!(help.contains("portcullis new [OPTIONS] <NAME>"), "{help}");
}
