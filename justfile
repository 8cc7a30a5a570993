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

# Run the races for long: two at once, so many times, on both databases
races rounds="1000":
    RACE_ROUNDS={{ rounds }} cargo test --locked --test api -- races:: two_admins_who_de \
        a_demotion_and_a_lock_out of_two_who_give_one_address of_two_who_want_one_address_at_once \
        of_two_who_sign_up_with_one_address password_reset::of_two_who_use_a_link \
        no_sign_in_with_the_old_password_outlives who_is_locked_out_meanwhile_gets_no_new_session \
        a_lock_out_and_a_new_token an_admins_token_that_is_made_during_a_demotion \
        another_tabs_late_answer a_session_that_is_revoked_during_a_refresh

# Check all that is not a test, as .ci/run does
lint:
    .ci/run format clippy docs openapi audit deny

# Write openapi/openapi.json anew, after a route has changed
openapi:
    cargo run --locked -q -- openapi > openapi/openapi.new
    mv openapi/openapi.new openapi/openapi.json

# Measure what the gate costs; --help lists what may be asked of it
bench *arguments:
    cargo run --release --locked --manifest-path bench/Cargo.toml --target-dir target -- {{ arguments }}
