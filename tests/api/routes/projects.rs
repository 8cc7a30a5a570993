//! `/api/projects`

mod columns;
mod constraints;
mod create;
mod tokens;

use portcullis::product::Product;

use crate::support::*;

struct Projects;

impl UserOwnedResource for Projects {
    fn product() -> Product {
        product()
    }

    const PATH: &'static str = "/api/projects";
    const LABEL: &'static str = "name";

    fn body(label: &str) -> Value {
        json!({ "name": label, "description": "of brass" })
    }

    fn valid_bodies() -> Vec<Value> {
        vec![
            json!({
                "name": "Analytical Engine", "shortName": "engine-1", "description": "of brass",
                "status": "done", "estimatedHours": 10_000, "dueDate": "9999-12-31"
            }),
            json!({
                "name": "1", "shortName": "1", "description": null,
                "status": "active", "estimatedHours": 1, "dueDate": "0001-01-01"
            }),
        ]
    }

    fn valid_changes() -> Vec<Value> {
        vec![
            json!({ "name": "renamed" }),
            json!({ "description": "new" }),
            json!({ "description": null }),
            json!({
                "shortName": "engine", "status": "done", "estimatedHours": 7, "dueDate": "2026-11-28"
            }),
            json!({ "shortName": null }),
            json!({ "estimatedHours": null }),
            json!({ "dueDate": null }),
            json!({ "shortName": "other" }),
            json!({ "status": "active" }),
            json!({ "estimatedHours": 8 }),
            json!({ "dueDate": "2024-02-29" }),
        ]
    }

    fn invalid_fields() -> Vec<InvalidField> {
        const SHORT_NAME: &str =
            "must be 1 to 30 characters of a-z, 0-9 and, between them, hyphens";
        const STATUS: &str = "must be one of planned, active, done";
        const HOURS: &str = "must be 1 to 10000";
        const DATE: &str = "must be a date such as 2026-11-28";
        let mut invalid = Vec::new();
        let mut add = |field, message, values: &[Value]| {
            invalid.extend(values.iter().map(|value| (field, value.clone(), message)));
        };
        let texts =
            ["", "   ", &"a".repeat(101), "two\nlines", "a bell \u{7}", "a nul \0", "\u{85}"];
        add("name", "", &texts.map(Value::from));
        add("name", "", &[json!(7), json!(true), json!(["name"]), json!({ "name": "name" })]);
        let texts = [&"a".repeat(2001), "a nul \0", "a bell \u{7}"];
        add("description", "", &texts.map(Value::from));
        add("description", "", &[json!(7), json!([])]);
        let texts = ["", "Engine", "an engine", "-engine", "engine-", "\u{fc}ber", &"e".repeat(31)];
        add("shortName", SHORT_NAME, &texts.map(Value::from));
        add("status", STATUS, &["", "Planned", "archived"].map(Value::from));
        add("estimatedHours", HOURS, &[0, -1, 10_001, i32::MIN].map(Value::from));
        let texts = ["", "2026-02-29", "2026-11-28T00:00:00Z", "28.11.2026", "0000-01-01"];
        add("dueDate", DATE, &texts.map(Value::from));
        // Values of another type.
        add("shortName", "", &[json!(7)]);
        add("status", "", &[json!(1), json!({ "planned": null })]);
        add("estimatedHours", "", &[json!("7"), json!(1.5), json!(4_294_967_296_u64)]);
        add("dueDate", "", &[json!(20_261_128)]);
        invalid
    }

    fn unknown_fields() -> Vec<(&'static str, Value)> {
        // Names of columns, in snake case, are not fields.
        vec![
            ("short_name", json!("engine")),
            ("estimated_hours", json!(7)),
            ("due_date", json!("2026-11-28")),
        ]
    }
}

user_owned_resource!(contract: Projects);
