//! The two databases, and a new database for each test.

use std::path::Path;

use super::{Server, postgres};
use crate::{
    name,
    product::Product,
    store::{Database, Location, Store},
};

/// The database that a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite, in a file.
    Sqlite,
    /// PostgreSQL, on a server that is started once for all tests, or the one that `TEST_DATABASE_URL` names.
    Postgres,
}

impl Backend {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// Returns the URL of a new database for a product. On PostgreSQL it has its tables; on SQLite a server creates
    /// them in less time than copying a file would save.
    pub async fn new_database(self, product: &Product, folder: &Path) -> String {
        match self {
            Self::Sqlite => sqlite(folder),
            Self::Postgres => postgres::database(product).await,
        }
    }

    /// Returns the URL of a new database without tables.
    pub async fn empty_database(self, folder: &Path) -> String {
        match self {
            Self::Sqlite => sqlite(folder),
            Self::Postgres => postgres::empty_database().await,
        }
    }

    /// Creates the tables of a product in a database.
    pub async fn create_tables(self, product: &Product, url: &str) {
        Store::migrate(&Location::parse(url, None).unwrap(), &product.tables()).await.unwrap();
    }

    /// Returns the database of a server.
    pub fn of_server(server: &Server) -> Self {
        match server.state.store.database() {
            Database::Sqlite(_) => Self::Sqlite,
            Database::Postgres(_) => Self::Postgres,
        }
    }
}

fn sqlite(folder: &Path) -> String {
    let file = format!("{}.db", name::get().slug);
    format!("sqlite:{}", folder.join(file).display())
}
