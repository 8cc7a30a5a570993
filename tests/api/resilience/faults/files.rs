//! The permissions of the server's files, the lock by which one process owns them, and what happens when they
//! are deleted, replaced or owned by another user.

use std::{
    fs::{self, File, Permissions},
    io::Write,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use tempfile::TempDir;

use crate::support::*;

/// The id of a user other than root, who owns nothing.
const OTHER_USER: u32 = 4711;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).mode() & 0o777
}

fn make_folder(path: &Path, mode: u32) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Returns the program, to be run under an umask.
fn under_umask(umask: &str, home: &Path, arguments: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("umask {umask}; exec {} \"$@\"", env!("CARGO_BIN_EXE_portcullis"));
    shell.args(["-c", &script, "portcullis"]).args(arguments);
    with_clean_environment(shell, home, &[])
}

#[rstest]
#[case::that_takes_nothing("000")]
#[case::that_takes_everything("777")]
#[tokio::test]
async fn files_are_created_private_in_a_public_folder_under_any_umask(#[case] umask: &str) {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    make_folder(&data, 0o755);
    let server = ServerProcess::of(under_umask(umask, home.path(), &[]).spawn().unwrap());
    OutageProbe::sign_up(&server.anonymous).await;
    let outbox = data.join("outbox");
    let mail = || fs::read_dir(&outbox).unwrap().flatten().find(|file| is_mail(&file.path()));
    within_timeout(async {
        while mail().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(mode(&outbox), 0o700);
    for file in ["portcullis.db", "portcullis.db-wal", "portcullis.db-shm", "secret"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&mail().unwrap().path()), 0o600);
    assert!(!server.banner.contains("other users"), "{}", server.banner);
    let backup = under_umask(umask, home.path(), &["backup", "copy"]).output().unwrap();
    succeeds(backup);
    assert_eq!(mode(&home.path().join("copy")), 0o600);
}

fn is_mail(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "eml")
}

#[test]
fn migrate_command_creates_a_private_database_behind_a_symlink() {
    let home = TempDir::new().unwrap();
    for folder in ["data", "volume"] {
        make_folder(&home.path().join(folder), 0o755);
    }
    let target = home.path().join("volume/accounts.db");
    symlink("../volume/accounts.db", home.path().join("data/portcullis.db")).unwrap();
    let migrated = under_umask("000", home.path(), &["migrate"]).output().unwrap();
    assert!(succeeds(migrated).contains("Applied"));
    assert_eq!(mode(&target), 0o600);
}

#[tokio::test]
async fn banner_names_files_that_other_users_can_read_and_the_remedy() {
    let home = TempDir::new().unwrap();
    drop(ServerProcess::start(home.path(), &[]));
    let data = home.path().join("data");
    let mail = data.join("outbox/old.eml");
    fs::write(&mail, "a link").unwrap();
    for (path, mode) in [
        (data.clone(), 0o755),
        (data.join("portcullis.db"), 0o644),
        (data.join("secret"), 0o640),
        (data.join("outbox"), 0o755),
        (mail, 0o604),
    ] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let server = ServerProcess::start(home.path(), &[]);
    for warning in [
        "other users can read data/portcullis.db (mode 0644): chmod 600 data/portcullis.db",
        "other users can read data/secret (mode 0640): chmod 600 data/secret",
        "other users can read data/outbox (mode 0755): chmod 700 data/outbox",
        "other users can read data/outbox/old.eml (mode 0604): chmod 600 data/outbox/old.eml",
    ] {
        assert!(server.banner.contains(warning), "{warning}: {}", server.banner);
    }
    drop(server);
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    let server = ServerProcess::start(home.path(), &[]);
    assert!(!server.banner.contains("can read data/portcullis.db"), "{}", server.banner);
}

fn database(home: &Path, name: &str) -> String {
    format!("sqlite:{}", home.join(name).display())
}

