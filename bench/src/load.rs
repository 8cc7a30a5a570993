//! The load, by wrk: it costs little beside what it measures.

use std::{fs, io, path::Path, process::Command, time::Duration};

/// What one run of it saw.
#[derive(Clone, Copy)]
pub struct Seen {
    /// Requests answered in a second.
    pub rate: f64,
    /// Half of them took this long at the most, in milliseconds.
    pub p50: f64,
    /// And all but one of a hundred this.
    pub p99: f64,
    /// What each cost this process, in microseconds of a core: wrk and PostgreSQL are processes of
    /// their own. It holds where wrk, and not the server, is what is slow.
    pub cost: f64,
}

/// Asks this address again and again over so many connections, with the headers of that file.
///
/// # Errors
/// When wrk cannot be run, or anything was answered but 200: a refusal is cheaper than an answer.
pub fn ask(
    url: &str,
    headers: &Path,
    connections: usize,
    threads: usize,
    time: Duration,
) -> io::Result<Seen> {
    let script = headers.with_file_name("wrk.lua");
    fs::write(&script, include_str!("wrk.lua"))?;
    let before = own_time()?;
    let output = Command::new("wrk")
        .args([format!("-t{threads}"), format!("-c{connections}")])
        .arg(format!("-d{}s", time.as_secs()))
        .arg("-s")
        .args([&script, Path::new(url), Path::new("--"), headers])
        .output()?;
    let spent = own_time()? - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))
        .into_iter()
        .flat_map(str::split_ascii_whitespace)
        .filter_map(|number| number.parse().ok())
        .collect();
    match numbers[..] {
        [requests, micros, p50, p99, 0.0] => Ok(Seen {
            rate: requests / micros * 1e6,
            p50: p50 / 1e3,
            p99: p99 / 1e3,
            cost: spent / requests,
        }),
        _ => Err(io::Error::other(format!("{url}: {text}"))),
    }
}

/// The time that this process has computed for until now, in microseconds (proc(5): user and system,
/// in hundredths of a second).
fn own_time() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_ascii_whitespace().skip(11).take(2);
    Ok(fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 1e4)
}
