//! The pages of a product.

use super::Product;
use crate::{
    gate::Access,
    pages::{self, Asset, NavigationLink, Page},
};

impl Product {
    /// Returns the path of every page, this library's first, and who may see it.
    #[must_use]
    pub fn pages(&self) -> Vec<(&'static str, Access)> {
        let own = self.own_pages().map(|page| (page.path, page.access));
        pages::accesses().into_iter().chain(own).collect()
    }

    /// Returns the pages that its components add.
    pub(crate) fn own_pages(&self) -> impl Iterator<Item = &Page> {
        self.components.iter().flat_map(|component| &component.pages)
    }

    /// Returns the links to the pages that its components add.
    pub(crate) fn navigation(&self) -> Vec<NavigationLink> {
        self.own_pages().filter_map(Page::link).collect()
    }

    /// Returns the assets that its components add.
    pub(crate) fn assets(&self) -> impl Iterator<Item = &'static Asset> {
        self.components.iter().flat_map(|component| component.assets.iter().copied())
    }
}
