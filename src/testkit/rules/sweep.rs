//! Calls every operation with every kind of credential, and compares the responses with what `security` declares.
//!
//! A credential counts as accepted only if the response is the documented success, for an existing id and a valid body.
//! An operation that succeeds in no case is wrong too.

use std::fmt::{Debug, Write as _};

use futures_util::future::join_all;

use super::{AccessRules, Items, Violation, cases::Case, items::replace_taken, rows::Rows};
use crate::testkit::{Backend, Operation, Reply, Server};

/// How many servers run in parallel. On one server the cases run one after the other, because a case may advance its
/// clock.
const SERVERS: usize = 4;

/// The response to a request, and what it changed that it must not.
pub struct Outcome {
    /// The response.
    pub reply: Reply,
    /// What it changed.
    pub changed: Option<String>,
}

impl<I: Items> AccessRules<I> {
    pub(super) async fn unenforced(&self, backend: Backend) -> Vec<String> {
        let operations = self.operations();
        if operations.is_empty() {
            return vec!["the product has no operation of its own".to_owned()];
        }
        let has_custom_scopes = self.product.custom_scopes().next().is_some();
        let custom = has_custom_scopes.then_some(Case::WITH_CUSTOM_SCOPES).into_iter().flatten();
        let cases: Vec<Case> = Case::ALL.into_iter().chain(custom).collect();
        let parts = operations.chunks(operations.len().div_ceil(SERVERS));
        let swept = join_all(parts.map(async |part| {
            let server = self.start(backend).await;
            let rows = Rows::of(&server).await;
            let call = async |operation: &Operation<'_>, case: Case| {
                self.call(&server, &rows, operation, case).await
            };
            let expected =
                |operation: &Operation<'_>, case: Case| operation.expected_status(case.accepted());
            sweep(part, &cases, expected, call).await.1
        }));
        swept.await.concat()
    }

    /// Calls an operation with a new user and new items.
    async fn call(
        &self,
        server: &Server,
        rows: &Rows,
        operation: &Operation<'_>,
        case: Case,
    ) -> Result<Outcome, Violation> {
        let users = self.new_users(server, case.is_by_admin()).await;
        let path = self.filled(server, &users, operation).await?;
        let mut body = self.body(server, &users.caller, operation).await?;
        let caller = case.caller(server, &users.caller).await;
        let (mut before, mut reply);
        loop {
            before = rows.read(server, &[]).await;
            let mut request = operation.request(&caller, &path, body.as_ref());
            if let Some(authorization) = case.authorization() {
                request = request.header("Authorization", authorization);
            }
            reply = Reply::of(request).await;
            // Unique values, of an item of an earlier case.
            let problem = reply.json();
            if reply.status != 409
                || !body.as_mut().is_some_and(|body| replace_taken(body, &problem))
            {
                break;
            }
        }
        let must_not_change = operation.is_safe() || !reply.status.is_success();
        let changed =
            if must_not_change { before.difference(&rows.read(server, &[]).await) } else { None };
        Ok(Outcome { reply, changed })
    }
}

/// Calls these operations in every case. Returns a row of statuses for each, and what is wrong.
pub async fn sweep<C: Copy + Debug>(
    operations: &[Operation<'_>],
    cases: &[C],
    expected: impl Fn(&Operation<'_>, C) -> u16,
    call: impl AsyncFn(&Operation<'_>, C) -> Result<Outcome, Violation>,
) -> (String, Vec<String>) {
    let mut wrong = Vec::new();
    let mut table = String::new();
    for operation in operations {
        let (method, path) = (operation.method.as_str(), operation.path);
        let mut succeeded = false;
        let _ = write!(table, "{method:<6} {path:<40}");
        for case in cases {
            let expected = expected(operation, *case);
            let Outcome { reply, changed } = match call(operation, *case).await {
                Ok(outcome) => outcome,
                Err(violation) => {
                    wrong.push(violation);
                    continue;
                }
            };
            let status = reply.status.as_u16();
            let _ = write!(table, " {status}");
            succeeded |= status == operation.success();
            if status != expected {
                wrong.push(format!(
                    "{method} {path} as {case:?}: {status}, declared {expected}: {}",
                    reply.text
                ));
            }
            if let Some(changed) = changed {
                let why = if operation.is_safe() { "has a safe method" } else { "was rejected" };
                wrong.push(format!(
                    "{method} {path} as {case:?} {why} ({status}), and changed {changed}"
                ));
            }
        }
        table.push('\n');
        if !succeeded {
            wrong.push(format!("{method} {path} succeeded in no case"));
        }
    }
    (table, wrong)
}
