//! The product's name, from which everything that shows or stores a name is derived: the binary, the settings, the
//! cookies, the metrics, the database file, titles and emails.
//!
//! It is a global value, because a process is one product as it is one program: settings are named in errors of every
//! layer, from clap to the store.

use std::{borrow::Cow, sync::OnceLock};

/// The name of a process that sets none.
const OWN: &str = "Portcullis";

static NAME: OnceLock<Name> = OnceLock::new();

/// The name of a product, in each form that is needed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// For people: `Ledger`.
    pub title: String,
    /// For programs: `ledger`.
    pub slug: String,
    /// Before the name of each setting: `LEDGER_`.
    pub prefix: String,
    /// The session cookie with https. `__Host-` makes browsers reject a cookie that is not Secure, host-only and for
    /// the path `/` (RFC 6265bis, 4.1.3.2).
    pub secure_cookie: String,
}

impl Name {
    fn of(title: &str) -> Self {
        let slug: String = title
            .chars()
            .map(|letter| if letter == ' ' { '-' } else { letter.to_ascii_lowercase() })
            .collect();
        Self {
            title: title.to_owned(),
            prefix: format!("{}_", slug.replace('-', "_").to_ascii_uppercase()),
            secure_cookie: format!("__Host-{slug}"),
            slug,
        }
    }
}

/// Names the process.
///
/// # Errors
/// When the name cannot be part of a cookie's or a setting's, or the process already has another.
pub(crate) fn set(title: &str) -> Result<(), String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == ' ';
    let begins = title.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if !begins || !title.chars().all(fits) || title.ends_with(' ') || title.contains("  ") {
        return Err(format!(
            "{title:?} cannot name a product: use ASCII letters, digits and single spaces, \
             beginning with a letter"
        ));
    }
    if title.strip_prefix(OWN).is_some_and(|rest| !rest.is_empty()) {
        return Err(format!("{title:?} cannot name a product: it begins with {OWN}"));
    }
    let present = NAME.get_or_init(|| Name::of(title));
    if present.title == title {
        return Ok(());
    }
    Err(format!("this process is already named {}: it cannot be {title} too", present.title))
}

/// Returns the name of this process.
pub(crate) fn get() -> &'static Name {
    NAME.get_or_init(|| Name::of(OWN))
}

/// Returns the name of a setting as it is set in the environment, from its name without the prefix.
pub(crate) fn setting(name: &str) -> String {
    format!("{}{name}", get().prefix)
}

/// Returns a text of this library, which names settings and commands as those of Portcullis, with the names that they
/// have in this process.
pub(crate) fn in_text(text: &str) -> Cow<'_, str> {
    renamed(text, get())
}

fn renamed<'a>(text: &'a str, name: &Name) -> Cow<'a, str> {
    let own = Name::of(OWN);
    if *name == own || !(text.contains(&own.prefix) || text.contains(&own.slug)) {
        return Cow::Borrowed(text);
    }
    let command = |name: &Name, before: char| format!("{before}{} ", name.slug);
    let mut text = text.replace(&own.prefix, &name.prefix);
    for before in ['`', '>', ' '] {
        text = text.replace(&command(&own, before), &command(name, before));
    }
    Cow::Owned(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn name_has_each_form() {
        let name = Name::of("Field Notes 2");
        assert_eq!(name.slug, "field-notes-2");
        assert_eq!(name.prefix, "FIELD_NOTES_2_");
        assert_eq!(name.secure_cookie, "__Host-field-notes-2");
    }

    #[test]
    fn name_that_cannot_be_in_a_cookie_or_setting_is_rejected() {
        for title in ["", " ", "2fast", "Løvetann", "a_b", "a  b", "a ", "a;b", "Portcullis Cloud"]
        {
            assert!(set(title).unwrap_err().contains("cannot name a product"), "{title}");
        }
    }

    #[test]
    fn process_has_one_name() {
        set(OWN).unwrap();
        set(OWN).unwrap();
        assert!(set("Ledger").unwrap_err().contains("already named Portcullis"));
    }

    #[test]
    fn text_names_the_settings_and_commands_of_the_product() {
        let ledger = Name::of("Ledger");
        for (text, expected) in [
            ("PORTCULLIS_SECRET: no", "LEDGER_SECRET: no"),
            ("`portcullis secret` generates one", "`ledger secret` generates one"),
            ("All settings: portcullis --help", "All settings: ledger --help"),
            ("in /srv/portcullis/data", "in /srv/portcullis/data"),
            ("DATABASE_URL", "DATABASE_URL"),
        ] {
            assert_eq!(renamed(text, &ledger), expected);
            assert_eq!(renamed(text, &Name::of(OWN)), text);
        }
    }
}