#[tokio::test]
async fn second_server_on_a_linked_path_of_the_same_file_fails_to_start() {
    let home = TempDir::new().unwrap();
    let at = |name: &str| home.path().join(name);
    make_folder(&at("real"), 0o700);
    make_folder(&at("elsewhere"), 0o700);
    symlink("real", at("folder-link")).unwrap();
    let first = ServerProcess::start(
        home.path(),
        &[("DATABASE_URL", &database(home.path(), "real/app.db"))],
    );
    let probe = OutageProbe::sign_up(&first.anonymous).await;
    symlink("../real/app.db", at("elsewhere/linked.db")).unwrap();
    fs::hard_link(at("real/app.db"), at("elsewhere/hard.db")).unwrap();
    for name in ["real/app.db", "folder-link/app.db", "elsewhere/linked.db", "elsewhere/hard.db"] {
        let url = database(home.path(), name);
        let refusal = fails(run(home.path(), &[("DATABASE_URL", &url)], &[], ""));
        assert!(refusal.contains("another server is running on this file"), "{name}: {refusal}");
        assert_eq!(refusal.lines().count(), 1, "{refusal}");
    }
    probe.assert_recovered().await;
}

#[tokio::test]
async fn servers_on_files_that_differ_in_extension_do_not_block_each_other() {
    let home = TempDir::new().unwrap();
    let servers = ["app.test", "app.prod", "app.lock"].map(|name| {
        ServerProcess::start(home.path(), &[("DATABASE_URL", &database(home.path(), name))])
    });
    for server in &servers {
        OutageProbe::sign_up(&server.anonymous).await;
    }
}

#[tokio::test]
async fn database_named_like_a_lock_file_keeps_its_data() {
    let home = TempDir::new().unwrap();
    let url = database(home.path(), "app.lock");
    let server = ServerProcess::start(home.path(), &[("DATABASE_URL", &url)]);
    let probe = OutageProbe::sign_up(&server.anonymous).await;
    server.signal("TERM");
    assert!(server.wait().success());
    let server = ServerProcess::start(home.path(), &[("DATABASE_URL", &url)]);
    probe.at(&server.anonymous).assert_recovered().await;
}

#[test]
fn server_and_commands_do_not_start_beside_an_older_version() {
    let home = TempDir::new().unwrap();
    make_folder(&home.path().join("data"), 0o700);
    let lock_file = home.path().join("data/portcullis.lock");
    // As version 0.2 does.
    let older = File::create(&lock_file).unwrap();
    older.try_lock().unwrap();
    for command in [&[] as &[&str], &["migrate"], &["user", "list"]] {
        let refusal = fails(run(home.path(), &[], command, ""));
        assert!(refusal.contains("an older Portcullis server is running"), "{refusal}");
        assert!(refusal.contains("stop it first"), "{refusal}");
        assert_eq!(refusal.lines().count(), 1, "{refusal}");
    }
    assert!(!home.path().join("data/portcullis.db").exists());
    // Closing is not enough: a child that another test has just forked may hold a copy of the descriptor for a
    // moment.
    older.unlock().unwrap();
    let server = ServerProcess::start(home.path(), &[]);
    let older = File::create(&lock_file).unwrap();
    assert!(older.try_lock().is_err(), "an older version does not start beside a newer one");
    succeeds(run(home.path(), &[], &["user", "list"], ""));
    drop(server);
}

/// POSIX locks are dropped when any descriptor of the file is closed anywhere in the process.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn sqlite_file_locks_are_held_while_the_server_runs() {
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start(home.path(), &[]);
    let probe = OutageProbe::sign_up(&server.anonymous).await;
    server.anonymous.get("/health/ready").await.expect(200);
    succeeds(run(home.path(), &[], &["backup", "copy"], ""));
    probe.assert_recovered().await;
    let inode = fs::metadata(home.path().join("data/portcullis.db")).unwrap().ino();
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let (process, inode) = (format!(" {} ", server.child.id()), format!(":{inode} "));
    for kind in ["FLOCK", "POSIX"] {
        let is_held =
            |line: &&str| line.contains(kind) && line.contains(&process) && line.contains(&inode);
        assert!(locks.lines().find(is_held).is_some(), "{kind}: {locks}");
    }
}

/// Whether the log of a server has this text exactly once.
fn logged_once(home: &Path, text: &str) -> bool {
    fs::read_to_string(home.join("log")).unwrap().matches(text).count() == 1
}

const LOST: &str = "the database file was deleted or replaced";

