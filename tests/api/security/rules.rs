//! Checks `docs/security.md`: every test that it names exists, and every rule has its row.

use std::{fs, path::Path};

const DOCS: &str = include_str!("../../../docs/security.md");

/// The number of rules in each section.
const SECTIONS: [(char, usize); 14] = [
    ('A', 22),
    ('B', 20),
    ('T', 8),
    ('N', 1),
    ('P', 8),
    ('O', 6),
    ('C', 7),
    ('D', 14),
    ('E', 6),
    ('F', 7),
    ('G', 17),
    ('R', 8),
    ('J', 6),
    ('I', 31),
];

/// Reads a file of this repository, by its path from the root.
fn in_this_repository(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

/// A rule of the page.
struct Row<'a> {
    id: &'a str,
    starred: bool,
    /// The code or test that enforces it.
    evidence: &'a str,
}

/// Returns the rules of a page. Each has a heading (`### A1 ★ What is asked`), what enforces it, and its source
/// in the last line.
fn rows(page: &str) -> Vec<Row<'_>> {
    let sections = page.split("\n## ").skip(1);
    let rules = sections.flat_map(|section| {
        let letter = section.chars().next();
        section.split("\n### ").skip(1).map(move |rule| (letter, rule))
    });
    rules.filter_map(|(section, rule)| row(section, rule)).collect()
}

fn row(section: Option<char>, rule: &str) -> Option<Row<'_>> {
    let (heading, body) = rule.split_once("\n\n")?;
    let (id, rule_title) = heading.split_once(' ')?;
    let (starred, rule_title) =
        rule_title.strip_prefix("★ ").map_or((false, rule_title), |rest| (true, rest));
    let (evidence, source) = body.trim_end().rsplit_once("\n\nSource: ")?;
    let is_whole = [rule_title, evidence, source].iter().all(|part| !part.trim().is_empty());
    let is_in_place = is_id(id) && id.chars().next() == section;
    (is_whole && is_in_place && !source.contains('\n')).then_some(Row { id, starred, evidence })
}

fn is_id(text: &str) -> bool {
    let section = text.strip_prefix(|letter: char| letter.is_ascii_uppercase());
    section.is_some_and(|number| number.parse::<usize>().is_ok())
}

/// A part of this repository that the page names.
#[derive(Debug)]
enum Name<'a> {
    /// A test in Rust: its module and its function.
    Test(String, &'a str),
    /// A test in JavaScript: its file and its title.
    Titled(&'a str, &'a str),
    File(&'a str),
    Setting(&'a str),
}

fn names(text: &str) -> Vec<Name<'_>> {
    text.split('`').skip(1).step_by(2).filter_map(name).collect()
}

fn name(code: &str) -> Option<Name<'_>> {
    if let Some((file, title)) = code.split_once(": ")
        && file.ends_with(".mjs")
    {
        return Some(Name::Titled(file, title));
    }
    if let Some((module, test)) = code.rsplit_once("::")
        && code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c))
    {
        return Some(Name::Test(module.replace("::", "/"), test));
    }
    if code.starts_with("PORTCULLIS_") {
        return code.split('=').next().map(Name::Setting);
    }
    let roots = ["src/", "tests/", "docs/", "migrations/", ".ci/"];
    let is_file = roots.iter().any(|root| code.starts_with(root)) || code == "Cargo.toml";
    is_file.then_some(Name::File(code))
}

/// Whether the named part exists.
fn exists(name: &Name<'_>, read: &impl Fn(&str) -> Option<String>) -> bool {
    let holds = |path: &str, has: &dyn Fn(&str) -> bool| read(path).is_some_and(|text| has(&text));
    match name {
        Name::Test(module, test) => ["tests/api", "src"]
            .iter()
            .any(|root| holds(&format!("{root}/{module}.rs"), &|source| has_test(source, test))),
        Name::Titled(file, title) => holds(file, &|source| {
            ["'", "`", "\""]
                .iter()
                .any(|quote| source.contains(&format!("test({quote}{title}{quote}")))
        }),
        Name::File(path) => read(path).is_some(),
        Name::Setting(setting) => {
            let row = format!("| `{setting}` |");
            holds("docs/reference/settings.md", &|settings| settings.contains(&row))
        }
    }
}

/// Whether a source file has a function of this name under a test attribute, or a contract that lists it as a test.
fn has_test(source: &str, test: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let listed = format!("{test},");
    let lists = ["contract_tests!(", "@tests $resource:"]
        .iter()
        .flat_map(|head| source.split(head).skip(1).filter_map(|list| list.split(')').next()));
    if lists.into_iter().flat_map(str::lines).any(|line| line.trim() == listed) {
        return true;
    }
    let head = format!("fn {test}(");
    lines.iter().enumerate().any(|(at, line)| {
        let is_it = [&head, &format!("async {head}")].iter().any(|head| line.starts_with(*head));
        let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        let mut marks = attributes.filter(|line| !line.starts_with("#[case"));
        is_it && marks.any(|line| is_a_tests(line))
    })
}

fn is_a_tests(attribute: &str) -> bool {
    ["test]", "apply(on_both_databases)]"].iter().any(|mark| attribute.ends_with(mark))
        || attribute.starts_with("#[tokio::test(")
}

