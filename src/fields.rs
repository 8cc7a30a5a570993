//! Rules for fields that more than one body has.

use lettre::Address;
use validator::{ValidateEmail, ValidationError};

fn fault(code: &'static str, message: &'static str) -> ValidationError {
    let mut error = ValidationError::new(code);
    error.message = Some(message.into());
    error
}

/// An e-mail address, in ASCII: two addresses that only look alike are then two (an international
/// domain is written in its `xn--` form).
///
/// The validator lets anything pass before an address in brackets, and nobody has mail there. What no
/// mail can be addressed to (`a..b@example.com`) is refused here and not when the first one is written.
/// A domain needs a dot, as `ada@example` is `ada@example.com` cut short; `localhost` is for development.
pub fn email(text: &str) -> Result<(), ValidationError> {
    present_email(text)?;
    match text.rsplit_once('@') {
        Some((_, domain)) if domain.contains('.') || domain.eq_ignore_ascii_case("localhost") => {
            Ok(())
        }
        _ => Err(fault("email", "Invalid email address: the part after @ needs a dot")),
    }
}

/// The email of an account that exists, which may be older than the rule of the dot.
pub fn present_email(text: &str) -> Result<(), ValidationError> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'[');
    if plain && text.len() <= 254 && text.validate_email() && text.parse::<Address>().is_ok() {
        Ok(())
    } else {
        Err(fault("email", "Invalid email address"))
    }
}

/// The form in which an address is stored and looked up.
pub fn normal_email(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// A name of somebody or something: one line, and something on it.
pub fn name(text: &str) -> Result<(), ValidationError> {
    match text.chars().count() {
        1..=100 if !text.trim().is_empty() && !text.chars().any(breaks_a_line) => Ok(()),
        _ => Err(fault("name", "must be 1 to 100 characters on one line")),
    }
}

fn breaks_a_line(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// A short name, such as stands in a URL.
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

/// Text of any number of lines. PostgreSQL cannot keep a NUL, and nobody means the other controls.
pub fn text(text: &str) -> Result<(), ValidationError> {
    let control = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    if text.chars().count() <= 2000 && !text.chars().any(control) {
        Ok(())
    } else {
        Err(fault("text", "must be at most 2000 characters, without control characters"))
    }
}

/// Where a picture is.
pub fn image(text: &str) -> Result<(), ValidationError> {
    let web = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if web && text.len() <= 2048 && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(fault("image", "must be an http or https URL of at most 2048 characters"))
    }
}

/// What to search for.
pub fn search(text: &str) -> Result<(), ValidationError> {
    match text.chars().count() {
        1..=100 if !text.chars().any(char::is_control) => Ok(()),
        _ => Err(fault("search", "must be 1 to 100 characters on one line")),
    }
}
