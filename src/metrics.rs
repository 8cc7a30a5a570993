//! Prometheus metrics. Labels are routes, codes and outcomes: never a client's input, and no user's name.

#[cfg(target_os = "linux")]
mod process;

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::{output::Dropped, store::StoreStats};

/// The buckets of the request duration histogram, in seconds.
const BOUNDS: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// A counter of fractional seconds.
type Seconds = Counter<f64, AtomicU64>;

/// The counters and gauges of one server.
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    request_seconds: Family<Route, Histogram>,
    gate: Family<Outcome, Counter>,
    store_connections: Gauge,
    store_idle_connections: Gauge,
    store_waits: Counter,
    store_wait_timeouts: Counter,
    store_wait: Seconds,
    store_queue: Gauge,
    key_look_ups: Counter,
    epoch_reads: Counter,
    hashes_waiting: Gauge,
    hashes_made: Counter,
    jobs_waiting: Gauge,
    jobs_given_up: Gauge,
    retention_paused: Gauge,
    log_dropped_lines: Counter,
    log_dropped_bytes: Counter,
}

/// The values that are read at the time of a scrape.
#[derive(Debug, Clone, Copy, Default)]
pub struct Now {
    /// The store's.
    pub store: StoreStats,
    /// Passwords that are being hashed or waiting.
    pub hashes: usize,
    /// Passwords that have been hashed.
    pub hashes_made: u64,
    /// Pending jobs, and failed ones; `None` if the store is unavailable.
    pub jobs: Option<(i64, i64)>,
    /// Whether retention does not trust the clock; `None` if the store is unavailable.
    pub retention_paused: Option<bool>,
    /// Log lines that were dropped.
    pub log_dropped: Dropped,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut whole = Registry::default();
        #[cfg(target_os = "linux")]
        whole.register_collector(Box::new(process::Process));
        let registry = whole.sub_registry_with_prefix(crate::name::get().slug.replace('-', "_"));
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which version runs", build);
        let request_seconds =
            Family::new_with_constructor((|| Histogram::new(BOUNDS)) as fn() -> Histogram);
        let requests = Family::default();
        let gate = Family::default();
        registry.register("requests", "Requests that were answered", requests.clone());
        let help = "How long answers took";
        registry.register_with_unit("request", help, Unit::Seconds, request_seconds.clone());
        registry.register("gate", "What the gate found, or why it refused", gate.clone());
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let log_dropped_lines = counter("log_dropped_lines", "Lines of the log that were dropped");
        let log_dropped_bytes = counter("log_dropped_bytes", "Bytes of the log that were dropped");
        let store_waits = counter("store_waits", "How often a connection was waited for");
        let store_wait_timeouts = counter("store_wait_timeouts", "How often in vain");
        let key_look_ups = counter("key_look_ups", "Keys that the database was asked about");
        let epoch_reads = counter("epochs_read", "How often the epoch was read");
        let hashes_made = counter("hashes_made", "Passwords that have been hashed");
        let store_wait = Seconds::default();
        let help = "For how long connections were waited for in all";
        registry.register_with_unit("store_wait", help, Unit::Seconds, store_wait.clone());
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        Self {
            store_connections: gauge("store_connections", "Connections to PostgreSQL"),
            store_idle_connections: gauge("store_idle_connections", "Those that are not in use"),
            store_queue: gauge("store_queue", "Work that waits for SQLite's threads"),
            hashes_waiting: gauge("hashes", "Passwords that are hashed or wait to be"),
            jobs_waiting: gauge("jobs_waiting", "Jobs that are due or put off, up to 1000"),
            jobs_given_up: gauge("jobs_given_up", "Jobs that are not tried any more, up to 1000"),
            retention_paused: gauge("retention_paused", "Whether the clock has jumped ahead"),
            store_waits,
            store_wait_timeouts,
            store_wait,
            key_look_ups,
            epoch_reads,
            hashes_made,
            log_dropped_lines,
            log_dropped_bytes,
            registry: whole,
            requests,
            request_seconds,
            gate,
        }
    }
}

impl Metrics {
    /// Counts a response. The route is the matched pattern, or empty if there is none: with paths as labels a
    /// client could create any number of them.
    pub fn answered(&self, method: &str, route: Option<&str>, status: u16, took: Duration) {
        let route = route.unwrap_or_default().to_owned();
        let answered = Answered { method: method.to_owned(), route: route.clone(), status };
        self.requests.get_or_create(&answered).inc();
        self.request_seconds.get_or_create(&Route { route }).observe(took.as_secs_f64());
    }

    /// Counts an outcome at the gate.
    pub fn found(&self, outcome: &'static str) {
        self.gate.get_or_create(&Outcome { outcome }).inc();
    }

    /// Returns all metrics in OpenMetrics' text format 1.0.
    ///
    /// # Errors
    /// When they cannot be formatted, which does not happen.
    pub fn text(&self, now: Now) -> Result<String, fmt::Error> {
        let gauges = [
            (&self.store_connections, now.store.connections),
            (&self.store_idle_connections, now.store.idle),
            (&self.store_queue, now.store.queue),
            (&self.hashes_waiting, now.hashes as u64),
        ];
        for (gauge, value) in gauges {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        if let Some((waiting, given_up)) = now.jobs {
            self.jobs_waiting.set(waiting);
            self.jobs_given_up.set(given_up);
        }
        if let Some(paused) = now.retention_paused {
            self.retention_paused.set(i64::from(paused));
        }
        // Counted elsewhere, so the totals are copied.
        let counters = [
            (&self.store_waits, now.store.waits),
            (&self.store_wait_timeouts, now.store.timeouts),
            (&self.key_look_ups, now.store.lookups),
            (&self.epoch_reads, now.store.epoch_reads),
            (&self.hashes_made, now.hashes_made),
            (&self.log_dropped_lines, now.log_dropped.lines),
            (&self.log_dropped_bytes, now.log_dropped.bytes),
        ];
        for (counter, value) in counters {
            counter.inner().store(value, Ordering::Relaxed);
        }
        let waited = Duration::from_micros(now.store.wait_micros).as_secs_f64();
        self.store_wait.inner().store(waited.to_bits(), Ordering::Relaxed);
        let mut written = String::new();
        text::encode(&mut written, &self.registry)?;
        Ok(written)
    }
}
