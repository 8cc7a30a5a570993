//! `portcullis new`: creates a product from a template, the example `examples/ledger`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Command, value_parser};
use portcullis::{cli::Failure, time::Clock};

/// The files of the example by their paths. Cargo packages no folder that has a `Cargo.toml` of its own, so they are
/// embedded from this file, which a test compares with them.
const TEMPLATE: &str = include_str!("new/template.json");

/// The example's dependency on this library, which the product replaces.
const LIBRARY: &str = r#"{ path = "../..""#;

/// The date and time in the name of the example's migration, in place of which the product has those of its creation.
const MIGRATION: &str = "2026-12-01-120000";

/// Returns the command.
pub fn command() -> Command {
    Command::new("new")
        .about("Create a product that is built on Portcullis, in a new folder")
        .arg(
            Arg::new("name")
                .required(true)
                .value_name("NAME")
                .help("Its name: letters, digits and single hyphens, such as field-notes"),
        )
        .arg(
            Arg::new("path")
                .long("path")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with("git")
                .help("Use the copy of Portcullis in this folder, and not the published one"),
        )
        .arg(
            Arg::new("git")
                .long("git")
                .value_name("URL")
                .help("Use Portcullis from this Git repository"),
        )
}

/// Runs the command.
///
/// # Errors
/// When the name does not fit, the folder exists, or a file cannot be written.
pub fn run(matches: &ArgMatches) -> Result<String, Failure> {
    let name = Name::parse(matches.get_one::<String>("name").map_or("", String::as_str))?;
    let library = match (matches.get_one::<PathBuf>("path"), matches.get_one::<String>("git")) {
        (Some(path), _) => {
            let path =
                path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
            if !path.join("src/product.rs").exists() {
                return Err(format!("{} is no copy of Portcullis", path.display()).into());
            }
            format!("{{ path = {:?}", path.display().to_string())
        }
        (None, Some(url)) => format!("{{ git = {url:?}"),
        (None, None) => format!("{{ version = {:?}", env!("CARGO_PKG_VERSION")),
    };
    let folder = PathBuf::from(&name.slug);
    if folder.exists() {
        return Err(format!("{} exists already", folder.display()).into());
    }
    let now = migration_at(&Clock::System.now().to_string());
    let adapt = |text: &str| name.apply(&text.replace(MIGRATION, &now));
    for (path, content) in files()? {
        let mut content = adapt(&content.replace(LIBRARY, &library));
        if path == "Cargo.lock" {
            content = in_order(&content);
        }
        write(&folder.join(adapt(&path)), &content)?;
    }
    Ok(format!(
        "Created {0}. Next:\n\n  cd {0}\n  cargo run     # http://localhost:8080\n  cargo test",
        name.slug
    ))
}

/// Returns the files of the template.
pub fn files() -> Result<BTreeMap<String, String>, serde_json::Error> {
    serde_json::from_str(TEMPLATE)
}

/// Returns the beginning of the name of a migration that was created at this time, which is written as in JSON.
fn migration_at(time: &str) -> String {
    let seconds = time.split('.').next().unwrap_or_default();
    seconds.replace(':', "").replace('T', "-")
}

/// Sorts the packages of a `Cargo.lock` by their names, as cargo does: that of the product has another name now.
fn in_order(lock: &str) -> String {
    const PACKAGE: &str = "[[package]]\n";
    let name = |block: &str| block.split('"').nth(1).unwrap_or_default().to_owned();
    let mut blocks: Vec<&str> = lock.trim_end().split(PACKAGE).map(str::trim_end).collect();
    let header = blocks.remove(0);
    // Stable: of a package in two versions, the older one stays the first.
    blocks.sort_by_key(|block| name(block));
    blocks.iter().fold(header.to_owned(), |text, block| format!("{text}\n\n{PACKAGE}{block}"))
        + "\n"
}

fn write(path: &Path, content: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    Ok(fs::write(path, content).map_err(failed)?)
}

/// The name of a product, in the forms in which the example has its own: `ledger`, `Ledger` and `LEDGER`.
struct Name {
    slug: String,
    title: String,
}

impl Name {
    fn parse(text: &str) -> Result<Self, Failure> {
        let slug = text.to_ascii_lowercase();
        let words: Vec<&str> = slug.split('-').collect();
        let is_word = |word: &&str| {
            !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric())
        };
        let begins = slug.starts_with(|letter: char| letter.is_ascii_alphabetic());
        if !begins || !words.iter().all(is_word) || slug.starts_with("portcullis") {
            return Err(format!(
                "{text:?} cannot name a product: use letters, digits and single hyphens, beginning with a letter, \
                 such as field-notes"
            )
            .into());
        }
        if [
            "test", "core", "std", "alloc", "askama", "diesel", "serde", "tokio", "rstest",
            "strum", "uuid",
        ]
        .contains(&&*slug)
        {
            return Err(format!("{text:?} cannot name a product: a crate has this name").into());
        }
        let title: Vec<String> =
            words.iter().map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect();
        Ok(Self { title: title.join(" "), slug })
    }

    /// Puts this name in the place of the example's. In Rust's paths, a hyphen is an underscore.
    fn apply(&self, text: &str) -> String {
        let path = self.slug.replace('-', "_");
        text.replace("ledger::", &format!("{path}::"))
            .replace("LEDGER_", &format!("{}_", path.to_ascii_uppercase()))
            .replace("Ledger", &self.title)
            .replace("ledger", &self.slug)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn name_is_applied_in_every_form() {
        let name = Name::parse("field-notes").unwrap();
        let text = "Ledger: `ledger serve` with LEDGER_SECRET runs ledger::product()";
        let applied =
            "Field Notes: `field-notes serve` with FIELD_NOTES_SECRET runs field_notes::product()";
        assert_eq!(name.apply(text), applied);
    }

    #[test]
    fn name_that_is_no_crate_or_product_is_rejected() {
        for text in ["", "1st", "a--b", "-a", "a-", "a b", "a_b", "ü", "portcullis-2", "serde"] {
            assert!(Name::parse(text).is_err(), "{text}");
        }
    }
}
