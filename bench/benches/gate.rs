//! Counts the instructions that the gate takes for one request, with Valgrind: a figure that does not depend on
//! how busy the machine is.

use std::hint::black_box;

use actix_web::{
    App,
    rt::System,
    test::{self, TestRequest},
    web::Data,
};
use gungraun::{library_benchmark, library_benchmark_group, main};
use portcullis::{secrets::SigningKey, state::State, store::lease_settings};
use portcullis_bench::{
    people::{COOKIES, JWTS, NOTHING, People, TOKENS},
    served::{Behind, Served},
};
use tempfile::TempDir;

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PASSES: usize = 1000;

/// Sends requests in a loop, and returns how often the store was queried meanwhile.
type Asking = Box<dyn FnOnce() -> Asked>;

struct Asked {
    state: Data<State>,
    before: u64,
    _folder: TempDir,
}

/// Starts a server with one user whose credentials are in the cache. The returned closure requests the handler
/// behind `behind` with the headers of the file `presented`.
fn ask(behind: Behind, presented: &str) -> Asking {
    let folder = tempfile::tempdir().expect("a folder");
    let key = SigningKey::generate();
    let database = format!("sqlite:{}", folder.path().join("portcullis.db").display());
    let served = Served::start(&database, folder.path(), &key, 1, 100).expect("the server starts");
    let (state, system) = (served.state, System::new());
    let (app, line) = system.block_on(async {
        let people =
            People::make(1, &state, &key, folder.path()).await.expect("the users are created");
        people.join(&state.store).await.expect("the users are added");
        // Valgrind is slow: a lease of 300 ms would end during the measurement.
        lease_settings::set(&state.store, 10_000).await.expect("the lease is set");
        let app = App::new().configure(|config| behind.serve(config, &state, &key));
        let line = std::fs::read_to_string(folder.path().join(presented)).expect("a header");
        (test::init_service(app).await, line)
    });
    let header =
        line.trim().split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    let pass = move |times| {
        system.block_on(async {
            for _ in 0..times {
                let mut request = TestRequest::get();
                if let Some((name, value)) = &header {
                    request = request.insert_header((name.as_str(), value.as_str()));
                }
                let response = test::call_service(&app, request.to_request()).await;
                assert_eq!(black_box(response).status(), 200);
            }
        });
    };
    // Repeats until the credential is cached and its first use is noted.
    let mut before = u64::MAX;
    while before != state.store.stats().lookups {
        before = state.store.stats().lookups;
        pass(1);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Box::new(move || {
        pass(PASSES);
        Asked { state, before, _folder: folder }
    })
}

fn remembered(asked: Asked) {
    assert_eq!(asked.state.store.stats().lookups, asked.before, "the store was queried");
}

#[library_benchmark(setup = ask, teardown = remembered)]
#[bench::bare(Behind::Nothing, NOTHING)]
#[bench::jwt(Behind::Jwt, JWTS)]
#[bench::actix_session_alone(Behind::ActixSession, COOKIES)]
#[bench::nothing_presented(Behind::Gate, NOTHING)]
#[bench::cookie(Behind::Gate, COOKIES)]
#[bench::token(Behind::Gate, TOKENS)]
fn a_thousand_passes(asking: Asking) -> Asked {
    asking()
}

library_benchmark_group!(name = gate, benchmarks = a_thousand_passes);
main!(library_benchmark_groups = gate);
