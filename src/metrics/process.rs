//! Metrics of the process from Linux, under the names that every Prometheus client library uses.

use std::fmt;

use procfs::{
    ProcResult, WithCurrentSystemInfo,
    process::{LimitValue, Process as Proc},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

/// The collector, which reads the values at each scrape.
#[derive(Debug)]
pub(super) struct Process;

/// The values at one moment.
struct Sample {
    cpu_seconds: f64,
    start_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    threads: i64,
    open_fds: u64,
    max_fds: Option<u64>,
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "the metrics are floating point")]
    fn now() -> ProcResult<Self> {
        let process = Proc::myself()?;
        let stat = process.stat()?;
        let ticks = procfs::ticks_per_second() as f64;
        let max_fds = match process.limits()?.max_open_files.soft_limit {
            LimitValue::Value(most) => Some(most),
            LimitValue::Unlimited => None,
        };
        Ok(Self {
            cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
            start_seconds: procfs::boot_time_secs()? as f64 + stat.starttime as f64 / ticks,
            resident_bytes: stat.rss_bytes().get(),
            virtual_bytes: stat.vsize,
            threads: stat.num_threads,
            open_fds: process.fd_count()? as u64,
            max_fds,
        })
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        // If /proc is not mounted or hidden, these metrics are omitted, and the others are still served.
        let Ok(sample) = Sample::now() else { return Ok(()) };
        let mut write = |name, help, unit: Option<&Unit>, metric: &dyn Metric| {
            metric.write(&mut encoder, name, help, unit)
        };
        let (bytes, seconds) = (Some(&Unit::Bytes), Some(&Unit::Seconds));
        write(
            "process_cpu",
            "Time on a processor",
            seconds,
            &ConstCounter::new(sample.cpu_seconds),
        )?;
        let start = ConstGauge::new(sample.start_seconds);
        write("process_start_time", "When the process began, since 1970", seconds, &start)?;
        let resident = ConstGauge::new(sample.resident_bytes);
        write("process_resident_memory", "Memory in use", bytes, &resident)?;
        let virtual_memory = ConstGauge::new(sample.virtual_bytes);
        write("process_virtual_memory", "Memory that is mapped", bytes, &virtual_memory)?;
        write("process_threads", "Threads", None, &ConstGauge::new(sample.threads))?;
        write(
            "process_open_fds",
            "Open files and sockets",
            None,
            &ConstGauge::new(sample.open_fds),
        )?;
        if let Some(most) = sample.max_fds {
            write("process_max_fds", "How many may be open", None, &ConstGauge::new(most))?;
        }
        Ok(())
    }
}

/// A metric of any kind.
trait Metric {
    fn write(
        &self,
        encoder: &mut DescriptorEncoder,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
    ) -> fmt::Result;
}

impl<M: EncodeMetric> Metric for M {
    fn write(
        &self,
        encoder: &mut DescriptorEncoder,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
    ) -> fmt::Result {
        self.encode(encoder.encode_descriptor(name, help, unit, self.metric_type())?)
    }
}
