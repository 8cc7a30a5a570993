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

# Check all that is not a test, as .ci/run does
lint:
    .ci/run format clippy docs openapi audit deny

# Write openapi/openapi.json anew, after a route has changed
openapi:
    cargo run --locked -q -- openapi > openapi/openapi.new
    mv openapi/openapi.new openapi/openapi.json
