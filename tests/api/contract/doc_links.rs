//! Checks the links and commands in the documentation: each must refer to something that exists.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Pages about the past, whose commands may have been removed.
const HISTORY: [&str; 1] = ["CHANGELOG.md"];

/// What a page refers to.
#[derive(Default)]
struct Page {
    links: Vec<String>,
    /// The anchors of its headings.
    anchors: Vec<String>,
    /// The lines of its blocks of shell commands.
    commands: Vec<String>,
    /// Its inline code.
    codes: Vec<String>,
}

/// Parses a page.
fn page(text: &str) -> Page {
    let mut page = Page::default();
    let (mut heading, mut shell) = (None::<String>, None::<String>);
    let mut seen = BTreeMap::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap());
                let earlier: &mut usize = seen.entry(anchor.clone()).or_default();
                page.anchors.push(match *earlier {
                    0 => anchor,
                    number => format!("{anchor}-{number}"),
                });
                *earlier += 1;
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(kind))) if &*kind == "sh" => {
                shell = Some(String::new());
            }
            Event::End(TagEnd::CodeBlock) => {
                let commands = shell.take().unwrap_or_default().replace("\\\n", " ");
                page.commands.extend(commands.lines().map(str::to_owned));
            }
            Event::Text(text) => {
                if let Some(place) = shell.as_mut().or(heading.as_mut()) {
                    place.push_str(&text);
                }
            }
            Event::Code(code) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&code);
                }
                page.codes.push(code.into_string());
            }
            _ => {}
        }
    }
    page
}

/// Returns the anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || "-_ ".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// Reads a file or folder by its path from the root of the repository. The text of a folder is empty.
type Read<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Resolves a link on a page to a path from the root.
fn target(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn link_fault(path: &str, link: &str, read: &Read<'_>) -> Option<String> {
    if ["https://", "http://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
        return None;
    }
    let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
    let file = if file.is_empty() { path.to_owned() } else { target(path, file) };
    let Some(text) = read(&file) else { return Some(format!("{path}: there is no {file}")) };
    let is_there = fragment.is_empty() || page(&text).anchors.iter().any(|it| it == fragment);
    (!is_there).then(|| format!("{path}: {file} has no heading #{fragment}"))
}

/// The names that commands may use.
struct Known {
    portcullis: clap::Command,
    recipes: Vec<String>,
    stages: Vec<String>,
}

impl Known {
    fn of(justfile: &str, ci: &str) -> Self {
        let mut portcullis = crate::support::product().command();
        portcullis.build();
        let recipes =
            justfile.lines().filter(|line| line.contains(':') && !line.starts_with([' ', '#']));
        let recipes = recipes.filter_map(|line| line.split([' ', ':']).next().map(str::to_owned));
        let stages =
            ci.lines().filter_map(|line| line.split_once("() {").map(|it| it.0.to_owned()));
        Self { portcullis, recipes: recipes.collect(), stages: stages.collect() }
    }

    /// Returns what is wrong with a line of shell commands.
    fn fault(&self, line: &str) -> Option<String> {
        let line = line.split(" #").next().unwrap_or_default();
        let separators: &[_] = &['|', ';', '&', '(', ')', '<', '>'];
        line.split(separators).find_map(|command| self.command_fault(command))
    }

    fn command_fault(&self, command: &str) -> Option<String> {
        let is_assignment = |word: &&str| {
            word.split_once('=').is_some_and(|(name, _)| {
                name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
            })
        };
        let words = command.split_whitespace().map(|word| word.trim_matches(['"', '\'', '…']));
        let mut words = words.skip_while(is_assignment).filter(|word| !word.is_empty());
        let program = words.next()?;
        let rest: Vec<&str> = words.collect();
        match program {
            "just" => {
                let recipe = rest.first().filter(|word| !word.starts_with('-'))?;
                let is_known = self.recipes.iter().any(|it| it == recipe);
                (!is_known).then(|| format!("there is no recipe {recipe}"))
            }
            ".ci/run" => {
                let unknown = rest.iter().find(|word| !self.stages.iter().any(|it| it == *word))?;
                Some(format!(".ci/run has no stage {unknown}"))
            }
            "docker" => {
                let at = rest.iter().rposition(|word| *word == "portcullis")?;
                rest.contains(&"exec").then(|| self.portcullis_fault(&rest[at + 1..]))?
            }
            "cargo" if rest.first() == Some(&"run") && !rest.contains(&"--manifest-path") => {
                let at = rest.iter().position(|word| *word == "--")?;
                self.portcullis_fault(&rest[at + 1..])
            }
            _ if program.rsplit('/').next() == Some("portcullis") => self.portcullis_fault(&rest),
            _ => None,
        }
    }

    /// Returns what is wrong with the arguments of `portcullis`.
    fn portcullis_fault(&self, words: &[&str]) -> Option<String> {
        let mut command = &self.portcullis;
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            if let Some(flag) = word.strip_prefix("--") {
                let (flag, value) =
                    flag.split_once('=').map_or((flag, None), |it| (it.0, Some(it.1)));
                let argument =
                    command.get_arguments().find(|argument| argument.get_long() == Some(flag));
                let Some(argument) = argument else {
                    return Some(format!("`{command}` takes no --{flag}"));
                };
                if value.is_none() && argument.get_action().takes_values() {
                    words.next();
                }
            } else if command.has_subcommands() {
                match command.find_subcommand(word) {
                    Some(below) => command = below,
                    None => return Some(format!("`{command}` has no command {word}")),
                }
            }
        }
        None
    }

    /// Returns what is wrong with inline code.
    fn code_fault(&self, path: &str, code: &str, read: &Read<'_>) -> Option<String> {
        let roots = ["src/", "tests/", "docs/", "migrations/", "bench/", ".ci/"];
        if roots.iter().any(|root| code.starts_with(root))
            && !code.contains(['*', '<', '{', ' ', '…'])
        {
            let file = code.trim_end_matches('/');
            // A page about products names files of theirs.
            let in_product = format!("examples/ledger/{file}");
            let places = [file.to_owned(), target(path, file), in_product];
            let is_there = places.iter().any(|place| read(place).is_some());
            return (!is_there).then(|| format!("there is no {code}"));
        }
        if code.starts_with("PORTCULLIS_") {
            let name = code.split(['=', ' ']).next().unwrap_or_default();
            let mut commands = vec![&self.portcullis];
            commands.extend(self.portcullis.get_subcommands());
            let mut arguments = commands.iter().flat_map(|command| command.get_arguments());
            let is_known = name.ends_with(['_', '*', '…'])
                || arguments.any(|argument| argument.get_env().is_some_and(|env| env == name));
            return (!is_known).then(|| format!("there is no setting {name}"));
        }
        let is_command =
            ["portcullis ", "just ", ".ci/run "].iter().any(|start| code.starts_with(start));
        is_command.then(|| self.fault(code)).flatten()
    }
}

