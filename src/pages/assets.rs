//! Stylesheet, script and logo: embedded in the binary, with URLs that change with the content (cache busting).

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::Path,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{
    error::{Code, Error},
    routes::ASSETS as PREFIX,
};

const CSS: &str = include_str!("app.css");
const JS: &str = include_str!("app.js");
const MARK: &str = include_str!("mark.svg");

/// The URLs of all assets.
pub(super) struct Assets {
    pub css: String,
    pub js: String,
    pub mark: String,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    css: address("app.css", CSS),
    js: address("app.js", JS),
    mark: address("mark.svg", MARK),
});

impl Assets {
    pub(super) fn all() -> &'static Self {
        &ASSETS
    }
}

/// Returns the URL of an asset, which changes with its content.
pub(super) fn address(name: &str, content: impl AsRef<[u8]>) -> String {
    let hash = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(content)[..9]);
    format!("{PREFIX}{name}?v={hash}")
}

/// Serves an asset.
pub(super) async fn asset(request: HttpRequest, name: Path<String>) -> Result<HttpResponse, Error> {
    let (kind, content, address) = match name.as_str() {
        "app.css" => ("text/css; charset=utf-8", CSS, &ASSETS.css),
        "app.js" => ("text/javascript; charset=utf-8", JS, &ASSETS.js),
        "mark.svg" => ("image/svg+xml", MARK, &ASSETS.mark),
        _ => return Err(Code::NotFound.into()),
    };
    Ok(response(&request, kind, content.as_bytes(), address))
}

/// Returns the response of an asset. Under its current URL it never changes; under another, which the page of an older or
/// newer instance may request during an upgrade, it is not cached.
pub(super) fn response(
    request: &HttpRequest,
    kind: &'static str,
    content: &'static [u8],
    address: &str,
) -> HttpResponse {
    let present = request.uri().path_and_query().is_some_and(|asked| asked.as_str() == address);
    let keep = if present { "public, max-age=31536000, immutable" } else { "no-store" };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CACHE_CONTROL, keep))
        .body(content)
}
