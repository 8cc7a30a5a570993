//! Scripts, styles and images of a product's components.

use std::{path::Path, sync::OnceLock};

use actix_web::{HttpRequest, HttpResponse, web};

use super::assets::{address, response};
use crate::error::{Code, Error};

/// A script, stylesheet, image or font of a component, embedded in the binary. It is public, like those of this library.
///
/// Its URL, `/assets/ledger/ledger.js?v=…`, changes with its content, so that browsers keep it for a year.
///
/// ```
/// use portcullis::{component::Component, pages::Asset};
///
/// // In a product, `include_bytes!("ledger.js")`.
/// static SCRIPT: Asset = Asset::new("ledger", "ledger.js", b"console.log('ledger')");
///
/// let component = Component::new("ledger").asset(&SCRIPT);
/// assert!(SCRIPT.url().starts_with("/assets/ledger/ledger.js?v="));
/// ```
pub struct Asset {
    pub(crate) component: &'static str,
    pub(crate) name: &'static str,
    content: &'static [u8],
    url: OnceLock<String>,
}

impl Asset {
    /// Creates an asset of the component of this name. The extension of the file's name says what it is.
    #[must_use]
    pub const fn new(component: &'static str, name: &'static str, content: &'static [u8]) -> Self {
        Self { component, name, content, url: OnceLock::new() }
    }

    /// Returns its URL, for a template.
    pub fn url(&self) -> &str {
        self.url.get_or_init(|| address(&format!("{}/{}", self.component, self.name), self.content))
    }

    /// Returns its Content-Type, if the extension is a known one.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        Some(match Path::new(self.name).extension()?.to_str()? {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "json" => "application/json",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "jpg" => "image/jpeg",
            "webp" => "image/webp",
            "avif" => "image/avif",
            "ico" => "image/x-icon",
            "woff2" => "font/woff2",
            _ => return None,
        })
    }
}

/// The assets of all components.
#[derive(Clone)]
pub(super) struct ProductAssets(pub Vec<&'static Asset>);

/// Serves an asset of a component.
pub(super) async fn asset(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    assets: web::Data<ProductAssets>,
) -> Result<HttpResponse, Error> {
    let (component, name) = path.into_inner();
    let found = assets.0.iter().find(|asset| asset.component == component && asset.name == name);
    let asset = found.ok_or(Code::NotFound)?;
    let kind = asset.kind().ok_or(Code::NotFound)?;
    Ok(response(&request, kind, asset.content, asset.url()))
}
