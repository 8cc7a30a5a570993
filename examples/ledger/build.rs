//! Makes cargo rebuild when a migration was added: the compiler tracks only the files that it has read.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
}
