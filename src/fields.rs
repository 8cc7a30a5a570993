//! Validation rules for fields that several bodies have in common, for `#[validate(custom(function = "fields::name"))]`,
//! and how a field that null clears is read.

use std::borrow::Cow;

use lettre::Address;
use serde::{Deserialize, Deserializer};
use validator::{ValidateEmail, ValidationError};

/// Distinguishes null from an absent field, for which this function is never called: `#[serde(default,
/// deserialize_with = "fields::given")]` on a field of the type `Option<Option<T>>`.
///
/// # Errors
/// When the value has another type.
pub fn given<'de, T, D>(value: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(value).map(Some)
}

/// Reads a field that may be left out, but must not be null: `#[serde(default, deserialize_with = "fields::present")]` on a
/// field of the type `Option<T>`, for which null would mean that it is left out.
///
/// # Errors
/// When the value is null, or has another type.
pub fn present<'de, T, D>(value: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(value).map(Some)
}

fn fault(code: &'static str, message: impl Into<Cow<'static, str>>) -> ValidationError {
    let mut error = ValidationError::new(code);
    error.message = Some(message.into());
    error
}

/// Validates an id in a body: any other text than one of ours matches no row, and NUL is an error in PostgreSQL.
pub(crate) fn id(text: &str) -> Result<(), ValidationError> {
    if text.len() <= 100 && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(fault("id", "is not an id"))
}

/// Validates an email, in ASCII, so that two emails that only look alike are different (an international domain
/// is written in its `xn--` form).
///
/// The validator accepts anything before an IP address in brackets, where no user has mail. An email to which
/// no message can be addressed (`a..b@example.com`) is rejected here and not when the first message is sent. A
/// domain needs a dot, because `ada@example` is a truncated `ada@example.com`; `localhost` is for development.
pub fn email(text: &str) -> Result<(), ValidationError> {
    present_email(text)?;
    match text.rsplit_once('@') {
        Some((_, domain)) if domain.contains('.') || domain.eq_ignore_ascii_case("localhost") => {
            Ok(())
        }
        _ => Err(fault("email", "Invalid email address: the part after @ needs a dot")),
    }
}

/// Validates the email of an existing account, which may be older than the rule of the dot.
pub fn present_email(text: &str) -> Result<(), ValidationError> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'[');
    if plain && text.len() <= 254 && text.validate_email() && text.parse::<Address>().is_ok() {
        Ok(())
    } else {
        Err(fault("email", "Invalid email address"))
    }
}

/// Normalizes an email to the form in which it is stored and looked up.
#[must_use]
pub fn normal_email(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// Validates a name of a person or a thing: one line, not blank.
pub fn name(text: &str) -> Result<(), ValidationError> {
    if is_line(text, 100) {
        Ok(())
    } else {
        Err(fault("name", "must be 1 to 100 characters on one line"))
    }
}

/// Validates text of 1 to `MAX` characters on one line, not blank: `fields::line::<80>`. Control characters are not
/// intended.
pub fn line<const MAX: usize>(text: &str) -> Result<(), ValidationError> {
    if is_line(text, MAX) {
        Ok(())
    } else {
        Err(fault("line", format!("must be 1 to {MAX} characters on one line")))
    }
}

fn is_line(text: &str, max: usize) -> bool {
    text.chars().count() <= max && !text.trim().is_empty() && !text.chars().any(breaks_a_line)
}

fn breaks_a_line(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// Validates a short name for use in a URL.
pub fn short_name(text: &str) -> Result<(), ValidationError> {
    let fits = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=30).contains(&text.len())
        && text.bytes().all(fits)
        && !text.starts_with('-')
        && !text.ends_with('-')
    {
        Ok(())
    } else {
        Err(fault(
            "short_name",
            "must be 1 to 30 characters of a-z, 0-9 and, between them, hyphens",
        ))
    }
}

/// Validates text of at most 2000 characters, on any number of lines.
pub fn text(text: &str) -> Result<(), ValidationError> {
    are_lines(text, 2000, "text")
}

/// Validates text of at most `MAX` characters, on any number of lines: `fields::lines::<5000>`.
pub fn lines<const MAX: usize>(text: &str) -> Result<(), ValidationError> {
    are_lines(text, MAX, "lines")
}

/// PostgreSQL cannot store NUL, and other control characters are not intended.
fn are_lines(text: &str, max: usize, code: &'static str) -> Result<(), ValidationError> {
    let control = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    if text.chars().count() <= max && !text.chars().any(control) {
        Ok(())
    } else {
        Err(fault(code, format!("must be at most {max} characters, without control characters")))
    }
}

/// Validates the URL of a picture.
pub fn image(text: &str) -> Result<(), ValidationError> {
    let web = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if web && text.len() <= 2048 && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(fault("image", "must be an http or https URL of at most 2048 characters"))
    }
}

/// Validates a search term.
pub fn search(text: &str) -> Result<(), ValidationError> {
    match text.chars().count() {
        1..=100 if !text.chars().any(char::is_control) => Ok(()),
        _ => Err(fault("search", "must be 1 to 100 characters on one line")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_bounded_and_not_blank() {
        for text in ["x", "a b", "äöü"] {
            assert!(line::<3>(text).is_ok(), "{text:?}");
        }
        for text in ["", " ", "four", "a\nb", "a\tb", "a\0b", "a\u{2028}b"] {
            let error = line::<3>(text).map_err(|error| error.message);
            assert_eq!(
                error,
                Err(Some("must be 1 to 3 characters on one line".into())),
                "{text:?}"
            );
        }
    }

    #[test]
    fn lines_are_bounded_without_control_characters() {
        for text in ["", "a\r\nb", "a\tb", "äöüß"] {
            assert!(lines::<4>(text).is_ok(), "{text:?}");
        }
        for text in ["12345", "a\0b", "\u{1b}[1m"] {
            let error = lines::<4>(text).map_err(|error| error.message);
            let message = "must be at most 4 characters, without control characters";
            assert_eq!(error, Err(Some(message.into())), "{text:?}");
        }
    }
}
