//! The words of a text, in one form: whatever the case, and without accents.

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use uuid::Uuid;

/// How many words of one user are stored. A name that the API accepts has at most 50.
const MOST_WORDS: usize = 64;
/// How many words of a query are looked up: the longest, as they match the fewest users.
const MOST_SEARCHED: usize = 8;
/// How long a word may be, in characters; what is longer is cut, stored and searched alike.
const LONGEST: usize = 254;
/// How much of a name or an email is read. The API accepts less; other writers may not know its limits.
const LONGEST_TEXT: usize = 1000;

/// What to search for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Query {
    /// The user with this id.
    Id(String),
    /// The users with all of these.
    Words(Words),
}

/// The words to search for: a user matches if each is the beginning of a word of theirs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// The longest first; none if the text holds no letter and no digit.
    pub all: Vec<String>,
    /// The whole text, if it is one email: a user with exactly this one is meant alone.
    pub email: Option<String>,
    /// Two or more words as [`phrase`] writes a whole name.
    pub phrase: Option<String>,
}

impl Query {
    /// Reads what was typed or pasted.
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
            // Whoever has a word that begins with the longer one also has one that begins with this.
            !all.iter().take(*place).any(|longer| longer.starts_with(word.as_str()))
        });
        let all = distinct.map(|(_, word)| word.clone()).take(MOST_SEARCHED).collect();
        Self::Words(Words { all, email, phrase })
    }
}

/// The words by which a user is found: those of the name, those of the email, and either as a whole.
pub(super) fn words_of(name: &str, email: &str) -> BTreeSet<String> {
    let named: BTreeSet<String> = words(&fold(name)).take(MOST_WORDS).collect();
    let email = fold(email);
    let whole_name = (named.len() > 1).then(|| phrase(&named));
    let first = [whole_email(trimmed(&email))].into_iter().chain(whole_name);
    first.chain(named).chain(words(&email)).take(MOST_WORDS).collect()
}

/// A whole email as one word. It begins with a sign, as no other word does: otherwise each email would match
/// twice what its first word matches.
fn whole_email(folded: &str) -> String {
    cut(&format!("@{folded}"))
}

/// A whole name as one word, in no particular order of its own words: a full name is then found in one range,
/// also where each of its words is common. It begins with a space, as no other word does.
fn phrase(words: &BTreeSet<String>) -> String {
    let words: String = words.iter().flat_map(|word| [" ", word]).collect();
    cut(&words)
}

/// One form for all that looks alike but for case and accents: compatibility decomposition, without combining
/// marks, then upper and lower case, which together fold also `ß` and `ſ`; and Latin letters with a stroke.
fn fold(text: &str) -> String {
    let decomposed =
        text.chars().take(LONGEST_TEXT).nfkd().filter(|letter| !is_combining_mark(*letter));
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

/// What is left between all that is neither letter nor digit.
fn words(folded: &str) -> impl Iterator<Item = String> {
    let parts = folded.split(|letter: char| !letter.is_alphanumeric());
    parts.filter(|part| !part.is_empty()).map(cut)
}

/// Without the brackets and commas around an email that was pasted with them.
fn trimmed(token: &str) -> &str {
    token.trim_matches(|letter: char| !letter.is_alphanumeric())
}

fn cut(word: &str) -> String {
    let printed = word.chars().filter(|letter| !letter.is_control());
    printed.take(LONGEST).collect()
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
    fn case_accents_and_compatibility_forms_are_folded() {
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
    fn a_user_has_the_words_of_the_name_and_of_the_email_and_either_as_a_whole() {
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
    fn words_are_bounded_in_number_and_in_length() {
        let many: Vec<String> = (0..500).map(|number| format!("w{number}")).collect();
        let many = many.join(" ");
        assert!(words_of(&many, "a@b.c").len() <= MOST_WORDS);
        let long = "x".repeat(900);
        assert!(words_of(&long, &long).iter().all(|word| word.chars().count() <= LONGEST));
        assert_eq!(parsed(&long).all, ["x".repeat(LONGEST)]);
        assert!(parsed(&many).all.len() <= MOST_SEARCHED);
    }

    #[test]
    fn a_query_is_an_id_or_words_in_any_order() {
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
    fn a_query_without_a_letter_or_a_digit_has_no_words() {
        for text in ["", "%", "_", "' --", "\\", "🚀"] {
            assert_eq!(parsed(text), Words::default(), "{text}");
        }
    }
}