async fn is_not_served(server: &ServerProcess, probe: &OutageProbe) {
    for _ in 0..3 {
        server.anonymous.get("/health/ready").await.assert_problem(503, "store_unavailable");
        let write = probe.script.delete(CURRENT_TOKEN).await;
        write.assert_problem(503, "store_unavailable");
    }
    // Cached credentials are gone when the lease ends.
    within_timeout(async {
        while probe.browser.get("/api/me").await.status != 503 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn deleted_data_folder_acknowledges_nothing_and_fails_readiness() {
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start_logging(home.path(), &[]);
    let probe = OutageProbe::sign_up(&server.anonymous).await;
    server.anonymous.get("/health/ready").await.expect(200);
    let data = home.path().join("data");
    // The server may create a file while its folder is being deleted.
    (0..100).find(|_| fs::remove_dir_all(&data).is_ok()).expect("the folder can be deleted");
    is_not_served(&server, &probe).await;
    assert!(logged_once(home.path(), LOST));
}

#[rstest]
#[case::the_database("portcullis.db")]
#[case::its_log("portcullis.db-wal")]
#[tokio::test]
async fn replaced_database_file_acknowledges_nothing_until_it_is_restored(#[case] name: &str) {
    let home = TempDir::new().unwrap();
    let server = ServerProcess::start_logging(home.path(), &[]);
    let probe = OutageProbe::sign_up(&server.anonymous).await;
    let file = home.path().join("data").join(name);
    let (kept, other) = (file.with_extension("kept"), file.with_extension("other"));
    fs::copy(&file, &other).unwrap();
    fs::rename(&file, &kept).unwrap();
    fs::rename(&other, &file).unwrap();
    is_not_served(&server, &probe).await;
    fs::rename(&kept, &file).unwrap();
    probe.assert_recovered().await;
    assert!(logged_once(home.path(), LOST));
}

/// Returns the program, to be run as a user other than the owner of the files, if this process is root and may
/// change users.
fn as_other_user(home: &Path) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: only root can run the program as another user");
        return None;
    }
    fs::set_permissions(home, Permissions::from_mode(0o755)).unwrap();
    let program = home.join("program");
    if !program.exists() {
        // If this process copied it, the copy would be open for writing in any child that another test forks
        // meanwhile, and could not be executed (ETXTBSY).
        let copied =
            Command::new("cp").arg(env!("CARGO_BIN_EXE_portcullis")).arg(&program).status();
        assert!(copied.unwrap().success());
    }
    let mut command = with_clean_environment(Command::new(program), home, &[]);
    command.uid(OTHER_USER).gid(OTHER_USER);
    Some(command)
}

#[track_caller]
fn names_owner_and_remedy(output: Output, path: &str, owner: u32, mode: &str) {
    let refusal = fails(output);
    assert_eq!(refusal.lines().count(), 1, "{refusal}");
    for part in [
        format!("{path} belongs to uid {owner} (mode {mode})"),
        format!("runs as uid {OTHER_USER}"),
        format!("chown {OTHER_USER} {path}"),
    ] {
        assert!(refusal.contains(&part), "{part}: {refusal}");
    }
}

#[rstest]
#[case::the_database("portcullis.db", "0600")]
#[case::its_log("portcullis.db-wal", "0600")]
#[case::its_shared_memory("portcullis.db-shm", "0640")]
#[case::the_signing_secret("secret", "0600")]
#[case::the_outbox("outbox", "0700")]
#[test]
fn start_with_a_file_of_another_user_fails_with_owner_mode_and_remedy(
    #[case] name: &str,
    #[case] mode: &str,
) {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    make_folder(&data, 0o755);
    let path = data.join(name);
    match name {
        // What a command that was run as root leaves behind.
        "portcullis.db" => drop(succeeds(run(home.path(), &[], &["migrate"], ""))),
        "outbox" => make_folder(&path, 0o700),
        _ => fs::write(&path, "").unwrap(),
    }
    fs::set_permissions(&path, Permissions::from_mode(u32::from_str_radix(mode, 8).unwrap()))
        .unwrap();
    let _ = chown(&data, Some(OTHER_USER), Some(OTHER_USER));
    let Some(output) = refusal_to_other_user(home.path()) else { return };
    names_owner_and_remedy(output, &format!("data/{name}"), 0, mode);
}

#[test]
fn start_in_a_folder_of_another_user_fails_and_names_it() {
    let home = TempDir::new().unwrap();
    let Some(output) = refusal_to_other_user(home.path()) else { return };
    names_owner_and_remedy(output, ".", 0, "0755");
    make_folder(&home.path().join("data"), 0o755);
    let output = refusal_to_other_user(home.path()).unwrap();
    names_owner_and_remedy(output, "data", 0, "0755");
}

#[rstest]
#[case::the_signing_secret("PORTCULLIS_SECRET_FILE")]
#[case::the_database_url("DATABASE_URL_FILE")]
#[case::the_mail_servers_url("PORTCULLIS_SMTP_URL_FILE")]
#[test]
fn unreadable_file_of_a_setting_fails_with_owner_mode_and_remedy(#[case] setting: &str) {
    let home = TempDir::new().unwrap();
    let _ = as_other_user(home.path());
    fs::write(home.path().join("file"), "x").unwrap();
    fs::set_permissions(home.path().join("file"), Permissions::from_mode(0o600)).unwrap();
    make_folder(&home.path().join("data"), 0o777);
    let Some(mut command) = as_other_user(home.path()) else { return };
    let refusal = command.env(setting, "file").output().unwrap();
    assert!(String::from_utf8_lossy(&refusal.stderr).contains(setting));
    names_owner_and_remedy(refusal, "file", 0, "0600");
    let missing = fails(run(home.path(), &[(setting, "missing")], &[], ""));
    assert!(missing.contains(&format!("{setting} names missing: No such file")), "{missing}");
    assert!(missing.contains("correct the path"), "{missing}");
    let folder = fails(run(home.path(), &[(setting, "data")], &[], ""));
    assert!(folder.contains("data is a folder (uid 0, mode 0777)"), "{folder}");
}

#[test]
fn privileged_port_without_permission_fails_with_user_and_remedy() {
    let home = TempDir::new().unwrap();
    make_folder(&home.path().join("data"), 0o777);
    let Some(mut command) = as_other_user(home.path()) else { return };
    let refusal = fails(command.env("PORTCULLIS_LISTEN", "127.0.0.1:80").output().unwrap());
    for part in ["127.0.0.1:80", &format!("uid {OTHER_USER}"), "below 1024", "PORTCULLIS_LISTEN"] {
        assert!(refusal.contains(part), "{refusal}");
    }
    assert_eq!(refusal.lines().count(), 1, "{refusal}");
}

#[test]
fn file_in_place_of_a_folder_or_the_reverse_fails_with_owner_and_mode() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("data"), "x").unwrap();
    fs::set_permissions(home.path().join("data"), Permissions::from_mode(0o644)).unwrap();
    let owner = fs::metadata(home.path().join("data")).unwrap().uid();
    make_folder(&home.path().join("folder"), 0o755);
    for command in [&["serve"][..], &["migrate"]] {
        let refusal = fails(run(home.path(), &[], command, ""));
        let says = format!("data is a file (uid {owner}, mode 0644), and a folder is needed");
        assert!(refusal.contains(&says), "{refusal}");
        assert_eq!(refusal.lines().count(), 1, "{refusal}");
        let in_folder = [("DATABASE_URL", "sqlite:folder")];
        let refusal = fails(run(home.path(), &in_folder, command, ""));
        let says = format!("folder is a folder (uid {owner}, mode 0755), and a file is needed");
        assert!(refusal.contains(&says), "{refusal}");
    }
}

#[test]
fn command_run_by_root_leaves_files_usable_by_the_server() {
    let home = TempDir::new().unwrap();
    let Some(mut migrate) = as_other_user(home.path()) else { return };
    let data = home.path().join("data");
    make_folder(&data, 0o755);
    chown(&data, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    succeeds(migrate.arg("migrate").output().unwrap());
    let mut server = as_other_user(home.path()).unwrap();
    let server = ServerProcess::of(server.spawn().unwrap());
    drop(server);
    // Killed: root is the first to open the files that it leaves.
    let create = ["user", "create", "--name", "Ada", "--email", "ada@example.com"];
    succeeds(run(home.path(), &[], &create, PASSWORD));
    ServerProcess::of(as_other_user(home.path()).unwrap().spawn().unwrap());
}

/// Returns the program's output when another user runs it, or ends it where it serves instead.
fn refusal_to_other_user(home: &Path) -> Option<Output> {
    let program = as_other_user(home)?.get_program().to_owned();
    let mut command = Command::new("timeout");
    command.arg("20").arg(program);
    let mut command = with_clean_environment(command, home, &[]);
    Some(command.uid(OTHER_USER).gid(OTHER_USER).output().unwrap())
}
