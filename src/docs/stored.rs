//! A file that is kept compressed, and sent only to a browser that does not have it.

use std::{
    borrow::Cow,
    io::{Read, Write},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        AcceptEncoding, CACHE_CONTROL, CONTENT_TYPE, ContentEncoding, ETag, Encoding, EntityTag,
        Header, IfNoneMatch, VARY,
    },
    web::Bytes,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error};

/// The file.
pub(super) struct Stored {
    kind: &'static str,
    gzip: Bytes,
    /// Changes with what is in it.
    pub hash: String,
}

impl Stored {
    /// One to be compressed. None when that fails, which it does not in memory.
    pub fn compress(kind: &'static str, content: impl AsRef<[u8]>) -> Option<Self> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content.as_ref()).ok()?;
        Some(Self::compressed(kind, encoder.finish().ok()?))
    }

    /// One that is compressed already.
    pub fn compressed(kind: &'static str, gzip: impl Into<Cow<'static, [u8]>>) -> Self {
        let gzip = match gzip.into() {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let hash = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&gzip)[..9]);
        Self { kind, gzip, hash }
    }

    /// It, under an address that never means another content: the browser does not ask again.
    pub fn immutable(&self, request: &HttpRequest) -> HttpResponse {
        self.answer(request, "public, max-age=31536000, immutable")
    }

    /// It, under an address whose content changes with the server: the browser asks whether what it has is still
    /// right, and is answered in a few bytes if it is.
    pub fn revalidated(&self, request: &HttpRequest) -> HttpResponse {
        self.answer(request, "no-cache")
    }

    fn answer(&self, request: &HttpRequest, cache: &'static str) -> HttpResponse {
        // Weak, as it is the same for both encodings.
        let tag = EntityTag::new_weak(self.hash.clone());
        let is_known = match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(&tag)),
            Ok(IfNoneMatch::Any) => true,
            Err(_) => false,
        };
        let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        answer
            .insert_header(ETag(tag))
            .insert_header((CACHE_CONTROL, cache))
            .insert_header((VARY, "Accept-Encoding"));
        if is_known {
            return answer.finish();
        }
        answer.insert_header((CONTENT_TYPE, self.kind));
        if takes_gzip(request) {
            return answer.insert_header(ContentEncoding::Gzip).body(self.gzip.clone());
        }
        // Few programs ask for it like this, so the file is not kept in two forms.
        let mut plain = Vec::new();
        match GzDecoder::new(&self.gzip[..]).read_to_end(&mut plain) {
            Ok(_) => answer.body(plain),
            Err(_) => HttpResponse::from_error(Error::from(Code::Internal)),
        }
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let offered = [Encoding::gzip(), Encoding::identity()];
    AcceptEncoding::parse(request)
        .is_ok_and(|accepted| accepted.negotiate(offered.iter()) == Some(Encoding::gzip()))
}
