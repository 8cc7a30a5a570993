//! The syntax of credentials of any authentication scheme (RFC 9110, 11.4).

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Padding is optional, because some clients omit it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns whether a scheme and its credentials are well-formed: a `token68` or a list of parameters. Two
/// headers that a proxy has joined with a comma are neither. The syntax also allows a scheme alone, but a
/// single word is more likely a token whose scheme was forgotten.
pub(super) fn are_well_formed(scheme: &str, credentials: &str) -> bool {
    let rest = credentials.trim_matches(' ');
    is_token(scheme) && (is_token68(rest) || are_parameters(rest))
}

/// Returns the user and the password of Basic credentials (RFC 7617).
pub(super) fn basic(scheme: &str, credentials: &str) -> Option<[String; 2]> {
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(credentials.trim_matches(' ')).ok()?).ok()?;
    let (user, password) = decoded.split_once(':').unwrap_or((&decoded, ""));
    Some([user.to_owned(), password.to_owned()])
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_token68(text: &str) -> bool {
    let unpadded = text.trim_end_matches('=');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !unpadded.is_empty() && unpadded.bytes().all(fits)
}

fn are_parameters(text: &str) -> bool {
    let mut rest = text;
    while let Some(after) = after_parameter(rest) {
        if after.is_empty() {
            return true;
        }
        rest = after;
    }
    false
}

/// Returns what follows the first parameter and its comma.
fn after_parameter(text: &str) -> Option<&str> {
    let value = after_token(text)?.trim_start_matches(BLANK).strip_prefix('=')?;
    let value = value.trim_start_matches(BLANK);
    let after = match value.strip_prefix('"') {
        Some(quoted) => after_quoted(quoted)?,
        None => after_token(value)?,
    };
    let after = after.trim_start_matches(BLANK);
    if after.is_empty() {
        return Some(after);
    }
    Some(after.strip_prefix(',')?.trim_start_matches([' ', '\t', ',']))
}

const BLANK: [char; 2] = [' ', '\t'];

fn after_token(text: &str) -> Option<&str> {
    let end = text.bytes().position(|byte| !is_token_byte(byte)).unwrap_or(text.len());
    (end > 0).then(|| &text[end..])
}

/// Returns what follows a quoted string, starting after its opening quotation mark.
fn after_quoted(text: &str) -> Option<&str> {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(&text[at + 1..]),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well_formed(text: &str) -> bool {
        let (scheme, credentials) = text.split_once(' ').unwrap_or((text, ""));
        are_well_formed(scheme, credentials)
    }

    #[test]
    fn authorization_with_a_token68_or_parameters_is_well_formed() {
        for text in [
            "Basic c3RhZ2U6Z2VoZWlt",
            "Basic   eDp5  ",
            "NTLM TlRMTVNTUAABAAAA+/==",
            "Negotiate a-b._~+/=",
            r#"Digest username="Mufasa", realm="a, b \" c", nc=00000001, qop=auth"#,
            r#"Hawk id="x",  , mac = "y","#,
        ] {
            assert!(well_formed(text), "{text}");
        }
    }

    #[test]
    fn authorization_in_any_other_form_is_malformed() {
        for text in [
            "",
            "Basic",
            "Basic  ",
            " eDp5",
            "Bearer\teDp5",
            "Bearer,eDp5",
            "Bearer: eDp5",
            "Basic \teDp5",
            "Basic eDp5 eDp5",
            "Basic eDp5, Basic eDp5",
            "Basic eDp5, Bearer junk",
            "Basic ====",
            "Basic é",
            r#"Digest username="Mufasa"#,
            r#"Digest username="Mufasa" realm=x"#,
            "Digest username=, realm=x",
            "Digest =x",
        ] {
            assert!(!well_formed(text), "{text:?}");
        }
    }

    #[test]
    fn basic_credentials_decode_to_user_and_password() {
        let parts = |user: &str, password: &str| Some([user.to_owned(), password.to_owned()]);
        assert_eq!(basic("basic", "c3RhZ2U6Z2VoOmVpbQ=="), parts("stage", "geh:eim"));
        assert_eq!(basic("Basic", " c3RhZ2U"), parts("stage", ""));
        assert_eq!(basic("Digest", "c3RhZ2U"), None);
        assert_eq!(basic("Basic", "!"), None);
    }
}
