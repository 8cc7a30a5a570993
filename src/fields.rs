//! Validation rules for fields that several bodies have in common.

use lettre::Address;
use validator::{ValidateEmail, ValidationError};

fn fault(code: &'static str, message: &'static str) -> ValidationError {
    let mut error = ValidationError::new(code);
    error.message = Some(message.into());
    error
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
    match text.chars().count() {
        1..=100 if !text.trim().is_empty() && !text.chars().any(breaks_a_line) => Ok(()),
        _ => Err(fault("name", "must be 1 to 100 characters on one line")),
    }
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

/// Validates text of any number of lines. PostgreSQL cannot store NUL, and other control characters are not
/// intended.
pub fn text(text: &str) -> Result<(), ValidationError> {
    let control = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    if text.chars().count() <= 2000 && !text.chars().any(control) {
        Ok(())
    } else {
        Err(fault("text", "must be at most 2000 characters, without control characters"))
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
