//! Measures the program as a process: its start, memory, sign-ins, and rows on disk.

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::load;

/// How many users sign in at the same time.
const AT_ONCE: usize = 16;
const PASSWORD: &str = "correct horse battery staple";

/// A running server process, killed on drop.
struct Running {
    child: Child,
    url: String,
    took: Duration,
}

impl Running {
    fn start(program: &Path, data: &Path, settings: &[&str]) -> Result<Self, Box<dyn Error>> {
        let begun = Instant::now();
        let mut child = Command::new(program)
            .env_clear()
            .args(["--listen", "127.0.0.1:0", "--limit-sign-in", "off", "--limit-requests", "off"])
            .args(["--log", "off", "--data-dir"])
            .arg(data)
            .args(settings)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("it says nothing")?;
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("listening on ")).ok_or("it does not start")?;
        let took = begun.elapsed();
        let address = line.rsplit("listening on ").next().unwrap_or_default();
        let address = address.split([' ', ')']).next().unwrap_or_default();
        // The rest of the output must be read, so that the pipe does not fill up.
        thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, url: format!("http://{address}"), took })
    }

    /// Returns a line of `/proc/PID/status` in MiB: `VmRSS` for the memory in use, `VmHWM` for its peak.
    fn memory(&self, line: &str) -> Result<f64, Box<dyn Error>> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let found = text.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let kib = found.and_then(|text| text.split_whitespace().next()).ok_or("no such line")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Measures a program, and writes a table. `people` holds a database with this many users who have a session
/// and a token each, the secret that signs their cookies, and the file of those cookies.
pub fn measure(
    program: &Path,
    folder: &Path,
    people: (&Path, &str, &Path, usize),
) -> Result<(), Box<dyn Error>> {
    println!("\n### The program\n\n| | |\n| --- | --: |");
    let data: Vec<PathBuf> = (0..5).map(|number| folder.join(format!("new-{number}"))).collect();
    for name in ["to the first request, with a new database", "with one that is there"] {
        let mut times = Vec::new();
        for data in &data {
            times.push(Running::start(program, data, &[])?.took.as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!("| start, {name} | {:.0} ms |", times[2]);
    }

    let server = Running::start(program, &data[0], &["--workers", "2"])?;
    thread::sleep(Duration::from_secs(3));
    println!("| memory, idle | {:.0} MiB |", server.memory("VmRSS")?);
    // Many accounts, since the login throttle admits no more concurrent attempts on one account than it admits
    // failed ones.
    let mut bodies = Vec::new();
    for number in 0..4 * AT_ONCE {
        let email = format!("{number}@example.org");
        let mut create = Command::new(program)
            .env_clear()
            .args(["user", "create", "--email", &email, "--name", "Ada", "--data-dir"])
            .arg(&data[0])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        create.stdin.take().ok_or("no input")?.write_all(PASSWORD.as_bytes())?;
        create.wait()?;
        bodies.push(format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#));
    }
    let requests = folder.join("sign-ins");
    fs::write(&requests, bodies.join("\n"))?;
    let url = format!("{}/api/auth/sign-in/email", server.url);
    let seen = load::ask(&url, &requests, AT_ONCE, 1, Duration::from_secs(10))?;
    println!("| sign-ins, {AT_ONCE} at once | {:.1} a second |", seen.rate);
    println!("| memory at the most meanwhile | {:.0} MiB |", server.memory("VmHWM")?);
    drop(server);

    let (database, secret, cookies, number) = people;
    let location = format!("sqlite:{}", database.display());
    let settings = ["--database-url", &location, "--secret", secret, "--workers", "2"];
    let room = (number * 2).to_string();
    let server =
        Running::start(program, folder, &[&settings[..], &["--cache-size", &room]].concat())?;
    thread::sleep(Duration::from_secs(3));
    let before = server.memory("VmRSS")?;
    let url = format!("{}/api/me", server.url);
    load::ask(&url, cookies, 32, 1, Duration::from_secs(20))?;
    thread::sleep(Duration::from_secs(10));
    let more = server.memory("VmRSS")? - before;
    println!("| memory for {number} sessions that are remembered | {more:.0} MiB |");
    Ok(())
}
