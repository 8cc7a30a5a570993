//! A mail server of a test's own, which accepts mail, or fails in any of the ways in which mail servers do.
//!
//! It runs on a thread of its own, so that it responds also while its test blocks.

use std::{
    fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use mail_parser::MessageParser;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::{self, Runtime},
    sync::{oneshot, watch},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::{Email, make_certificate};

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    None,
    /// By STARTTLS.
    StartTls,
    /// By TLS from the first byte on.
    Tls,
}

/// How a mail server treats its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpBehavior {
    /// Accepts mail.
    Takes,
    /// Answers this to one command, and closes the connection. The greeting is `""`, the end of a mail `.`.
    Answers(&'static str, &'static str),
    /// Is silent until its behavior changes.
    Silent,
    /// Closes the connection in the middle of a mail.
    CutsMail,
    /// Accepts a mail, and closes the connection before it says so.
    CutsReply,
    /// Accepts mail, and never answers QUIT.
    Lingers,
}

/// A mail that the server has accepted.
#[derive(Clone)]
pub struct AcceptedMail {
    pub from: String,
    pub to: String,
    /// The user name and password with which the client signed in.
    pub credentials: Option<(String, String)>,
    pub encrypted: bool,
    pub raw: Vec<u8>,
}

/// A mail server, stopped on drop.
pub struct MailServer {
    address: SocketAddr,
    house: Arc<House>,
    /// The socket before it listens.
    closed: Option<(Runtime, TcpSocket)>,
    _stop: Option<oneshot::Sender<()>>,
    _keys: TempDir,
    authority: PathBuf,
}

struct House {
    security: Security,
    behavior: watch::Sender<SmtpBehavior>,
    tls: TlsAcceptor,
    callers: AtomicUsize,
    heard: Mutex<Vec<String>>,
    taken: Mutex<Vec<AcceptedMail>>,
}

impl AcceptedMail {
    pub fn email(&self) -> Email {
        Email::parse(&self.raw)
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> String {
        let mail = MessageParser::default().parse(&self.raw).expect("it is a mail");
        mail.header_raw(name).unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
    }
}

impl fmt::Debug for AcceptedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "to {}: {}", self.to, String::from_utf8_lossy(&self.raw))
    }
}

impl MailServer {
    /// User name and password for its URL, where they must be percent-encoded.
    pub const CREDENTIALS: (&str, &str) = ("port@cullis", "hunter2/:%");

    pub fn start(security: Security) -> Self {
        Self::closed(security, "127.0.0.1").open()
    }

    /// A mail server that refuses connections until it is opened, with a certificate for this host.
    pub fn closed(security: Security, host: &str) -> Self {
        let keys = TempDir::new().unwrap();
        let (authority, key) = make_certificate(keys.path(), host);
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        // A bound socket reserves the port; only a listening one accepts connections.
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let house = House {
            security,
            behavior: watch::Sender::new(SmtpBehavior::Takes),
            tls: acceptor(&authority, &key),
            callers: AtomicUsize::new(0),
            heard: Mutex::default(),
            taken: Mutex::default(),
        };
        Self {
            address: socket.local_addr().unwrap(),
            house: Arc::new(house),
            closed: Some((runtime, socket)),
            _stop: None,
            _keys: keys,
            authority,
        }
    }

