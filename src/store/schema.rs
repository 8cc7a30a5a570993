//! The tables, once for both databases; a test compares this file with each of them after migration.

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::time::Moment;

    users (id) {
        id -> Text,
        name -> Text,
        email -> Text,
        email_verified -> Bool,
        image -> Nullable<Text>,
        role -> Text,
        deactivated_at -> Nullable<Moment>,
        created_at -> Moment,
        updated_at -> Moment,
        session_generation -> BigInt,
        token_generation -> BigInt,
        link_generation -> BigInt,
        deleted_at -> Nullable<Moment>,
        search_indexed -> Bool,
        two_factor_enabled -> Bool,
        suspended_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;

    user_words (word, user_id) {
        word -> Text,
        user_id -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::time::Moment;

    accounts (id) {
        id -> Text,
        user_id -> Text,
        provider_id -> Text,
        account_id -> Text,
        password_hash -> Nullable<Text>,
        created_at -> Moment,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use crate::time::Moment;

    sessions (id) {
        id -> Text,
        user_id -> Text,
        secret_hash -> Binary,
        expires_at -> Moment,
        authenticated_at -> Moment,
        last_seen_at -> Moment,
        remember -> Bool,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        created_at -> Moment,
        updated_at -> Moment,
        generation -> BigInt,
        methods -> Text,
        second_factor_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::time::Moment;

    two_factor (user_id) {
        user_id -> Text,
        secret -> Binary,
        key_fingerprint -> Binary,
        verified_at -> Nullable<Moment>,
        last_step -> BigInt,
        recovery_salt -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};

    recovery_codes (user_id, code_hash) {
        user_id -> Text,
        code_hash -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::time::Moment;

    trusted_devices (id) {
        id -> Text,
        user_id -> Text,
        secret_hash -> Binary,
        generation -> BigInt,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        created_at -> Moment,
        last_used_at -> Moment,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Text};
    use crate::time::Moment;

    sign_in_challenges (secret_hash) {
        secret_hash -> Binary,
        user_id -> Text,
        methods -> Text,
        remember -> Bool,
        attempts -> Integer,
        generation -> BigInt,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};

    passkey_handles (user_id) {
        user_id -> Text,
        handle -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use crate::time::Moment;

    passkeys (id) {
        id -> Text,
        user_id -> Text,
        name -> Text,
        credential_id -> Binary,
        public_key -> Binary,
        counter -> BigInt,
        transports -> Text,
        backup_eligible -> Bool,
        backed_up -> Bool,
        aaguid -> Text,
        created_at -> Moment,
        last_used_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::time::Moment;

    passkey_ceremonies (secret_hash) {
        secret_hash -> Binary,
        purpose -> Text,
        user_id -> Nullable<Text>,
        state -> Binary,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use crate::time::Moment;

    rate_limits (key) {
        key -> Binary,
        counted_at -> Moment,
        empty_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Integer};
    use crate::time::Moment;

    login_attempts (account, network) {
        account -> Binary,
        network -> Binary,
        failed -> Integer,
        last_at -> Moment,
        running -> Integer,
        begun_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use crate::time::Moment;

    known_networks (account, network) {
        account -> Binary,
        network -> Binary,
        seen_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use crate::time::Moment;

    used_links (secret_hash) {
        secret_hash -> Binary,
        user_id -> Text,
        email -> Text,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use crate::time::Moment;

    setup_links (secret_hash) {
        secret_hash -> Binary,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use crate::time::Moment;

    sign_up_links (secret_hash) {
        secret_hash -> Binary,
        email -> Text,
        name -> Text,
        job_id -> Text,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use crate::time::Moment;

    suspension_links (secret_hash) {
        secret_hash -> Binary,
        user_id -> Text,
        email -> Text,
        expires_at -> Moment,
    }
}

diesel::table! {
    suspensions (user_id) {
        user_id -> Text,
        email -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::time::Moment;

    known_clients (user_id, program, network) {
        user_id -> Text,
        program -> Text,
        network -> Text,
        last_used_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::time::Moment;

    provider_flows (state_hash) {
        state_hash -> Binary,
        provider_id -> Text,
        user_id -> Nullable<Text>,
        session_id -> Nullable<Text>,
        callback_url -> Nullable<Text>,
        new_user_callback_url -> Nullable<Text>,
        error_callback_url -> Nullable<Text>,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use crate::time::Moment;

    used_id_tokens (token_hash) {
        token_hash -> Binary,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::time::Moment;

    api_tokens (id) {
        id -> Text,
        user_id -> Text,
        token_hash -> Binary,
        display_prefix -> Text,
        name -> Text,
        scopes -> Text,
        expires_at -> Nullable<Moment>,
        last_used_at -> Nullable<Moment>,
        revoked_at -> Nullable<Moment>,
        created_at -> Moment,
        generation -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::time::Moment;

    activity (id) {
        id -> Text,
        actor_id -> Nullable<Text>,
        action -> Text,
        subject_id -> Text,
        detail -> Text,
        created_at -> Moment,
        network -> Nullable<Text>,
        device -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use crate::time::Moment;

    verifications (id) {
        id -> Text,
        user_id -> Text,
        purpose -> Text,
        secret_hash -> Binary,
        email -> Text,
        session_id -> Nullable<Text>,
        job_id -> Text,
        expires_at -> Moment,
        created_at -> Moment,
        generation -> BigInt,
        number -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::time::Moment;

    revocation_cleanup (id) {
        id -> Text,
        kind -> Text,
        user_id -> Nullable<Text>,
        cursor -> Text,
        revoked_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
    use crate::time::Moment;

    jobs (id) {
        id -> Text,
        kind -> Text,
        payload -> Text,
        user_id -> Nullable<Text>,
        attempts -> Integer,
        run_at -> Moment,
        last_error -> Nullable<Text>,
        given_up_at -> Nullable<Moment>,
        created_at -> Moment,
        leased -> Bool,
        fence -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable};
    use crate::time::Moment;

    retention_clock (id) {
        id -> Integer,
        mark -> Moment,
        jump -> Nullable<BigInt>,
        steady_from -> Nullable<Moment>,
        corrections -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Nullable, Text};
    use crate::time::Moment;

    signing_keys (instance_id, fingerprint) {
        instance_id -> Text,
        fingerprint -> Binary,
        signs -> Bool,
        accepted_at -> Nullable<Moment>,
        seen_at -> Moment,
    }
}

diesel::table! {
    locks (name) {
        name -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::time::Moment;

    schedules (name) {
        name -> Text,
        due_at -> Moment,
    }
}

diesel::table! {
    schema_compatibility (migration) {
        migration -> Text,
        oldest_binary -> Text,
        component -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Text};

    epoch (id) {
        id -> Integer,
        number -> BigInt,
        nonce -> Text,
        previous -> Text,
        lease_ms -> Integer,
        wait_ms -> Integer,
        session_generation -> BigInt,
        token_generation -> BigInt,
        link_generation -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};

    changes (number, concerns) {
        number -> BigInt,
        concerns -> Text,
        before -> Text,
        after -> Text,
    }
}

diesel::joinable!(accounts -> users (user_id));
diesel::joinable!(provider_flows -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(api_tokens -> users (user_id));
diesel::joinable!(verifications -> users (user_id));
diesel::joinable!(sign_in_challenges -> users (user_id));
diesel::joinable!(trusted_devices -> users (user_id));
diesel::joinable!(two_factor -> users (user_id));
diesel::joinable!(passkeys -> users (user_id));
diesel::joinable!(passkey_handles -> users (user_id));
diesel::joinable!(used_links -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(
    users,
    accounts,
    sessions,
    api_tokens,
    verifications,
    sign_in_challenges,
    trusted_devices,
    two_factor,
    passkeys,
    passkey_handles,
    used_links,
    epoch,
);
