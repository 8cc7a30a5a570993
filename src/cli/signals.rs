//! The server's signal handling, for a graceful shutdown.
//!
//! | signal | |
//! | --- | --- |
//! | SIGTERM, SIGINT, SIGQUIT | finish running requests, and stop; another, a second later or more, stops at once |
//! | SIGHUP, SIGUSR1, SIGUSR2 | only logged: by default they would end the process |

use std::{io, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

/// How long after the first stop signal a further one counts as the same: `timeout` and the init programs of
/// containers send one to the process and one to its group.
const SAME: Duration = Duration::from_secs(1);

/// The signals that stop the server.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Stop {
    /// Registers the handlers. From now on the signals no longer end the process by themselves.
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

    /// Waits for a further signal, sent long enough after the first, which has just arrived, to count as a
    /// separate one.
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
