//! Measures what the gate costs: one handler, bare and behind the gate, in one run and in turn. See README.md.

mod change;
mod cluster;
mod load;
mod process;
mod size;

use std::{
    error::Error,
    fs, mem,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use actix_web::web::Data;
use clap::Parser;
use portcullis::{secrets::SigningKey, state::State, store::Database};
use portcullis_bench::{
    people::{COOKIES, JWTS, NOTHING, People, TOKENS},
    served::{Behind, Served},
};
use tempfile::TempDir;

use cluster::Cluster;
use load::Seen;

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the gate, and writes tables of Markdown.
#[derive(Parser)]
struct Arguments {
    /// How many users send requests, in turn
    #[arg(long, default_value_t = 1000)]
    users: usize,
    /// How many rounds to measure; the median is reported
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each measurement takes, in seconds
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// How many concurrent connections
    #[arg(long, value_delimiter = ',', default_values_t = [32, 256])]
    connections: Vec<usize>,
    /// How many users are changed each second: each change begins an epoch, but affects none of the measured
    /// credentials
    #[arg(long, default_value_t = 0)]
    changes: u32,
    /// Only rows whose name contains one of these words, beside the bare handler
    #[arg(long, value_delimiter = ',', value_name = "WORDS")]
    only: Vec<String>,
    /// Measure this program instead: its start, memory, sign-ins, and rows on disk
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// How many workers; by default one, and then one for each core
    #[arg(long, value_delimiter = ',')]
    workers: Vec<usize>,
}

const BARE: &str = "bare";

/// A row of a table: the URL that is requested, and the headers.
struct Row {
    name: String,
    url: String,
    headers: PathBuf,
    /// The state of the server, where credentials are cached.
    state: Option<Data<State>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let cores = thread::available_parallelism()?.get();
    let mut bench = Bench {
        key: SigningKey::generate(),
        folder: tempfile::tempdir()?,
        cluster: Cluster::start()?,
        people: None,
        postgres_is_filled: false,
    };
    if let Some(program) = &arguments.program {
        return bench.program(program, arguments.users);
    }
    let workers = if arguments.workers.is_empty() { &[1, cores][..] } else { &arguments.workers };
    for &workers in workers {
        let mut rows = bench.serve(workers, arguments.users, arguments.changes)?;
        let only = &arguments.only;
        rows.retain(|Row { name, .. }| {
            only.is_empty() || name == BARE || only.iter().any(|word| name.contains(word))
        });
        for &connections in &arguments.connections {
            let ask = |row: &Row, seconds| {
                let time = Duration::from_secs(seconds);
                load::ask(&row.url, &row.headers, connections, workers.min(cores), time)
            };
            // A warm-up that is not counted: it fills caches and writes first uses.
            for row in &rows {
                loop {
                    let before = row.look_ups();
                    ask(row, 1)?;
                    if row.look_ups() - before < arguments.users as u64 / 100 + 1 {
                        break;
                    }
                }
            }
            let mut seen = vec![Vec::new(); rows.len()];
            let lookups: Vec<_> = rows.iter().map(Row::look_ups).collect();
            for _ in 0..arguments.rounds {
                for (row, seen) in rows.iter().zip(&mut seen) {
                    seen.push(ask(row, arguments.seconds)?);
                }
            }
            print(&rows, &seen, workers, connections);
            for (row, before) in rows.iter().zip(lookups).filter(|(row, _)| row.state.is_some()) {
                println!(
                    "\n{}: {} look-ups on this server meanwhile",
                    row.name,
                    row.look_ups() - before
                );
            }
        }
    }
    Ok(())
}

impl Row {
    /// Returns how many queries for credentials the server has sent so far.
    fn look_ups(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.store.stats().lookups)
    }
}

/// What all measurements share.
struct Bench {
    key: SigningKey,
    folder: TempDir,
    cluster: Cluster,
    people: Option<People>,
    postgres_is_filled: bool,
}

impl Bench {
    /// Starts a server on each database with the users in it, and returns what to request of them.
    fn serve(
        &mut self,
        workers: usize,
        users: usize,
        changes: u32,
    ) -> Result<Vec<Row>, Box<dyn Error>> {
        let data = self.folder.path().join(workers.to_string());
        fs::create_dir(&data)?;
        let sqlite = format!("sqlite:{}", data.join("portcullis.db").display());
        let mut rows = Vec::new();
        let tcp = &self.cluster.tcp.clone();
        for (name, database, remembers) in [
            ("SQLite", &sqlite, false),
            ("PostgreSQL by TCP", tcp, false),
            ("PostgreSQL by socket", &self.cluster.socket.clone(), false),
            ("remembered, SQLite", &sqlite.replace(".db", "-2.db"), true),
            ("remembered, PostgreSQL", tcp, true),
        ] {
            let room = if remembers { users * 2 } else { 0 };
            let served = Served::start(database, &data, &self.key, workers, room)?;
            let first = rows.is_empty();
            let mut row = |name: String, behind: Behind, headers: &str| {
                let url = served.url(behind).to_owned();
                let headers = self.folder.path().join(headers);
                let state = remembers.then(|| served.state.clone());
                rows.push(Row { name, url, headers, state });
            };
            if first {
                row(BARE.to_owned(), Behind::Nothing, NOTHING);
                row("JWT (HS256)".to_owned(), Behind::Jwt, JWTS);
                row("actix-session alone".to_owned(), Behind::ActixSession, COOKIES);
                row("gate, nothing presented".to_owned(), Behind::Gate, NOTHING);
            }
            row(format!("gate, cookie, {name}"), Behind::Gate, COOKIES);
            row(format!("gate, token, {name}"), Behind::Gate, TOKENS);
            if !remembers {
                row(format!("the same, and a row written, {name}"), Behind::GateWriting, TOKENS);
            }
            self.fill(users, &served.state)?;
            if remembers {
                change::begin(served.state.clone(), changes)?;
            }
        }
        Ok(rows)
    }