fn faults(path: &str, text: &str, known: &Known, read: &Read<'_>) -> Vec<String> {
    let page = page(text);
    let mut faults: Vec<String> =
        page.links.iter().filter_map(|link| link_fault(path, link, read)).collect();
    if !HISTORY.contains(&path) {
        let commands = page.commands.iter().filter_map(|line| known.fault(line));
        let codes = page.codes.iter().filter_map(|code| known.code_fault(path, code, read));
        faults.extend(commands.chain(codes).map(|fault| format!("{path}: {fault}")));
    }
    faults
}

fn markdown(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { markdown(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    files
}

fn in_this_repository(path: &str) -> Option<String> {
    let file = Path::new(ROOT).join(path);
    if file.is_dir() { Some(String::new()) } else { fs::read_to_string(file).ok() }
}

#[test]
fn documentation_links_and_commands_all_resolve() {
    let file = |path: &str| in_this_repository(path).expect(path);
    let known = Known::of(&file("justfile"), &file(".ci/run"));
    let mut pages: BTreeMap<String, String> = BTreeMap::new();
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "bench/README.md"];
    pages.extend(top.map(|path| (path.to_owned(), file(path))));
    for path in markdown(&Path::new(ROOT).join("docs")) {
        let path = path.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned();
        let text = file(&path);
        pages.insert(path, text);
    }
    let links: usize = pages.values().map(|text| page(text).links.len()).sum();
    assert!(pages.len() > 20 && links > 100, "{} pages, {links} links", pages.len());
    let index = page(&pages["docs/README.md"]).links;
    for path in pages.keys().filter_map(|path| path.strip_prefix("docs/")) {
        let is_listed = path == "README.md" || index.iter().any(|link| link == path);
        assert!(is_listed, "docs/README.md does not list {path}");
    }
    let faults: Vec<String> = pages
        .iter()
        .flat_map(|(path, text)| faults(path, text, &known, &in_this_repository))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Returns what is wrong with a page of a small repository.
fn faults_of(text: &str) -> Vec<String> {
    let known = Known::of("test *arguments:\n    cargo test\n", "clippy() {\n}\n");
    let read = |path: &str| match path {
        "docs/page.md" => Some(text.to_owned()),
        "docs/other.md" => Some("# One `thing`, or two\n\n## Again\n\n## Again\n".to_owned()),
        "src" | "src/gate.rs" | "README.md" | "examples/ledger/src/own.rs" => Some(String::new()),
        _ => None,
    };
    faults("docs/page.md", text, &known, &read)
}

#[test]
fn link_check_accepts_links_and_commands_that_exist() {
    for text in [
        "[a](other.md) [b](../README.md) [c](https://example.com/nothing) [d](../src/)",
        "[a](other.md#one-thing-or-two) [b](other.md#again-1) [c](#here)\n\n# Here",
        "```sh\nA=1 target/release/portcullis user create --admin --email a@example.com < file\n```",
        "```sh\necho x | sudo portcullis\ncargo run --release -- openapi | head\njust test\n```",
        "```rust\nportcullis nothing\n```",
        "`portcullis user list`, `PORTCULLIS_DOCS=off`, `src/gate.rs`, `src/own.rs`, `just test gate::`",
        "`.ci/run clippy`, `src/<word>.rs`, `PORTCULLIS_LIMIT_*`",
    ] {
        assert_eq!(faults_of(text), [""; 0], "{text}");
    }
}

#[test]
fn link_check_reports_links_and_commands_that_do_not_exist() {
    for text in [
        "[a](nothing.md)",
        "[a](../other.md)",
        "[a](other.md#two)",
        "[a](other.md#again-2)",
        "[a](#here)",
        "| a |\n| --- |\n| [a](nothing.md) |",
        "```sh\nportcullis user make\n```",
        "```sh\nmake; portcullis user create --nothing\n```",
        "```sh\ncargo run -- nothing\n```",
        "```sh\ndocker compose exec portcullis portcullis nothing\n```",
        "```sh\njust nothing\n```",
        "```sh\n.ci/run clippy nothing\n```",
        "`portcullis nothing`",
        "`PORTCULLIS_NOTHING=on`",
        "`src/nothing.rs`",
    ] {
        assert_eq!(faults_of(text).len(), 1, "{text}: {:?}", faults_of(text));
    }
}
