//! PgBouncer in front of a test's database.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use tempfile::TempDir;

use crate::support::{as_ordinary_user, within_timeout};

/// Runs until its standard input closes, which happens however the test process ends.
const SCRIPT: &str = r#""$1" -q "$2" & read -r _ || true; kill -INT $!; wait"#;

/// A PgBouncer process, stopped on drop.
pub struct PgBouncer {
    child: Child,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts PgBouncer with these lines of configuration, and returns the URL of the database through it.
    pub async fn before(url: &str, settings: &[&str]) -> (Self, String) {
        let mut url = url::Url::parse(url).unwrap();
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let password = match url.password() {
            Some(password) => format!(" password={password}"),
            None => String::new(),
        };
        let configuration = format!(
            "[databases]\n* = host={} port={} user={}{password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\n{}\n",
            url.host_str().unwrap(),
            url.port().unwrap_or(5432),
            url.username(),
            settings.join("\n"),
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, configuration).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let child = as_ordinary_user()
            .args(["sh", "-c", SCRIPT, "sh"])
            .args([&program(), &file])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()
            .expect("PgBouncer is started by a shell");
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(port)).unwrap();
        within_timeout(async {
            while tokio_postgres::connect(url.as_str(), tokio_postgres::NoTls).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        })
        .await;
        (Self { child, _folder: folder }, url.into())
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Returns the path of the program: Debian installs it in a folder that only root's PATH has.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned()])
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.exists())
        .expect("PgBouncer is not installed, and these tests need it: `apt-get install pgbouncer`")
}
