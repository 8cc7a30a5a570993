use std::ops::Deref;

/// The values of a setting with several values, separated by commas or white space. Empty elements are ignored,
/// so a trailing comma does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(Vec<T>);

impl<T> List<T> {
    /// Parses each value separately.
    ///
    /// # Errors
    /// The first value's error.
    pub(super) fn parse<E>(text: &str, value: impl Fn(&str) -> Result<T, E>) -> Result<Self, E> {
        text.split([',', ' ', '\t', '\r', '\n'])
            .filter(|part| !part.is_empty())
            .map(value)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Option<Vec<u8>> {
        List::parse(text, str::parse).ok().map(|list| list.to_vec())
    }

    #[test]
    fn empty_list_items_are_ignored() {
        for text in ["1,2", "1, 2", "1,2,", " 1 , 2 , ", ",1,,2", "1 2", "1\n2\n", "1,\r\n2,\r\n"] {
            assert_eq!(numbers(text), Some(vec![1, 2]), "{text:?}");
        }
        for text in ["", " ", ",", " , ,"] {
            assert_eq!(numbers(text), Some(vec![]), "{text:?}");
        }
    }

    #[test]
    fn list_with_an_invalid_value_is_rejected() {
        assert_eq!(numbers("1,x"), None);
    }
}
