//! Generated files that are committed, so that a change is seen in a review.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Returns the path of a file beside a source file, which the compiler names relative to the workspace.
#[doc(hidden)]
pub fn beside(package: &str, source: &str, name: &str) -> PathBuf {
    let sources = Path::new(package).ancestors().map(|folder| folder.join(source));
    let source = sources.into_iter().find(|path| path.exists()).expect("the source of the test");
    source.with_file_name(name)
}

/// Asserts that a file is what the product generates. With `UPDATE_GENERATED=1` in the environment, it is written instead.
///
/// # Panics
/// When the file differs; the message has the first line that does.
#[track_caller]
pub fn assert_generated(file: impl AsRef<Path>, generated: &str) {
    let file = file.as_ref();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(file, generated).unwrap();
        return;
    }
    let committed = fs::read_to_string(file).unwrap_or_default();
    if committed == generated {
        return;
    }
    let (mut before, mut after) = (committed.lines(), generated.lines());
    let mut number = 0;
    let (old, new) = loop {
        number += 1;
        match (before.next(), after.next()) {
            (old, new) if old == new && old.is_some() => {}
            (old, new) => break (old, new),
        }
    };
    panic!(
        "{} is not what the product generates. Line {number} is\n  {}\nand should be\n  {}\nIf the change is \
         intended, run the test with UPDATE_GENERATED=1 and commit the file.",
        file.display(),
        old.unwrap_or("(the end)"),
        new.unwrap_or("(the end)"),
    );
}
