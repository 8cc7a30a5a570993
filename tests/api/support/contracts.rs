//! Contracts: the tests that every mailed link must pass. The test file of a link describes it by implementing a trait, and
//! adds the tests with one macro call.

pub mod mailed_link;

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
