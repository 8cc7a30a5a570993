//! A temporary PostgreSQL server, deleted when this process ends.

use std::{
    fs, io,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// PostgreSQL with its default settings, `fsync` included. The server stops when the script's standard input
/// closes, which happens however this process ends.
const SCRIPT: &str = r#"
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$1/initdb" -D "$dir/data" -U portcullis -A trust -E UTF8 >"$dir/initdb.log" 2>&1
"$1/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p "$2" >"$dir/postgres.log" 2>&1 </dev/null &
echo "$dir"
read -r _ || true
kill -INT $!
wait
"#;

pub struct Cluster {
    /// The URL over TCP.
    pub tcp: String,
    /// The URL over a Unix socket.
    pub socket: String,
    process: Child,
}

impl Cluster {
    /// Starts the server, and waits until it accepts connections.
    pub fn start() -> io::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut process = as_ordinary_user()
            .args(["sh", "-c", SCRIPT, "sh"])
            .arg(binaries()?)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .current_dir("/")
            .spawn()?;
        let mut folder = String::new();
        if let Some(output) = process.stdout.take() {
            io::BufRead::read_line(&mut io::BufReader::new(output), &mut folder)?;
        }
        for _ in 0..300 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        thread::sleep(Duration::from_secs(1));
        Ok(Self {
            tcp: format!("postgres://portcullis@127.0.0.1:{port}/postgres"),
            socket: format!("postgres://portcullis@/postgres?host={}&port={port}", folder.trim()),
            process,
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Runs PostgreSQL, which refuses to run as root, as the user that Debian's package creates.
fn as_ordinary_user() -> Command {
    let id = Command::new("id").arg("-u").output();
    if id.is_ok_and(|id| id.stdout.trim_ascii() == b"0") {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]);
        return command;
    }
    Command::new("env")
}

/// Returns the folder of PostgreSQL's programs, which Debian keeps off the PATH.
fn binaries() -> io::Result<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .map(|entry| entry.path().join("bin"))
        .chain(std::env::split_paths(&path))
        .find(|folder| ["initdb", "postgres"].iter().all(|name| folder.join(name).exists()))
        .ok_or_else(|| io::Error::other("PostgreSQL is not installed: apt-get install postgresql"))
}
