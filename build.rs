//! Has cargo compile again when a folder that is embedded has changed.
//!
//! The compiler notes each file that it has read, and not that another has come: a new migration would be left out of
//! the program, which would still be reported as built.

/// Migrations, and the templates, styles and scripts that stand beside the code.
const EMBEDDED: [&str; 3] = ["migrations", "src", "askama.toml"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for path in EMBEDDED {
        println!("cargo::rerun-if-changed={path}");
    }
}
