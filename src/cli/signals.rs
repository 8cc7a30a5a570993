//! What the server does with each signal.
//!
//! | signal | |
//! | --- | --- |
//! | SIGTERM, SIGINT, SIGQUIT | finish what runs, and stop; again a second later or more: stop at once |
//! | SIGHUP, SIGUSR1, SIGUSR2 | nothing but a line in the log: by default they would end the process |

use std::{io, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

/// How long after the first signal to stop a further one is taken for the same: `timeout` and the init
/// programs of containers send one to the process and one to its group.
const SAME: Duration = Duration::from_secs(1);

/// Signals to stop.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Stop {
    /// From now on they no longer end the process by themselves.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// Waits for one of them.
    pub(super) async fn first(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
        }
    }

    /// Waits for one that is sent long enough after the first, which came just now, to be meant as another.
    pub(super) async fn another(&mut self) {
        let first = Instant::now();
        loop {
            self.first().await;
            if first.elapsed() >= SAME {
                return;
            }
        }
    }
}

/// Logs the signals that the server ignores, for as long as it runs.
pub(super) fn ignore_others() -> io::Result<()> {
    let others = [
        ("SIGHUP", SignalKind::hangup()),
        ("SIGUSR1", SignalKind::user_defined1()),
        ("SIGUSR2", SignalKind::user_defined2()),
    ];
    for (name, kind) in others {
        let mut signals = signal(kind)?;
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                tracing::info!(signal = name, "this signal is ignored");
            }
        });
    }
    Ok(())
}
