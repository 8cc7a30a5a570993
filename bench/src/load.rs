//! Generates load with wrk, which costs little beside what it measures.

use std::{fs, io, path::Path, process::Command, time::Duration};

/// The results of one run of wrk.
#[derive(Clone, Copy)]
pub struct Seen {
    /// Responses per second.
    pub rate: f64,
    /// The median latency, in milliseconds.
    pub p50: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub p99: f64,
    /// CPU time that each request cost this process, in microseconds of one core: wrk and PostgreSQL are
    /// separate processes. The figure is valid only where wrk, and not the server, is the bottleneck.
    pub cost: f64,
}

/// Requests this URL over this many connections, with the headers in that file.
///
/// # Errors
/// When wrk cannot be run, or any status was not 200: an error response is cheaper than a successful one.
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

/// Returns the CPU time of this process so far, in microseconds (proc(5): user and system time, in hundredths
/// of a second).
fn own_time() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_ascii_whitespace().skip(11).take(2);
    Ok(fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 1e4)
}
