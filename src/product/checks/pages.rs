//! Checks the pages and assets of a product.

use std::collections::BTreeSet;

use super::{Product, ProductError, overlap, twice};
use crate::{
    pages::{Asset, Page},
    routes,
};

/// The beginnings of paths that are not for pages of a product.
const RESERVED: [&str; 5] = ["api", "assets", "docs", "health", "openapi.json"];

pub(super) fn check(product: &Product) -> Result<(), ProductError> {
    let mut paths: Vec<String> =
        crate::pages::accesses().into_iter().map(|(path, _)| path.to_owned()).collect();
    let operations = routes::operations();
    paths.extend(operations.iter().flat_map(|part| part.documented().paths.paths.into_keys()));
    let mut urls = BTreeSet::new();
    for component in &product.components {
        for page in &component.pages {
            check_page(component.name, page)?;
            if let Some(other) = paths.iter().find(|other| overlap(other, page.path)) {
                return Err(ProductError(format!(
                    "the page {} of the component {} would also serve {other}",
                    page.path, component.name
                )));
            }
        }
        // Paths within a component may overlap, such as /ledger/new and /ledger/{id}.
        for page in &component.pages {
            if paths.iter().any(|other| other == page.path) {
                return Err(twice(component.name, "a page", page.path));
            }
            paths.push(page.path.to_owned());
        }
        for asset in &component.assets {
            check_asset(component.name, asset)?;
            if !urls.insert((asset.component, asset.name)) {
                return Err(twice(component.name, "an asset", asset.name));
            }
        }
    }
    Ok(())
}

fn check_page(component: &str, page: &Page) -> Result<(), ProductError> {
    let path = page.path;
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let is_reserved = segments.first().is_some_and(|first| RESERVED.contains(first));
    if !path.starts_with('/') || is_reserved || !segments.iter().all(|segment| fits(segment)) {
        return Err(ProductError(format!(
            "the path {path} of a page of the component {component} must begin with / and not with /{}, and consist of \
             words and placeholders such as {{id}}",
            RESERVED.join(", /")
        )));
    }
    if page.label.is_some() && path.contains('{') {
        return Err(ProductError(format!(
            "the page {path} of the component {component} is in the navigation, but its path has a placeholder"
        )));
    }
    let refused = page.added.iter().find(|(directive, source)| !directive.allows(source));
    match refused {
        Some((directive, source)) => Err(ProductError(format!(
            "the page {path} of the component {component} cannot add {source} to {directive:?}: it must be an origin, such as \
             https://images.example.com"
        ))),
        None => Ok(()),
    }
}

/// Returns whether a segment of a path is a word, or a placeholder without a pattern.
fn fits(segment: &str) -> bool {
    let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(segment);
    !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.~".contains(letter))
}

fn check_asset(component: &str, asset: &Asset) -> Result<(), ProductError> {
    let Asset { component: named, name, .. } = asset;
    let fits = |text: &str| {
        text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
    };
    if *named != component || !fits(named) || !fits(name) || asset.kind().is_none() {
        return Err(ProductError(format!(
            "the asset {name} of the component {component} must name that component, {named:?}, and a file of a known kind, \
             in ASCII letters, digits, - and _"
        )));
    }
    Ok(())
}
