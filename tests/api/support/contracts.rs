//! Contracts: the tests that each resource or link of a kind must pass. What it is, its own test file describes; one line
//! there adds the tests, each by its name.

pub mod mailed_link;
pub mod user_owned_resource;

/// Adds the tests of these names, which are functions of a contract, for a type that the contract is about.
macro_rules! contract_tests {
    ($contract:ident<$subject:ty>: $($test:ident,)+) => {
        $(
            #[apply(on_both_databases)]
            async fn $test(backend: Backend) {
                $contract::$test::<$subject>(backend).await;
            }
        )+
    };
}

pub(crate) use contract_tests;
