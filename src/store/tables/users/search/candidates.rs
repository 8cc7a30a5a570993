//! Chooses which users a search compares, when a word may match very many.

use std::collections::HashSet;

use super::MOST;

/// The ids that one condition of a search matches, at most [`MOST`] and one more.
pub(super) struct Matches {
    ids: Vec<String>,
    /// The word, if the condition is one.
    word: Option<String>,
}

impl Matches {
    /// The matches of a word.
    pub(super) fn of_word(word: &str, ids: Vec<String>) -> Self {
        Self { ids, word: Some(word.to_owned()) }
    }

    /// The matches of a role or a state.
    pub(super) fn of_filter(ids: Vec<String>) -> Self {
        Self { ids, word: None }
    }

    /// Whether these are all matches.
    pub(super) fn is_complete(&self) -> bool {
        self.ids.len() <= MOST
    }
}

/// The users to compare, newest first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidates {
    pub ids: Vec<String>,
    /// The words that must still be compared with those of each candidate.
    pub unchecked: Vec<String>,
    /// Whether more users may match: each word matches more than [`MOST`].
    pub truncated: bool,
}

impl Candidates {
    /// If some conditions have few matches, the candidates are the users that all of these match: all results are
    /// among them. Otherwise they are the first [`MOST`] of the first word, and before them those of the whole name.
    pub(super) fn among(conditions: Vec<Matches>, whole_name: Vec<String>) -> Self {
        let (complete, cut): (Vec<_>, Vec<_>) =
            conditions.into_iter().partition(Matches::is_complete);
        let mut unchecked: Vec<String> =
            cut.iter().filter_map(|matches| matches.word.clone()).collect();
        let truncated = complete.is_empty();
        let mut ids: Vec<String> = if truncated {
            let first = cut.into_iter().find(|matches| matches.word.is_some());
            let first = first.map(|matches| matches.ids).unwrap_or_default();
            // Candidates of the first word match it already; those of the whole name were found by all words, and need
            // each compared.
            if whole_name.is_empty() && !unchecked.is_empty() {
                unchecked.remove(0);
            }
            whole_name.into_iter().take(MOST).chain(first.into_iter().take(MOST)).collect()
        } else {
            intersection(complete)
        };
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.dedup();
        Self { ids, unchecked, truncated }
    }
}

fn intersection(mut conditions: Vec<Matches>) -> Vec<String> {
    conditions.sort_by_key(|matches| matches.ids.len());
    let mut conditions = conditions.into_iter();
    let mut ids = conditions.next().map(|matches| matches.ids).unwrap_or_default();
    for matches in conditions {
        let other: HashSet<String> = matches.ids.into_iter().collect();
        ids.retain(|id| other.contains(id));
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
        numbers.into_iter().map(|number| format!("{number:05}")).collect()
    }

    #[test]
    fn conditions_with_few_matches_are_intersected_despite_common_ones() {
        let found = Candidates::among(
            vec![
                Matches::of_word("rare", ids([3, 1, 2, 2])),
                Matches::of_word("common", ids(0..=MOST)),
                Matches::of_filter(ids([2, 3, 4])),
            ],
            Vec::new(),
        );
        let expected =
            Candidates { ids: ids([3, 2]), unchecked: vec!["common".to_owned()], truncated: false };
        assert_eq!(found, expected);
    }

    #[test]
    fn candidates_up_to_the_bound_are_complete_and_truncated_beyond_it() {
        let at =
            |number| Candidates::among(vec![Matches::of_word("word", ids(0..number))], Vec::new());
        assert!(!at(MOST).truncated);
        assert_eq!(at(MOST).ids.len(), MOST);
        assert!(at(MOST + 1).truncated);
        assert_eq!(at(MOST + 1).ids.len(), MOST);
        assert!(at(MOST + 1).unchecked.is_empty());
    }

    #[test]
    fn search_of_common_words_puts_the_whole_name_first() {
        let common =
            || vec![Matches::of_word("wei", ids(0..=MOST)), Matches::of_word("li", ids(0..=MOST))];
        let found = Candidates::among(common(), ids([70_000]));
        assert_eq!(found.ids.first(), ids([70_000]).first());
        assert_eq!(found.unchecked, ["wei", "li"]);
        assert!(found.truncated);
        assert_eq!(Candidates::among(common(), Vec::new()).unchecked, ["li"]);
    }

    #[test]
    fn filter_with_many_matches_is_no_source_of_candidates() {
        let conditions = vec![
            Matches::of_filter(ids(5000..=5000 + MOST)),
            Matches::of_word("common", ids(0..=MOST)),
        ];
        let found = Candidates::among(conditions, Vec::new());
        assert_eq!(found.ids.len(), MOST);
        assert!(found.ids.iter().all(|id| id.as_str() < "05000"));
    }
}
