//! Splits text into words in a normalized form: case-insensitive, and without accents.

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use uuid::Uuid;

/// The most words stored for one user. A name that the API accepts has at most 50.
const MAX_WORDS: usize = 64;
/// The most words of a query that are looked up: the longest, as they match the fewest users.
const MAX_SEARCHED: usize = 8;
/// The most characters in a word; a longer word is cut, both when stored and when searched.
const MAX_WORD_LENGTH: usize = 254;
/// The most characters of a name or an email that are read. The API's limits are lower; other writers may not know
/// them.
const MAX_TEXT_LENGTH: usize = 1000;

/// A parsed search.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Query {
    /// The user with this id.
    Id(String),
    /// The users with all of these words.
    Words(Words),
}

/// The words to search for: a user matches if each is the beginning of one of their words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// Longest first; empty if the text contains no letter and no digit.
    pub all: Vec<String>,
    /// The whole text, if it is one email: then only the user with exactly this email is meant.
    pub email: Option<String>,
    /// Two or more words in the form that [`phrase`] gives a whole name.
    pub phrase: Option<String>,
}

impl Query {
    /// Parses what a user typed or pasted.
    pub(super) fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Ok(id) = Uuid::try_parse(text) {
            return Self::Id(id.to_string());
        }
        let folded = fold(text);
        let (emails, plain): (Vec<&str>, Vec<&str>) =
            folded.split_whitespace().map(trimmed).partition(|token| token.contains('@'));
        let plain: BTreeSet<String> = plain.into_iter().flat_map(words).collect();
        let is_email = emails.len() == 1 && folded.split_whitespace().count() == 1;
        let email = is_email
            .then(|| text.trim_matches(|letter| "<>()\"',;".contains(letter)).to_lowercase());
        let phrase = (plain.len() > 1).then(|| phrase(&plain));
        let mut all: Vec<String> = emails.into_iter().map(whole_email).chain(plain).collect();
        all.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
        let distinct = all.iter().enumerate().filter(|(place, word)| {
            // A user with a word that begins with the longer one matches this one too.
            !all.iter().take(*place).any(|longer| longer.starts_with(word.as_str()))
        });
        let all = distinct.map(|(_, word)| word.clone()).take(MAX_SEARCHED).collect();
        Self::Words(Words { all, email, phrase })
    }
}

/// Returns the words by which a user is found: those of the name, those of the email, and each of the two as a whole.
pub(super) fn words_of(name: &str, email: &str) -> BTreeSet<String> {
    let named: BTreeSet<String> = words(&fold(name)).take(MAX_WORDS).collect();
    let email = fold(email);
    let whole_name = (named.len() > 1).then(|| phrase(&named));
    let first = [whole_email(trimmed(&email))].into_iter().chain(whole_name);
    first.chain(named).chain(words(&email)).take(MAX_WORDS).collect()
}

/// A whole email as one word. Begins with a sign, as no other word does: otherwise each email would match twice for
/// its first word.
fn whole_email(folded: &str) -> String {
    cut(&format!("@{folded}"))
}

/// A whole name as one word, independent of the order of its words: a full name is then found in one range, even if
/// each of its words is common. Begins with a space, as no other word does.
fn phrase(words: &BTreeSet<String>) -> String {
    let words: String = words.iter().flat_map(|word| [" ", word]).collect();
    cut(&words)
}

/// Folds text that differs only in case and accents to one form: compatibility decomposition (NFKD) without combining
/// marks, then upper and lower case, which together also fold `ß` and `ſ`; and Latin letters with a stroke.
fn fold(text: &str) -> String {
    let decomposed =
        text.chars().take(MAX_TEXT_LENGTH).nfkd().filter(|letter| !is_combining_mark(*letter));
    let lower = decomposed.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let mut folded = String::with_capacity(text.len());
    for letter in lower.filter(|letter| !is_combining_mark(*letter)) {
        match letter {
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'đ' | 'ð' => folded.push('d'),
            'ħ' => folded.push('h'),
            'ł' => folded.push('l'),
            'ø' => folded.push('o'),
            'ŧ' => folded.push('t'),
            other => folded.push(other),
        }
    }
    folded
}

