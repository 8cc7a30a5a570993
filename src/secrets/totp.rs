use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand::distr::{Alphanumeric, SampleString as _};
use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Builder, Secret, Totp};
use url::form_urlencoded;

use crate::time::Timestamp;

/// The length of a secret, in characters.
const LENGTH: usize = 32;

/// The secret that a user's authenticator app shares with this server: time-based one-time codes ([RFC 6238]) of six
/// digits, each for a step of 30 seconds.
///
/// In the Better Auth protocol a secret is text, and the HMAC key is its ASCII bytes. 32 letters and digits have 190
/// random bits.
///
/// [RFC 6238]: https://www.rfc-editor.org/rfc/rfc6238
pub struct TotpSecret(SecretString);

impl TotpSecret {
    /// Generates a random secret.
    #[must_use]
    pub fn generate() -> Self {
        Self(Alphanumeric.sample_string(&mut rand::rng(), LENGTH).into())
    }

    pub(super) fn decrypted(text: String) -> Self {
        Self(text.into())
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }

    /// Returns the secret in base32, for a user who types it into an app.
    #[must_use]
    pub fn reveal(&self) -> String {
        Secret::new(self.expose().into()).to_base32()
    }

    /// Returns the URI that an app reads from a QR code.
    #[must_use]
    pub fn reveal_uri(&self, issuer: &str, email: &str) -> String {
        let label = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("secret", &self.reveal())
            .append_pair("issuer", issuer)
            .append_pair("digits", "6")
            .append_pair("period", "30")
            .finish();
        format!("otpauth://totp/{}:{}?{query}", label(issuer), label(email))
    }

    /// Returns the step that a code is valid for, if it is the previous, the present or the next one: clocks differ,
    /// and a user needs time to type. Spaces are ignored, as apps show codes in two groups.
    ///
    /// The caller accepts each step only once, and no earlier one after it.
    #[must_use]
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let code: String = code.chars().filter(|letter| !letter.is_whitespace()).take(7).collect();
        let seconds = u64::try_from(now.micros() / 1_000_000).ok()?;
        let step = self.totp()?.check(&code, seconds)?;
        i64::try_from(step).ok()
    }

    /// Six digits, 30 seconds, one step before and after: the library's defaults. `None` never occurs, since the
    /// library rejects only shorter secrets.
    fn totp(&self) -> Option<Totp> {
        let key: Box<[u8]> = self.expose().into();
        Builder::new().with_secret(Secret::new(key)).build().ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::time::seconds;

    static_assertions::assert_not_impl_any!(TotpSecret: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    /// The vectors of RFC 6238, appendix B, whose key is this text; of their eight digits the last six.
    #[test]
    fn code_matches_the_vectors_of_rfc_6238() {
        let secret = TotpSecret::decrypted("12345678901234567890".to_owned());
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.step_of(code, at(second)), Some(second / 30), "{second}");
        }
    }

    #[test]
    fn code_is_accepted_one_step_early_and_one_step_late() {
        let secret = TotpSecret::decrypted("12345678901234567890".to_owned());
        let step = 1_234_567_890 / 30;
        let start = at(step * 30);
        assert_eq!(secret.step_of("005924", start - seconds(31)), None);
        assert_eq!(secret.step_of("005924", start - seconds(30)), Some(step));
        assert_eq!(secret.step_of("005924", start + seconds(59)), Some(step));
        assert_eq!(secret.step_of("005924", start + seconds(60)), None);
    }

    #[test]
    fn code_with_spaces_is_accepted_and_any_other_text_is_not() {
        let secret = TotpSecret::decrypted("12345678901234567890".to_owned());
        let now = at(1_234_567_890);
        assert!(secret.step_of(" 005 924 ", now).is_some());
        for wrong in ["", "5924", "0059241", "+05924", "00592४", "005-924", "005925"] {
            assert_eq!(secret.step_of(wrong, now), None, "{wrong}");
        }
        assert_eq!(secret.step_of("005924", at(-1)), None);
    }

    #[test]
    fn uri_is_the_one_of_the_better_auth_protocol() {
        let secret = TotpSecret::decrypted("abcdefghijklmnopqrstuvwxyz012345".to_owned());
        assert_eq!(
            secret.reveal_uri("My Site", "ada+1@example.com"),
            "otpauth://totp/My%20Site:ada%2B1%40example%2Ecom\
             ?secret=MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPIYDCMRTGQ2Q\
             &issuer=My+Site&digits=6&period=30"
        );
    }

    #[test]
    fn generated_secrets_have_32_letters_or_digits_and_differ() {
        let [one, other] = std::array::from_fn(|_| TotpSecret::generate());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().len(), LENGTH);
        assert!(one.expose().iter().all(u8::is_ascii_alphanumeric));
    }
}
