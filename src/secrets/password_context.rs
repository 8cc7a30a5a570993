use unicode_normalization::UnicodeNormalization as _;

/// The words that an attacker knows before the first guess: the user's and the site's names (OWASP ASVS 5.0,
/// 6.2.11).
pub struct PasswordContext(Vec<String>);

impl PasswordContext {
    /// Collects the words of the site's name, the user's email and the user's name.
    #[must_use]
    pub fn new(site: &str, email: &str, name: &str) -> Self {
        Self([site, email, name].into_iter().flat_map(words).collect())
    }

    /// Returns whether a password consists of these words only, in any order and case, with digits, punctuation
    /// and spaces around them, which cracking programs add by themselves.
    pub(super) fn contains_most_of(&self, password: &str) -> bool {
        let words = words(password);
        !words.is_empty() && words.iter().all(|word| self.joins_to(word))
    }

    /// Works from the start by dynamic programming: from each position that can be reached, every word that
    /// fits leads to another. Backtracking would take exponential time where a user's name is `a aa aaa`.
    fn joins_to(&self, text: &str) -> bool {
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for at in 0..text.len() {
            if !reached[at] {
                continue;
            }
            for word in &self.0 {
                if text[at..].starts_with(word.as_str()) {
                    reached[at + word.len()] = true;
                }
            }
        }
        reached[text.len()]
    }
}

/// Returns every run of letters, in lower case and in Unicode's NFC, as passwords are.
fn words(text: &str) -> Vec<String> {
    let lower = text.nfc().collect::<String>().to_lowercase();
    let runs = lower.split(|letter: char| !letter.is_alphabetic());
    runs.filter(|run| !run.is_empty()).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::PasswordContext;

    fn ada() -> PasswordContext {
        PasswordContext::new("Portcullis", "ada.byron99@example.com", "Ada Lovelace")
    }

    #[test]
    fn password_made_of_context_words_is_recognized() {
        for password in [
            "ada.byron99@example.com",
            "ADA.BYRON99@EXAMPLE.COM",
            "ada.byron",
            "Ada Lovelace",
            "lovelaceada",
            "Portcullis",
            "portcullis2024!",
            "1-2-3-Portcullis-Lovelace",
            "adaadaada",
            "@example.com",
        ] {
            assert!(ada().contains_most_of(password), "{password}");
        }
    }

    #[test]
    fn password_with_another_word_is_not_made_of_context_words() {
        for password in [
            "correct horse battery staple",
            "ada loves engines",
            "portcullises",
            "adam.byron99",
            "lovelac",
            "8273649182736491",
            "🦀🦀🦀🦀🦀🦀🦀🦀",
        ] {
            assert!(!ada().contains_most_of(password), "{password}");
        }
    }

    #[test]
    fn context_words_match_in_any_script_and_case() {
        let context = PasswordContext::new("Großmarkt", "zoe@xn--bcher-kva.example", "Zoë Öztürk");
        assert!(context.contains_most_of("ÖZTÜRK-zoë"));
        assert!(context.contains_most_of("großmarkt 1"));
        assert!(!context.contains_most_of("öztürks"));
        let decomposed = PasswordContext::new("", "", "Zoe\u{308}");
        assert!(decomposed.contains_most_of("zo\u{eb}"));
    }

    #[test]
    fn empty_context_matches_no_password() {
        assert!(!PasswordContext::new("", "", "").contains_most_of("anything"));
    }

    #[test]
    fn overlapping_context_words_do_not_take_exponential_time() {
        let name = (1..=13).map(|length| "a".repeat(length)).collect::<Vec<_>>().join(" ");
        let context = PasswordContext::new("", "", &name);
        assert!(context.contains_most_of(&"a".repeat(128)));
        assert!(!context.contains_most_of(&format!("{}b", "a".repeat(127))));
    }
}