/// Splits text at everything that is neither letter nor digit.
fn words(folded: &str) -> impl Iterator<Item = String> {
    let parts = folded.split(|letter: char| !letter.is_alphanumeric());
    parts.filter(|part| !part.is_empty()).map(cut)
}

/// Removes the brackets and commas around an email that was pasted with them.
fn trimmed(token: &str) -> &str {
    token.trim_matches(|letter: char| !letter.is_alphanumeric())
}

fn cut(word: &str) -> String {
    let printed = word.chars().filter(|letter| !letter.is_control());
    printed.take(MAX_WORD_LENGTH).collect()
}

#[cfg(test)]
#[allow(clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Words {
        match Query::parse(text) {
            Query::Words(words) => words,
            Query::Id(id) => panic!("{text} is the id {id}"),
        }
    }

    #[test]
    fn search_folds_case_accents_and_compatibility_forms() {
        for (text, folded) in [
            ("Zürich", "zurich"),
            ("ZU\u{308}RICH", "zurich"),
            ("Straße", "strasse"),
            ("STRASSE", "strasse"),
            ("İstanbul", "istanbul"),
            ("ISTANBUL", "istanbul"),
            ("ıstanbul", "istanbul"),
            ("Ødegård", "odegard"),
            ("Łódź", "lodz"),
            ("Đặng", "dang"),
            ("Þórður", "thordur"),
            ("ŒUVRE Æther", "oeuvre aether"),
            ("ﬁne ﬀ", "fine ff"),
            ("Ａｄａ", "ada"),
            ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
            ("Σίσυφος", "σισυφοσ"),
            ("ЁЛКА", "елка"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn user_is_indexed_by_words_of_name_and_email_and_each_as_a_whole() {
        let words = words_of("Grace O'Brien-Hopper", "G.Hopper@Navy.Example");
        let expected = [
            " brien grace hopper o",
            "@g.hopper@navy.example",
            "brien",
            "example",
            "g",
            "grace",
            "hopper",
            "navy",
            "o",
        ];
        assert_eq!(words.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn search_words_are_bounded_in_number_and_length() {
        let many: Vec<String> = (0..500).map(|number| format!("w{number}")).collect();
        let many = many.join(" ");
        assert!(words_of(&many, "a@b.c").len() <= MAX_WORDS);
        let long = "x".repeat(900);
        assert!(words_of(&long, &long).iter().all(|word| word.chars().count() <= MAX_WORD_LENGTH));
        assert_eq!(parsed(&long).all, ["x".repeat(MAX_WORD_LENGTH)]);
        assert!(parsed(&many).all.len() <= MAX_SEARCHED);
    }

    #[test]
    fn search_query_is_an_id_or_words_in_any_order() {
        let id = "019ac8a0-1111-7222-8333-444455556666";
        assert_eq!(Query::parse(&format!("  {} ", id.to_uppercase())), Query::Id(id.to_owned()));
        assert_eq!(parsed("Wei LI").all, ["wei", "li"]);
        assert_eq!(parsed("Wei LI").phrase, parsed("li wei").phrase);
        assert_eq!(parsed("li lisa LI").all, ["lisa"], "the longer word implies the shorter");
        assert_eq!(parsed("Ada <Ada@Example.com>,").all, ["@ada@example.com", "ada"]);
        assert_eq!(parsed(" ADA@example.com").email.as_deref(), Some("ada@example.com"));
        assert_eq!(parsed("<_ada@example.com>").email.as_deref(), Some("_ada@example.com"));
        assert_eq!(parsed("@example.com").all, ["example", "com"], "a domain is its words");
    }

    #[test]
    fn search_query_without_letters_or_digits_has_no_words() {
        for text in ["", "%", "_", "' --", "\\", "🚀"] {
            assert_eq!(parsed(text), Words::default(), "{text}");
        }
    }
}
