//! What is built, and from which files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::support::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Cargo stores the output of the build script beside its folder.
#[test]
fn build_script_watches_every_embedded_folder() {
    let printed = fs::read_to_string(Path::new(env!("OUT_DIR")).join("../output")).unwrap();
    let watched: BTreeSet<_> =
        printed.lines().filter_map(|line| line.strip_prefix("cargo::rerun-if-changed=")).collect();
    for path in &watched {
        assert!(
            root().join(path).exists(),
            "{path} is watched but missing, so cargo would always build"
        );
    }
    let mut embedded = BTreeSet::from(["build.rs".to_owned(), "askama.toml".to_owned()]);
    for file in crate::operations::events::sources(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        for (_, argument) in text
            .match_indices("embed_migrations!(\"")
            .map(|(at, found)| (at, text[at + found.len()..].split('"').next().unwrap().to_owned()))
        {
            embedded.insert(argument);
        }
        for call in ["include_str!(\"", "include_bytes!(\""] {
            for (at, _) in text.match_indices(call) {
                let name = text[at + call.len()..].split('"').next().unwrap();
                let path = file.parent().unwrap().join(name);
                embedded.insert(path.strip_prefix(root()).unwrap().display().to_string());
            }
        }
    }
    assert!(embedded.len() > 6, "{embedded:?}");
    for path in embedded {
        let is_watched = watched.iter().any(|folder| Path::new(&path).starts_with(folder));
        assert!(is_watched, "build.rs does not name {path}: {watched:?}");
    }
}

#[apply(on_both_databases)]
async fn every_migration_is_embedded_and_applied(backend: Backend) {
    let server = backend.start().await;
    let folder = match backend {
        Backend::Sqlite => "sqlite",
        Backend::Postgres => "postgres",
    };
    let versions: BTreeSet<_> = migration_folders(folder)
        .iter()
        .map(|folder| folder.file_name().unwrap().to_str().unwrap())
        .map(|name| name.split('_').next().unwrap().replace('-', ""))
        .collect();
    let applied = "SELECT version AS value FROM __diesel_schema_migrations";
    let applied: BTreeSet<_> = select(&server, applied).await.into_iter().collect();
    assert_eq!(applied, versions);
}

/// Docker sends a path of the checkout only where `.dockerignore` names it again.
#[test]
fn docker_build_context_holds_only_files_that_the_build_reads() {
    let text = fs::read_to_string(root().join(".dockerignore")).unwrap();
    let mut rules = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    assert_eq!(rules.next(), Some("*"));
    let allowed: BTreeSet<_> = rules.map(|rule| rule.strip_prefix("!/").expect(rule)).collect();
    let read =
        [".cargo", "Cargo.lock", "Cargo.toml", "askama.toml", "build.rs", "migrations", "src"];
    assert_eq!(allowed, BTreeSet::from(read));
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    for line in dockerfile.lines().filter(|line| line.starts_with("FROM ")) {
        let image = line.split_whitespace().nth(1).unwrap();
        let tag = image.split_once(':').map(|(_, tag)| tag).unwrap_or_default();
        assert!(tag.contains('.'), "{image} is not pinned to one version");
    }
    assert!(
        dockerfile.contains("-exec touch"),
        "the Dockerfile does not touch sources older than the cache"
    );
}
