//! A static file that is stored compressed, and sent only to a browser that has not cached it.

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

/// A file.
pub(super) struct Stored {
    kind: &'static str,
    gzip: Bytes,
    /// Changes with the content.
    pub hash: String,
}

impl Stored {
    /// Compresses a file. `None` if that fails, which it does not in memory.
    pub fn compress(kind: &'static str, content: impl AsRef<[u8]>) -> Option<Self> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content.as_ref()).ok()?;
        Some(Self::compressed(kind, encoder.finish().ok()?))
    }

    /// Wraps a file that is already compressed.
    pub fn compressed(kind: &'static str, gzip: impl Into<Cow<'static, [u8]>>) -> Self {
        let gzip = match gzip.into() {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let hash = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&gzip)[..9]);
        Self { kind, gzip, hash }
    }

    /// Serves the file under a URL whose content never changes: the browser does not revalidate it.
    #[cfg(feature = "swagger-ui")]
    pub fn immutable(&self, request: &HttpRequest) -> HttpResponse {
        self.answer(request, "public, max-age=31536000, immutable")
    }

    /// Serves the file under a URL whose content changes with the server's version: the browser revalidates its
    /// copy, and gets a short response if it is still current.
    pub fn revalidated(&self, request: &HttpRequest) -> HttpResponse {
        self.answer(request, "no-cache")
    }

    fn answer(&self, request: &HttpRequest, cache: &'static str) -> HttpResponse {
        // Weak, because it is the same for both encodings.
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
        // Few clients request it without compression, so no uncompressed copy is stored.
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
