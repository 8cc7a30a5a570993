//! Makes cargo rebuild when an embedded folder has changed.
//!
//! The compiler tracks the files that it has read, but not new ones: a new migration would be missing from the program,
//! which cargo would still report as up to date.

/// The migrations, and the templates, styles and scripts beside the code.
const EMBEDDED: [&str; 3] = ["migrations", "src", "askama.toml"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for path in EMBEDDED {
        println!("cargo::rerun-if-changed={path}");
    }
}