/// Returns all that is wrong with a page.
fn faults(
    page: &str,
    sections: &[(char, usize)],
    read: &impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let rows = rows(page);
    let mut faults = Vec::new();
    let wanted = sections
        .iter()
        .flat_map(|(section, last)| (1..=*last).map(move |number| format!("{section}{number}")))
        .collect::<Vec<_>>();
    for id in &wanted {
        let count = rows.iter().filter(|row| row.id == id).count();
        if count != 1 {
            faults.push(format!("{id} has {count} rows"));
        }
    }
    for row in &rows {
        if !wanted.iter().any(|id| id == row.id) {
            faults.push(format!("{} is no rule", row.id));
        }
        let evidence = names(row.evidence);
        let tested = evidence.iter().any(|name| matches!(name, Name::Test(..) | Name::Titled(..)));
        if row.starred && !tested {
            faults.push(format!("{} has a star and no test", row.id));
        }
        let missing = evidence.iter().filter(|name| !exists(name, read));
        faults.extend(missing.map(|name| format!("{}: there is no {name:?}", row.id)));
    }
    faults
}

#[test]
fn security_page_has_every_rule_and_names_existing_tests() {
    let rows = rows(DOCS);
    let stars = rows.iter().filter(|row| row.starred).count();
    let tests = rows.iter().map(|row| names(row.evidence).len()).sum::<usize>();
    assert!(stars > 15 && tests > 200, "the page was not parsed: {stars} stars, {tests} names");
    let faults = faults(DOCS, &SECTIONS, &in_this_repository);
    assert!(faults.is_empty(), "docs/security.md:\n{}", faults.join("\n"));
}

/// A small repository.
fn small(path: &str) -> Option<String> {
    let text = match path {
        "tests/api/gate.rs" => {
            "#[apply(on_both_databases)]\nasync fn it_stands(backend: Backend) {}\n\nfn it_helps() {}\n"
        }
        "src/gate/next.rs" => "mod tests {\n    #[test]\n    fn it_leads() {}\n}\n",
        "tests/api/cli.rs" => "#[rstest]\n#[case(\"test]\")]\n#[tokio::test]\nasync fn it_runs(\n",
        "tests/api/link.rs" => {
            "contract_tests!(\n    link<$link>:\n    it_expires,\n);\nit_helps,\n"
        }
        "tests/pages/door.test.mjs" => {
            "test('it opens', () => {})\ntest(`to ${place}`, () => {})\n"
        }
        "docs/reference/settings.md" => "| `PORTCULLIS_DOCS` | `on` | shown |\n",
        _ => return None,
    };
    Some(text.to_owned())
}

/// Returns a rule as the page writes it.
fn rule(id: &str, evidence: &str) -> String {
    format!("\n### {id} a rule\n\n{evidence}\n\nSource: a source\n")
}

/// Returns a page with one section, A.
fn page(rules: &[&str]) -> String {
    format!("# A page\n\n## A. A section\n{}", rules.concat())
}

/// Returns what is wrong with a page that has only this rule.
fn faults_of(id: &str, evidence: &str) -> Vec<String> {
    faults(&page(&[&rule(id, evidence)]), &[('A', 1)], &small)
}

#[test]
fn rule_check_accepts_names_that_exist() {
    for evidence in [
        "`gate::it_stands`",
        "`gate::next::it_leads` and `cli::it_runs`",
        "`link::it_expires`",
        "`tests/pages/door.test.mjs: it opens`",
        "`tests/pages/door.test.mjs: to ${place}`",
        "`gate::it_stands`, `src/gate/next.rs`, `PORTCULLIS_DOCS=off`, `Session`",
    ] {
        assert_eq!(faults_of("A1 ★", evidence), [""; 0], "{evidence}");
    }
    assert_eq!(faults_of("A1", "a type"), [""; 0], "a rule without a star needs no test");
}

#[test]
fn rule_check_reports_names_that_do_not_exist() {
    for evidence in [
        "`gate::it_stand`",
        "`gate::it_stands_firm`",
        "`gate::it_helps`",
        "`link::it_helps`",
        "`gate::it_leads`",
        "`wall::it_stands`",
        "`tests/pages/door.test.mjs: it`",
        "`tests/pages/wall.test.mjs: it opens`",
        "`src/wall.rs`",
        "`PORTCULLIS_DOC`",
    ] {
        let faults = faults_of("A1", &format!("`gate::it_stands`, {evidence}"));
        assert_eq!(faults.len(), 1, "{evidence}: {faults:?}");
        assert!(faults[0].starts_with("A1: there is no "), "{faults:?}");
    }
}

#[test]
fn rule_check_reports_missing_duplicate_unknown_and_untested_rules() {
    let [a1, a2, b1] = ["A1", "A2", "B1"].map(|id| rule(id, "a type"));
    let faults_of_rules = |rules: &[&str]| faults(&page(rules), &[('A', 2)], &small);
    assert_eq!(faults_of_rules(&[&a2]), ["A1 has 0 rows"]);
    assert_eq!(faults_of_rules(&[&a1, &a2, &a2]), ["A2 has 2 rows"]);
    assert_eq!(faults_of_rules(&[&a1, &a2, &rule("A3", "a type")]), ["A3 is no rule"]);
    assert_eq!(faults_of_rules(&[&rule("A1 ★", "a type"), &a2]), ["A1 has a star and no test"]);
    // A rule in another letter's section, without a text, or without a source is not a rule.
    assert_eq!(faults_of_rules(&[&a1, &a2, &b1]), [""; 0]);
    let b_in_a = faults(&page(&[&b1]), &[('B', 1)], &small);
    assert_eq!(b_in_a, ["B1 has 0 rows"]);
    assert_eq!(faults_of_rules(&[&a1, &rule("A2", "")]), ["A2 has 0 rows"]);
    assert_eq!(faults_of_rules(&[&a1, &a2.replace("Source: a source\n", "")]), ["A2 has 0 rows"]);
}
