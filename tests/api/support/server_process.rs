//! The program itself, as a separate process.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use super::{Caller, anonymous, unlimited};

/// The timeout of a command.
const LONGEST: Duration = Duration::from_mins(1);

/// Returns the program with only these settings in its environment.
pub fn portcullis(folder: &Path, settings: &[(&str, &str)]) -> Command {
    with_clean_environment(Command::new(env!("CARGO_BIN_EXE_portcullis")), folder, settings)
}

/// Returns a command with only these settings in its environment.
pub fn with_clean_environment(
    mut command: Command,
    folder: &Path,
    settings: &[(&str, &str)],
) -> Command {
    command.env_clear().env("PORTCULLIS_LISTEN", "127.0.0.1:0").env("PORTCULLIS_LOG", "warn");
    command.envs(unlimited());
    command.envs(settings.iter().copied()).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end, with this text on its standard input.
pub fn run(folder: &Path, settings: &[(&str, &str)], arguments: &[&str], input: &str) -> Output {
    let mut child =
        portcullis(folder, settings).args(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    // A command that serves instead of exiting fails its own test, and does not block all others.
    let (ended, watched) = mpsc::channel::<()>();
    let id = child.id();
    thread::spawn(move || {
        if watched.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
            signal("KILL", id);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    output
}

fn signal(name: &str, process: u32) {
    let status = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(status.unwrap().success());
}

#[track_caller]
pub fn succeeds(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
pub fn fails(output: Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!errors.contains("panicked"), "{errors}");
    errors
}

/// A running server process, killed on drop.
pub struct ServerProcess {
    pub child: Child,
    pub banner: String,
    pub anonymous: Caller,
}

impl ServerProcess {
    pub fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::of(portcullis(folder, settings).spawn().unwrap())
    }

    /// Starts a server that logs much: its log goes to a file, since a pipe that is not read fills up.
    pub fn start_logging(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let log = File::create(folder.join("log")).unwrap();
        Self::of(portcullis(folder, settings).stderr(log).spawn().unwrap())
    }

    /// Wraps a child process that runs a server.
    pub fn of(mut child: Child) -> Self {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // An empty line ends the banner.
        let banner = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        let Some((_, rest)) = banner.split_once("listening on ") else {
            let mut errors = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                stderr.read_to_string(&mut errors).unwrap();
            }
            panic!("the server did not start: {errors}");
        };
        // The first, where it listens on several.
        let address = rest.split([' ', ')']).next().unwrap();
        let anonymous = anonymous(&format!("http://{address}"));
        Self { child, banner, anonymous }
    }

    /// Returns the link that it prints for its first admin.
    pub fn setup_link(&self) -> &str {
        let line = self.banner.lines().find(|line| line.contains("/setup#token="));
        let line = line.unwrap_or_else(|| panic!("no link in: {}", self.banner));
        line.split_whitespace().next_back().unwrap()
    }

    /// Returns its metrics, where they are enabled.
    pub async fn metrics(&self) -> String {
        let (_, address) =
            self.banner.split_once("metrics   ").expect("the metrics listener is enabled");
        let base = address.lines().next().unwrap().trim_end_matches("/metrics");
        anonymous(base).get("/metrics").await.text
    }

    pub fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
