//! Swagger UI: its original script and style, in a page of this server that configures them.

use std::{collections::BTreeMap, sync::LazyLock};

use actix_web::{HttpRequest, HttpResponse, web::Path};
use askama::Template;
use utoipa_swagger_ui::Config;

use super::{MARK, stored::Stored};
use crate::{
    error::{CODES, Code, Error},
    state::State,
};

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// The files that the page loads.
const SWAGGER_FILES: [(&str, &str); 2] =
    [("swagger-ui-bundle.js", JAVASCRIPT), ("swagger-ui.css", CSS)];
const OWN_FILES: [(&str, &str, &str); 2] =
    [("docs.js", JAVASCRIPT, include_str!("docs.js")), ("docs.css", CSS, include_str!("docs.css"))];

static FILES: LazyLock<Files> = LazyLock::new(Files::read);

struct Files(BTreeMap<&'static str, Stored>);

impl Files {
    fn read() -> Self {
        // The build compresses Swagger UI's own files.
        let swagger = SWAGGER_FILES.into_iter().filter_map(|(name, kind)| {
            let file = utoipa_swagger_ui::serve(name, Config::default().into()).ok()??;
            Some((name, Stored::compressed(kind, file.bytes)))
        });
        let own = OWN_FILES
            .into_iter()
            .filter_map(|(name, kind, text)| Some((name, Stored::compress(kind, text)?)));
        Self(swagger.chain(own).collect())
    }

    /// Returns the URL of a file, which changes with the content.
    fn address(&self, name: &str) -> String {
        let hash = self.0.get(name).map_or("", |file| file.hash.as_str());
        format!("/docs/{name}?v={hash}")
    }
}

#[derive(Template)]
#[template(path = "docs/ui.html")]
pub(super) struct Page {
    site: String,
    mark: &'static str,
    /// Whether the HTML pages are enabled, so that this page can link back to them.
    has_pages: bool,
}

impl Page {
    pub fn of(state: &State) -> Self {
        Self { site: state.site.name.clone(), mark: MARK, has_pages: state.config.site.has_pages() }
    }
}

pub(super) async fn show_file(
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, Error> {
    let file = FILES.0.get(name.as_str()).ok_or(Code::NotFound)?;
    let present = FILES.address(&name);
    let is_present = request.uri().path_and_query().is_some_and(|asked| asked.as_str() == present);
    // Under another URL, the page of an older or newer instance requests it.
    Ok(if is_present { file.immutable(&request) } else { file.revalidated(&request) })
}
