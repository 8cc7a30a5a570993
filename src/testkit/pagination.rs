//! Pagination of lists.

use serde_json::Value;

use super::Caller;

/// Walks through a list to its end, and returns the items of each page.
pub async fn pages(caller: &Caller, path: &str) -> Vec<Vec<Value>> {
    let page_at = async |field: &str, cursor: &Value| {
        let part = cursor.as_str().map(|cursor| format!("&{field}={cursor}")).unwrap_or_default();
        let page = caller.get(&format!("{path}{part}")).await.expect(200);
        for cursor in ["previousCursor", "nextCursor"] {
            assert!(page.get(cursor).is_some(), "{cursor} is present also when it is null");
        }
        page
    };
    let items = |page: &Value| page["items"].as_array().unwrap().clone();
    let mut page = page_at("cursor", &Value::Null).await;
    assert_eq!(page["previousCursor"], Value::Null);
    let mut pages = vec![items(&page)];
    while page["nextCursor"].is_string() {
        page = page_at("cursor", &page["nextCursor"]).await;
        pages.push(items(&page));
    }
    // The way back has the same pages, and ends with the first one.
    for seen in pages.iter().rev().skip(1) {
        page = page_at("before", &page["previousCursor"]).await;
        assert_eq!(items(&page), *seen, "{path}");
    }
    assert_eq!(page["previousCursor"], Value::Null, "{path}");
    pages
}

/// Returns one member of each item.
pub fn each(items: &[Value], member: &str) -> Vec<String> {
    items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

/// Query strings that every list rejects.
pub const BAD_PAGES: [&str; 15] = [
    "limit=0",
    "limit=101",
    "limit=-1",
    "limit=abc",
    "limit=1.5",
    "limit=",
    "limit=4294967296",
    "limit=1&limit=2",
    "cursor=",
    "before=",
    "before=none",
    "cursor=019ac8a0-1111-7222-8333-444455556666&before=019ac8a0-1111-7222-8333-444455556666",
    "cursor=none",
    "cursor=%00",
    "page=2",
];
