//! Request bodies, for every operation that has one.

use std::{cell::RefCell, iter};

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{assert_documented, holds, runtime};
use crate::{security::access::make, support::*};

/// Generates any JSON as text, since no value in memory can hold half a surrogate pair or a number of 400
/// digits.
fn json_text() -> impl Strategy<Value = String> {
    let fixed = select(vec![
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1e999",
        "-1e-999",
        "0.1",
        "4294967296",
        "1E400",
        "123456789012345678901234567890",
        "\"\"",
        r#""\u0000""#,
        r#""a\u0000b""#,
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\u202e\u2028""#,
        r#""ada@example.com""#,
        r#""a@\u0000[1.1.1.1]""#,
        r#""https://example.com/\u0000""#,
        r#""/\u0000""#,
        r#""admin""#,
        r#""correct horse battery staple""#,
        r#"{"$ne":null}"#,
        r#"{"__proto__":{"role":"admin"}}"#,
        r#"["read","admin"]"#,
        r#"{"a":1,"a":2}"#,
    ]);
    let leaf = prop_oneof![
        4 => fixed.prop_map(str::to_owned),
        3 => any::<String>().prop_map(|text| Value::from(text).to_string()),
        1 => any::<i128>().prop_map(|number| number.to_string()),
        1 => (1..400usize).prop_map(|digits| "9".repeat(digits)),
        1 => (1..20_000usize).prop_map(|depth| "[".repeat(depth) + &"]".repeat(depth)),
        1 => (1..5_000usize).prop_map(|depth| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth)),
        1 => (1..70_000usize).prop_map(|length| Value::from("é".repeat(length / 2)).to_string()),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let named = (any::<String>(), inner.clone());
        prop_oneof![
            vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            vec(named, 0..5).prop_map(|members| object(members.into_iter())),
        ]
    })
}

fn object(members: impl Iterator<Item = (String, String)>) -> String {
    let members = members.map(|(name, value)| format!("{}:{value}", Value::from(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// What happens to a member of an example.
#[derive(Debug, Clone)]
enum Fate {
    Stays,
    Leaves,
    Becomes(String),
}

/// Generates bodies for an operation: its example with members changed, left out or added, any JSON, or no
/// JSON.
fn bodies(document: &Value, operation: &Operation<'_>) -> impl Strategy<Value = Vec<u8>> + use<> {
    let example = operation.example().unwrap().clone();
    let reference =
        &operation.value["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let schema = document.pointer(reference.as_str().unwrap().trim_start_matches('#')).unwrap();
    let names: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let fate = prop_oneof![
        5 => Just(Fate::Stays),
        1 => Just(Fate::Leaves),
        3 => json_text().prop_map(Fate::Becomes),
    ];
    let fates = vec(fate, names.len());
    let further = option::weighted(0.2, (any::<String>(), json_text()));
    let shaped = (fates, further).prop_map(move |(fates, further)| {
        let kept = |name: &String| example.get(name).map(Value::to_string);
        let members = names.iter().zip(fates).filter_map(|(name, fate)| match fate {
            Fate::Stays => Some((name.clone(), kept(name)?)),
            Fate::Leaves => None,
            Fate::Becomes(text) => Some((name.clone(), text)),
        });
        object(members.chain(further)).into_bytes()
    });
    let shaped = shaped.boxed();
    let cut = (shaped.clone(), any::<prop::sample::Index>()).prop_map(|(mut body, at)| {
        body.truncate(at.index(body.len()));
        body
    });
    prop_oneof![
        6 => shaped,
        2 => json_text().prop_map(String::into_bytes),
        1 => cut,
        1 => vec(any::<u8>(), 0..200),
    ]
}

/// Invariant: whatever body an admin sends, the response is one that the operation documents, never a 500, and
/// a documented problem where the body is rejected.
#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
fn any_request_body_gets_a_documented_response(#[case] backend: Backend) {
    let runtime = runtime();
    let (server, document) = runtime.block_on(async {
        let server = backend.start().await;
        let document = server.anonymous.get("/openapi.json").await.expect(200);
        (server, document)
    });
    let all = Operation::all(&document);
    let numbers = RefCell::new(0..);
    let someone = async || {
        let number = numbers.borrow_mut().next().unwrap();
        server.sign_up_admin(&format!("admin{number}")).await
    };
    let media = select(
        iter::repeat_n("application/json", 8)
            .chain([
                "application/json; charset=utf-8",
                "text/plain",
                "application/x-www-form-urlencoded",
                "/",
            ])
            .collect::<Vec<_>>(),
    );
    let mut accepted = 0;
    for operation in all.iter().filter(|operation| operation.example().is_some()) {
        let (owner, path) = runtime.block_on(async {
            let (owner, other) = (someone().await, someone().await);
            let Some((collection, rest)) = operation.path.split_once("/{id}") else {
                return (owner, operation.path.to_owned());
            };
            let of = if collection.starts_with("/api/admin/") { &other } else { &owner };
            let id = make(&server, of, collection).await;
            (owner, format!("{collection}/{id}{rest}"))
        });
        accepted += 1;
        let caller = RefCell::new(owner.browser.clone());
        holds(
            &runtime,
            12,
            (media.clone(), bodies(&document, operation)),
            async |(media, body)| {
                let mut admin = caller.borrow().clone();
                // Some of these requests end the session that sends them, or delete the account.
                if admin.get("/api/admin/users?limit=1").await.status != 200 {
                    admin = someone().await.browser;
                    caller.replace(admin.clone());
                }
                let request = admin.request(operation.method.clone(), &path);
                let reply = Reply::of(request.header("Content-Type", media).body(body)).await;
                assert_documented(&document, operation, &reply);
            },
        );
    }
    assert!(accepted >= 15, "{accepted}");
}
