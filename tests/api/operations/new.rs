//! `portcullis new`

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

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
    for path in example().keys() {
        let text = read(path);
        assert!(!text.to_lowercase().contains("ledger"), "{path}: {text}");
    }
    let again = fails(run(home.path(), &[], &["new", "field-notes", "--path", root], ""));
    assert!(again.contains("field-notes exists already"), "{again}");
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
