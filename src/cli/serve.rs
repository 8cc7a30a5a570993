use std::io::IsTerminal;

use super::{
    Failure, log, retention,
    signals::{self, Stop},
    systemd,
};
use crate::{
    app::{Bound, Server},
    config::Config,
    name,
    output::{self, LogLine},
    private_files::exposed as exposed_file,
    product::Product,
    secrets::LinkSecret,
    state::State,
    store::{
        Location, files_of, first_admin,
        retention::clock::{self, ClockStatus},
    },
    time::{Clock, seconds},
    totp_keys,
};

/// How long the setup link for the first admin is valid.
const SETUP_MINUTES: u32 = 30;

/// Runs the server until it receives a signal to stop.
pub(super) async fn serve(product: &Product, config: Config, migrate: bool) -> Result<(), Failure> {
    output::start()?;
    let ansi = std::io::stderr().is_terminal();
    log::begin(&config.log.log, config.log.log_format, ansi, || LogLine)?;
    log::log_panics();
    signals::ignore_others()?;
    let server = Server::start(product, config, Clock::System, migrate).await?;
    let (handle, address) = (server.handle(), server.address.clone());
    // Before the banner, because a process that has read it may send a signal.
    let mut stop = Stop::listen()?;
    banner(product, &server).await?;
    let mut running = std::pin::pin!(server.run());
    tokio::select! {
        stopped = &mut running => return Ok(stopped?),
        () = stop.first() => {}
        never = systemd::report(&address) => match never {},
    }
    tracing::info!(
        "draining: finishing the requests that are in progress; a signal sent a second later or more stops at once"
    );
    let drained = async {
        let ((), stopped) = tokio::join!(handle.drain(), &mut running);
        stopped
    };
    tokio::select! {
        stopped = drained => Ok(stopped?),
        () = stop.another() => Err("stopped before all requests had finished".into()),
        never = systemd::report_stop() => match never {},
    }
}

/// Prints the addresses, the settings that matter, and warnings, for an operator who has just started the
/// server.
async fn banner(product: &Product, server: &Server) -> Result<(), Failure> {
    let state = &server.state;
    let url = state.site.public_url.as_str().trim_end_matches('/');
    let mut lines = vec![
        format!("{} {}", name::get().title, product.version),
        format!("  address   {url} (listening on {})", server.address),
    ];
    if state.config.site.has_swagger_ui() {
        lines.push(format!("  docs      {url}/docs/"));
    }
    lines.push(format!("  database  {}", server.location.describe()));
    lines.push(format!("  mail      {}", name::in_text(&state.mailer.describe())));
    if let Some(address) = &server.metrics_address {
        lines.push(match address {
            Bound::Tcp(addresses) => {
                let addresses = addresses.iter().map(|address| format!("http://{address}/metrics"));
                format!("  metrics   {}", addresses.collect::<Vec<_>>().join(" and "))
            }
            Bound::Unix(_) => format!("  metrics   /metrics at {address}"),
        });
    }
    let warnings = state.store.warnings().await?;
    let settings = exposed(server)
        .into_iter()
        .chain(insecure(server))
        .chain(state.key_check.agreement().warning().map(str::to_owned))
        .chain(undeclared_proxy(server))
        .chain(clear_mail(server))
        .chain(readable_files(server));
    let found = [jumped(state).await?, totp_keys::warning(state).await?];
    for warning in warnings.into_iter().chain(settings).chain(found.into_iter().flatten()) {
        lines.push(format!("  warning   {}", name::in_text(&warning)));
    }
    if let Some(secret) = setup_link(state).await? {
        if state.config.site.has_pages() {
            let secret = secret.reveal();
            lines.push(format!(
                "  no admin  create one within {SETUP_MINUTES} minutes: {url}/setup#token={secret}"
            ));
        }
        let program = std::env::args().next().unwrap_or_else(|| name::get().slug.clone());
        lines.push(format!(
            "  no admin  create one: {program} user create --admin --name You --email you@example.com"
        ));
    }
    output::line(&format!("{}\n", lines.join("\n")));
    Ok(())
}

/// Describes a clock that retention does not trust.
async fn jumped(state: &State) -> Result<Option<String>, Failure> {
    let status = clock::status(&state.store, &state.clock).await?;
    let odd = matches!(status.standing, ClockStatus::Ahead(_)) || status.mark_is_ahead();
    Ok(odd.then(|| retention::describe(&status)))
}

/// Issues a link whose holder becomes the first admin, if there is no admin yet (bootstrap).
async fn setup_link(state: &State) -> Result<Option<LinkSecret>, Failure> {
    let secret = LinkSecret::generate();
    let until = state.clock.now() + seconds(SETUP_MINUTES * 60);
    let issued = first_admin::issue(&state.store, secret.hash(), until).await?;
    Ok(issued.then_some(secret))
}

fn exposed(server: &Server) -> Option<String> {
    let Location::Postgres(target) = &server.location else { return None };
    target.is_exposed().then(|| {
        "the connection to PostgreSQL is not encrypted: add ?sslmode=require to DATABASE_URL"
            .to_owned()
    })
}

/// Warns of files that other users can read, such as those that an older version created.
fn readable_files(server: &Server) -> Vec<String> {
    let data = &server.state.config.data.data_dir;
    let mut files = vec![data.join("secret"), data.join("outbox")];
    if let Location::Sqlite(database) = &server.location {
        files.extend(files_of(database));
    }
    let mut warnings: Vec<String> = files.iter().filter_map(|file| exposed_file(file)).collect();
    if let Ok(mails) = data.join("outbox").read_dir() {
        // One warning for all of them: there may be many.
        warnings.extend(mails.flatten().find_map(|mail| exposed_file(&mail.path())));
    }
    warnings
}

fn clear_mail(server: &Server) -> Option<String> {
    server.state.mailer.is_exposed().then(|| {
        "mails, and the password to the mail server, cross a network in clear: leave out ?tls=none"
            .to_owned()
    })
}

/// Warns of a cookie over http on any host but localhost.
fn insecure(server: &Server) -> Option<String> {
    let local = match public_host(server) {
        Some(host) => ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str()),
        None => server.address.is_local(),
    };
    let secure = server.state.site.is_secure();
    (!secure && !local).then(|| {
        "the session cookie crosses a network without https: set PORTCULLIS_PUBLIC_URL to https://…"
            .to_owned()
    })
}

/// Warns of a missing declaration of the proxy: Portcullis itself serves http only, so https requires a proxy
/// in front. A proxy on the Unix socket is always trusted.
fn undeclared_proxy(server: &Server) -> Option<String> {
    let state = &server.state;
    let is_over_tcp = matches!(server.address, Bound::Tcp(_));
    let is_undeclared = is_over_tcp && state.config.server.trusted_proxies.is_none();
    (state.site.is_secure() && is_undeclared).then(|| {
        "PORTCULLIS_PUBLIC_URL begins with https, so there is a proxy, and to the limits all clients have its \
         IP address: set PORTCULLIS_TRUSTED_PROXIES to its address or network, or to none"
            .to_owned()
    })
}

fn public_host(server: &Server) -> Option<String> {
    server.state.config.site.public_url.as_ref()?.host_str().map(str::to_owned)
}
