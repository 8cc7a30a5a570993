# List the recipes
_default:
    @just --list

# Install what the build and the tests need, and fetch the crates
setup:
    .ci/run install
    cargo fetch --locked

# Run the server on SQLite in ./data, at http://localhost:8080
dev *arguments:
    cargo run --locked -- {{ arguments }}

# Run the tests
test *arguments:
    cargo test --locked {{ arguments }}

# Run the tests of concurrent requests for this many rounds, on both databases
races rounds="1000":
    RACE_ROUNDS={{ rounds }} cargo test --locked --test api concurrent

# Run all checks that are not tests, as .ci/run does
lint:
    .ci/run format clippy bench docs openapi clients audit deny

# Regenerate openapi/openapi.json, after a route has changed
openapi:
    cargo run --locked -q -- openapi > openapi/openapi.new
    mv openapi/openapi.new openapi/openapi.json

# Regenerate docs/reference/public-api.txt, after a public item has changed
public-api:
    UPDATE_GENERATED=1 .ci/run docs

# Regenerate docs/reference and .env.example, after an error code, a route, a setting or a command has changed
reference:
    cargo run --locked -q -- errors > target/errors.md
    mv target/errors.md docs/reference/errors.md
    cargo run --locked -q -- routes > target/routes.md
    mv target/routes.md docs/reference/routes.md
    UPDATE_DOCS=1 cargo test --locked --test api -- readme::every_

# Kill the server this many times on each database, and compare with an external journal
crash-recovery rounds="500":
    KILL_ROUNDS={{ rounds }} cargo test --locked --test api crash_recovery:: -- --nocapture

# Hold this many slow connections while other clients are served
slow-clients sockets="2000":
    SLOW_SOCKETS={{ sockets }} cargo test --locked --test api slow_clients:: -- --nocapture

# Restart servers one by one under load for this many seconds
drain seconds="60":
    DRAIN_SECONDS={{ seconds }} cargo test --locked --test api drain:: -- --nocapture

# Upgrade a product to another version of the library under load, and return, on both databases
upgrade:
    .ci/run upgrade

# Deactivate a user at one of three instances, this many times
deactivations rounds="1000":
    DEACTIVATION_ROUNDS={{ rounds }} cargo test --locked --test api instances:: -- --nocapture

# Send this many cases of malformed and malicious input to each property
fuzz cases="20000":
    PROPTEST_CASES={{ cases }} cargo test --locked --test api fuzz:: -- --nocapture

# Run Schemathesis with this many cases per operation and phase
schemathesis examples="100":
    SCHEMATHESIS_EXAMPLES={{ examples }} cargo test --locked --test api schemathesis:: -- --nocapture

# Mutate the gate, the secrets and the store in every way that a test must detect; takes hours
mutants *arguments:
    cargo mutants -f src/gate.rs -f 'src/gate/*' -f 'src/secrets/*' -f src/store.rs -f 'src/store/**' {{ arguments }} -- \
        --lib --test api -- --skip pages:: --skip better_auth:: \
        --skip schemathesis:: --skip openapi:: --skip readme:: --skip rules:: --skip slow_clients:: --skip drain::

# Measure what the gate costs; --help lists the options
bench *arguments:
    cargo run --release --locked --manifest-path bench/Cargo.toml --target-dir target -- {{ arguments }}

# Count the instructions of one request, with Valgrind
instructions:
    cargo bench --locked --manifest-path bench/Cargo.toml --target-dir target

# Measure every list, search and page with a million users, on both databases; --help lists the options
scale *arguments:
    cargo build --release --locked
    python3 bench/scale.py --program target/release/portcullis {{ arguments }}

# Measure bulk revocations and deletions, and the latency of sign-ins and writes meanwhile, on both databases
bulk *arguments:
    cargo build --release --locked
    python3 bench/bulk.py --program target/release/portcullis {{ arguments }}
