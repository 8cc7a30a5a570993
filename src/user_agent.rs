//! Names of clients, by their `User-Agent`.

use woothee::parser::Parser;

/// Returns the name of a browser and its operating system, such as "Chrome on Linux"; none if they are unknown.
#[must_use]
pub fn browser(agent: &str) -> Option<String> {
    let known = Parser::new().parse(agent)?;
    (known.name != "UNKNOWN" && known.os != "UNKNOWN")
        .then(|| format!("{} on {}", known.name, known.os))
}
