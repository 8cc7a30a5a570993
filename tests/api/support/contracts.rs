//! Contracts: the tests that every resource or mailed link of a kind must pass. The test file of a resource or link
//! describes it by implementing a trait, and adds the tests with one macro call.

pub mod mailed_link;
pub mod user_owned_resource;

/// Adds a test for each of these functions of a contract, called with a type that implements the contract's trait.
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
