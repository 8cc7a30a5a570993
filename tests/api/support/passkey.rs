use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use sha2::{Digest, Sha256};

use super::{Caller, Reply, Server, TestUser, Value, json};

/// The cookie of a passkey ceremony.
const CEREMONY: &str = "portcullis-passkey";

pub const BEGIN_REGISTRATION: &str = "/api/auth/passkey/generate-register-options";
pub const FINISH_REGISTRATION: &str = "/api/auth/passkey/verify-registration";
pub const BEGIN_PASSKEY: &str = "/api/auth/passkey/generate-authenticate-options";
pub const FINISH_PASSKEY: &str = "/api/auth/passkey/verify-authentication";

/// What it signs with.
pub enum Key {
    Es256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// An authenticator in software, with one passkey. A test changes its fields to misbehave.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the protocol")]
pub struct Passkey {
    pub key: Key,
    pub credential_id: Vec<u8>,
    pub user_handle: Option<String>,
    /// The row's id at the server.
    pub id: String,
    pub origin: String,
    pub rp_id: String,
    pub counter: u32,
    /// By how much the counter grows with each use.
    pub step: u32,
    pub user_present: bool,
    pub user_verified: bool,
    pub backup_eligible: bool,
    pub backed_up: bool,
    /// What the browser says that it does, if not what it does.
    pub kind: Option<&'static str>,
    /// A challenge other than the one in the options.
    pub challenge: Option<String>,
}

/// Authenticators for pages of a server.
pub trait NewPasskey: Sized {
    /// Returns a new authenticator for pages of this server.
    fn passkey(&self) -> Passkey;
}

impl NewPasskey for Server {
    fn passkey(&self) -> Passkey {
        let site = &self.state.site.public_url;
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap();
        Passkey {
            key: Key::Es256(key),
            credential_id: rand::random::<[u8; 32]>().to_vec(),
            user_handle: None,
            id: String::new(),
            origin: site.origin().ascii_serialization(),
            rp_id: site.host_str().unwrap().to_owned(),
            counter: 0,
            step: 0,
            user_present: true,
            user_verified: true,
            backup_eligible: true,
            backed_up: true,
            kind: None,
            challenge: None,
        }
    }
}

impl Passkey {
    /// Makes it sign by Ed25519.
    pub fn with_ed25519(mut self) -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        self.key = Key::Ed25519(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap());
        self
    }

    /// Makes the authenticator test only that a user is present.
    pub fn without_verification(mut self) -> Self {
        self.user_verified = false;
        self
    }

    /// Gives it a signature counter, as security keys have one.
    pub fn with_counter(mut self) -> Self {
        self.step = 1;
        self
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge =
            self.challenge.clone().unwrap_or_else(|| options["challenge"].as_str().unwrap().into());
        json!({
            "type": self.kind.unwrap_or(kind),
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": false,
        })
        .to_string()
        .into_bytes()
    }

    fn data(&mut self, attested: &[u8]) -> Vec<u8> {
        self.counter += self.step;
        let flags = u8::from(self.user_present)
            | u8::from(self.user_verified) << 2
            | u8::from(self.backup_eligible) << 3
            | u8::from(self.backed_up) << 4
            | u8::from(!attested.is_empty()) << 6;
        let mut data = Sha256::digest(&self.rp_id).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data.extend(attested);
        data
    }

    /// Returns the public key as COSE.
    fn public_key(&self) -> Vec<u8> {
        match &self.key {
            Key::Es256(key) => {
                let point = key.public_key().as_ref();
                let mut cose = vec![0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32];
                cose.extend(&point[1..33]);
                cose.extend([0x22, 0x58, 32]);
                cose.extend(&point[33..]);
                cose
            }
            Key::Ed25519(key) => {
                let mut cose = vec![0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32];
                cose.extend(key.public_key().as_ref());
                cose
            }
        }
    }

    /// Creates the passkey, as `navigator.credentials.create` does. Returns the response as Better Auth's client sends
    /// it.
    pub fn create(&mut self, options: &Value) -> Value {
        self.user_handle = Some(options["user"]["id"].as_str().unwrap().to_owned());
        let mut attested = vec![0; 16];
        attested.extend(u16::try_from(self.credential_id.len()).unwrap().to_be_bytes());
        attested.extend(&self.credential_id);
        attested.extend(self.public_key());
        let data = self.data(&attested);
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        let id = BASE64.encode(&self.credential_id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": BASE64.encode(self.client_data("webauthn.create", options)),
                "attestationObject": BASE64.encode(object),
                "transports": ["internal"],
            },
        })
    }

    /// Signs, as `navigator.credentials.get` does.
    pub fn sign(&mut self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", options);
        let data = self.data(&[]);
        let mut signed = data.clone();
        signed.extend(Sha256::digest(&client_data));
        let signature = match &self.key {
            Key::Es256(key) => key.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec(),
            Key::Ed25519(key) => key.sign(&signed).as_ref().to_vec(),
        };
        let id = BASE64.encode(&self.credential_id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": BASE64.encode(client_data),
                "authenticatorData": BASE64.encode(data),
                "signature": BASE64.encode(signature),
                "userHandle": self.user_handle,
            },
        })
    }
}

/// Browsers in which a user uses a passkey.
pub trait Ceremonies: Sized {
    /// Returns the same browser with one more cookie.
    fn and_cookie(&self, cookie: &str) -> Self;

    /// Fetches the options of a ceremony. Returns the browser that it is bound to, and the options.
    async fn begin_ceremony(&self, path: &str) -> (Self, Value);

    /// Signs in, or authenticates again, with a passkey.
    async fn use_passkey(&self, passkey: &mut Passkey) -> Reply;
}

impl Ceremonies for Caller {
    fn and_cookie(&self, cookie: &str) -> Self {
        let cookies = match &self.cookie {
            Some(present) => format!("{present}; {cookie}"),
            None => cookie.to_owned(),
        };
        let mut caller = self.clone();
        caller.cookie = Some(cookies);
        caller
    }

    async fn begin_ceremony(&self, path: &str) -> (Self, Value) {
        let reply = self.get(path).await;
        let cookie = reply.cookie_named(CEREMONY).expect("the cookie of the ceremony is set");
        let options = reply.expect(200);
        (self.and_cookie(&cookie), options)
    }

    async fn use_passkey(&self, passkey: &mut Passkey) -> Reply {
        let (browser, options) = self.begin_ceremony(BEGIN_PASSKEY).await;
        browser.post(FINISH_PASSKEY, json!({ "response": passkey.sign(&options) })).await
    }
}

/// Users with passkeys.
pub trait Passkeys: Sized {
    /// Adds a passkey to the user's account.
    async fn add(&self, passkey: Passkey) -> Passkey;
}

impl Passkeys for TestUser {
    async fn add(&self, mut passkey: Passkey) -> Passkey {
        let (browser, options) = self.browser.begin_ceremony(BEGIN_REGISTRATION).await;
        let body = json!({ "response": passkey.create(&options) });
        let row = browser.post(FINISH_REGISTRATION, body).await.expect(200);
        row["id"].as_str().unwrap().clone_into(&mut passkey.id);
        passkey
    }
}
