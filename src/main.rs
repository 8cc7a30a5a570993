//! Portcullis as it is shipped: the library, an example of a resource, and the command that creates products.

mod new;
mod projects;

use std::process::ExitCode;

use portcullis::product::Product;

/// Replaces glibc's allocator, which does not return the memory of a burst of password hashing: 19 MiB a hash,
/// for each thread and several times over.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Product::new("Portcullis", env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .license(env!("CARGO_PKG_LICENSE"))
        .with(projects::component())
        .with_command(new::command(), new::run)
        .run()
}