    pub fn open(mut self) -> Self {
        let (runtime, socket) = self.closed.take().expect("the mail server is closed");
        let listener = {
            let _inside = runtime.enter();
            socket.listen(64).unwrap()
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let house = self.house.clone();
        thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = house.receive(listener) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { _stop: Some(stop), ..self }
    }

    pub fn set(&self, behavior: SmtpBehavior) {
        self.house.behavior.send_replace(behavior);
    }

    /// Returns its URL with the credentials.
    pub fn url(&self) -> String {
        self.url_for(Self::CREDENTIALS.0)
    }

    /// Returns its URL for this user.
    pub fn url_for(&self, user: &str) -> String {
        let (scheme, query) = match self.house.security {
            Security::None => ("smtp", "?tls=none"),
            Security::StartTls => ("smtp", ""),
            Security::Tls => ("smtps", ""),
        };
        let mut url = url::Url::parse(&format!("{scheme}://{}{query}", self.address)).unwrap();
        url.set_username(user).unwrap();
        // A parser leaves `%` as it is, so it is encoded here.
        url.set_password(Some(&Self::CREDENTIALS.1.replace('%', "%25"))).unwrap();
        url.into()
    }

    /// Returns the certificate by which it is trusted.
    pub fn certificate_authority(&self) -> &str {
        self.authority.to_str().unwrap()
    }

    /// Returns all commands that it got, but not mails: each line ends with ` in clear` or ` in secret`.
    pub fn commands(&self) -> Vec<String> {
        self.house.heard.lock().unwrap().clone()
    }

    /// Returns how many clients have connected.
    pub fn callers(&self) -> usize {
        self.house.callers.load(Ordering::SeqCst)
    }

    /// Returns all mail so far.
    pub fn accepted(&self) -> Vec<AcceptedMail> {
        self.house.taken.lock().unwrap().clone()
    }

    /// Returns all mail to an email so far.
    pub fn accepted_for(&self, email: &str) -> Vec<AcceptedMail> {
        self.accepted().into_iter().filter(|mail| mail.to == email).collect()
    }

    /// Waits for this many mails.
    pub async fn wait_for(&self, count: usize) -> Vec<AcceptedMail> {
        for _ in 0..1000 {
            let mails = self.accepted();
            if mails.len() >= count {
                return mails;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{count} mails did not come within 20 seconds: {:?}", self.accepted());
    }
}

fn acceptor(certificate: &Path, key: &Path) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(certificate).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&fs::read(key).unwrap()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

impl House {
    async fn receive(self: &Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            self.callers.fetch_add(1, Ordering::SeqCst);
            let house = self.clone();
            // A client that disconnects is no error.
            tokio::spawn(async move { drop(house.converse(stream).await) });
        }
    }

    async fn converse(&self, stream: TcpStream) -> io::Result<()> {
        let mut behavior = self.behavior.subscribe();
        let behavior = *behavior
            .wait_for(|behavior| *behavior != SmtpBehavior::Silent)
            .await
            .map_err(io::Error::other)?;
        let encrypted = self.security == Security::Tls;
        let stream: Box<dyn Stream> =
            if encrypted { Box::new(self.tls.accept(stream).await?) } else { Box::new(stream) };
        let mut guest = Guest { line: BufReader::new(stream), encrypted };
        let mut mail = AcceptedMail {
            from: String::new(),
            to: String::new(),
            credentials: None,
            encrypted,
            raw: Vec::new(),
        };
        if let SmtpBehavior::Answers("", reply) = behavior {
            return guest.say(reply).await;
        }
        guest.say("220 mail.example at your service").await?;
        loop {
            let said = guest.hear().await?;
            let how = if guest.encrypted { "secret" } else { "clear" };
            self.heard.lock().unwrap().push(format!("{said} in {how}"));
            let (command, rest) = said.split_once(' ').unwrap_or((&said, ""));
            if let SmtpBehavior::Answers(to, reply) = behavior
                && to == command
            {
                return guest.say(reply).await;
            }
            match command {
                "EHLO" => guest.say(self.offer(guest.encrypted)).await?,
                "STARTTLS" => {
                    guest.say("220 go ahead").await?;
                    let stream = self.tls.accept(guest.line.into_inner()).await?;
                    guest = Guest { line: BufReader::new(Box::new(stream)), encrypted: true };
                    mail.encrypted = true;
                }
                "AUTH" => {
                    mail.credentials = Some(guest.credentials(rest).await?);
                    guest.say("235 2.7.0 welcome").await?;
                }
                "MAIL" => {
                    mail.from = between_brackets(rest);
                    guest.say("250 2.1.0 ok").await?;
                }
                "RCPT" => {
                    mail.to = between_brackets(rest);
                    guest.say("250 2.1.5 ok").await?;
                }
                "DATA" => {
                    guest.say("354 go on").await?;
                    if behavior == SmtpBehavior::CutsMail {
                        return guest.hear().await.map(drop);
                    }
                    mail.raw = guest.mail().await?;
                    if let SmtpBehavior::Answers(".", reply) = behavior {
                        return guest.say(reply).await;
                    }
                    self.taken.lock().unwrap().push(mail.clone());
                    if behavior == SmtpBehavior::CutsReply {
                        return Ok(());
                    }
                    guest.say("250 2.0.0 taken").await?;
                }
                "QUIT" if behavior == SmtpBehavior::Lingers => return guest.hear().await.map(drop),
                "QUIT" => return guest.say("221 2.0.0 bye").await,
                _ => guest.say("502 5.5.1 what?").await?,
            }
        }
    }

    /// Some servers support only LOGIN; here the one with TLS from the first byte on.
    fn offer(&self, encrypted: bool) -> &'static str {
        match (self.security, encrypted) {
            (Security::Tls, _) => "250-mail.example\r\n250 AUTH LOGIN",
            (Security::StartTls, false) => {
                "250-mail.example\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN"
            }
            _ => "250-mail.example\r\n250 AUTH PLAIN LOGIN",
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connected client.
struct Guest {
    line: BufReader<Box<dyn Stream>>,
    encrypted: bool,
}

impl Guest {
    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.line.write_all(format!("{reply}\r\n").as_bytes()).await?;
        self.line.flush().await
    }

    async fn hear(&mut self) -> io::Result<String> {
        let mut said = String::new();
        if self.line.read_line(&mut said).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(said.trim_end().to_owned())
    }

    async fn credentials(&mut self, how: &str) -> io::Result<(String, String)> {
        if let Some(all) = how.strip_prefix("PLAIN ") {
            let all = decoded(all);
            let mut parts = all.split('\0').skip(1).map(ToOwned::to_owned);
            return Ok((parts.next().unwrap_or_default(), parts.next().unwrap_or_default()));
        }
        self.say("334 VXNlcm5hbWU6").await?;
        let user = decoded(&self.hear().await?);
        self.say("334 UGFzc3dvcmQ6").await?;
        Ok((user, decoded(&self.hear().await?)))
    }

    /// Reads a mail, up to the line that is a dot.
    async fn mail(&mut self) -> io::Result<Vec<u8>> {
        let mut mail = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.line.read_until(b'\n', &mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == b".\r\n" {
                return Ok(mail);
            }
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }
}

fn decoded(text: &str) -> String {
    String::from_utf8(BASE64_STANDARD.decode(text).unwrap_or_default()).unwrap_or_default()
}

fn between_brackets(text: &str) -> String {
    text.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}
