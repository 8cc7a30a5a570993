//! The statements that one server's SQLite connections execute, with their values.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

/// Statements as Diesel shows them, in the order of their execution.
pub type Statements = Arc<Mutex<Vec<String>>>;

static WATCHED: LazyLock<Mutex<HashMap<String, Statements>>> = LazyLock::new(Mutex::default);

thread_local! {
    static OWN: RefCell<Option<Statements>> = const { RefCell::new(None) };
}

/// Records the statements of the server that is started next on this database.
pub fn record(url: &str) -> Statements {
    set_default_instrumentation(instrumentation).unwrap();
    WATCHED.lock().unwrap().entry(url.to_owned()).or_default().clone()
}

/// Called on the server's own thread, before it opens its connections there.
pub fn adopt(url: &str) {
    let own = WATCHED.lock().unwrap().get(url).cloned();
    OWN.with(|statements| *statements.borrow_mut() = own);
}

fn instrumentation() -> Option<Box<dyn Instrumentation>> {
    let own = OWN.with(|statements| statements.borrow().clone())?;
    Some(Box::new(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            own.lock().unwrap().push(query.to_string());
        }
    }))
}