    /// Creates the users with a server in this process, and passes a copy of their database to the program.
    fn program(&mut self, program: &Path, users: usize) -> Result<(), Box<dyn Error>> {
        let rows = self.serve(1, users, 0)?;
        let copy = self.folder.path().join("copy.db");
        let database = self.folder.path().join("1/portcullis.db");
        let status = Command::new(program)
            .args(["backup", "--database-url", &format!("sqlite:{}", database.display())])
            .arg(&copy)
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            return Err("the database cannot be copied".into());
        }
        let secret = self.key.reveal();
        let cookies = self.folder.path().join(COOKIES);
        process::measure(program, self.folder.path(), (&copy, &secret, &cookies, users))?;
        for (name, state) in rows.iter().filter_map(|row| Some((&row.name, row.state.as_ref()?))) {
            if name.contains("cookie") {
                let system = actix_web::rt::System::new();
                let bytes = system.block_on(size::of_sessions(&state.store))?;
                let million = bytes as f64 / users as f64;
                let database = name.rsplit(", ").next().unwrap_or_default();
                println!("| a million sessions on the disk, {database} | {million:.0} MB |");
            }
        }
        Ok(())
    }

    /// Adds the users to a database. One PostgreSQL database serves all servers, but each SQLite file only one.
    fn fill(&mut self, users: usize, state: &State) -> Result<(), Box<dyn Error>> {
        let system = actix_web::rt::System::new();
        let people = match self.people.take() {
            Some(people) => people,
            None => {
                let folder = self.folder.path();
                system.block_on(People::make(users, state, &self.key, folder))?
            }
        };
        let is_postgres = matches!(state.store.database(), Database::Postgres(_));
        if !is_postgres || !mem::replace(&mut self.postgres_is_filled, true) {
            system.block_on(people.join(&state.store))?;
        }
        self.people = Some(people);
        Ok(())
    }
}

fn print(rows: &[Row], seen: &[Vec<Seen>], workers: usize, connections: usize) {
    println!("\n### Workers: {workers}, connections: {connections}\n");
    println!("| | requests/s | ratio to bare | least – most | p50 ms | p99 ms | µs of a core |");
    println!("| --- | --: | --: | --: | --: | --: | --: |");
    for (row, own) in rows.iter().zip(seen) {
        let [least, ratio, most] = ratio(own, &seen[0]);
        let [_, rate, _] = spread(own.iter().map(|seen| seen.rate));
        let [_, p50, _] = spread(own.iter().map(|seen| seen.p50));
        let [_, p99, _] = spread(own.iter().map(|seen| seen.p99));
        let [_, cost, _] = spread(own.iter().map(|seen| seen.cost));
        println!(
            "| {} | {rate:.0} | {ratio:.2} | {least:.2} – {most:.2} | {p50:.2} | {p99:.2} | {cost:.1} |",
            row.name
        );
    }
    draw(rows, seen);
}

/// Draws the same as a Mermaid chart, which GitHub and others render.
fn draw(rows: &[Row], seen: &[Vec<Seen>]) {
    let names: Vec<_> = rows.iter().map(|row| format!("\"{}\"", row.name)).collect();
    let ratios = seen.iter().map(|own| format!("{:.2}", ratio(own, &seen[0])[1]));
    let height = 60 + 36 * rows.len();
    println!("\n```mermaid");
    println!("---\nconfig:\n    xyChart:\n        width: 900\n        height: {height}");
    println!(
        "    themeVariables:\n        xyChart:\n            plotColorPalette: \"#2f6f9f\"\n---"
    );
    println!("xychart-beta horizontal");
    println!("    x-axis [{}]", names.join(", "));
    println!("    y-axis \"requests a second, as a ratio to the bare handler\" 0 --> 1");
    println!("    bar [{}]\n```", ratios.collect::<Vec<_>>().join(", "));
}

/// Compares each result with the bare handler in the same round, so that changes in the machine's speed cancel
/// out.
fn ratio(own: &[Seen], bare: &[Seen]) -> [f64; 3] {
    spread(own.iter().zip(bare).map(|(own, bare)| own.rate / bare.rate))
}

/// Returns the minimum, the median and the maximum.
fn spread(numbers: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let at = |index: usize| numbers.get(index).copied().unwrap_or(f64::NAN);
    [at(0), at(numbers.len() / 2), at(numbers.len().saturating_sub(1))]
}
