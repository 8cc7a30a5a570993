//! The migration from the audit events of earlier versions to the activity log.

use std::collections::BTreeSet;

use super::*;

const NAME: &str = "2026-11-29-000026_activity";

/// Returns the SQL of the migration in one direction.
fn migration(backend: Backend, file: &str) -> String {
    let side = match backend {
        Backend::Sqlite => "sqlite",
        Backend::Postgres => "postgres",
    };
    let root = env!("CARGO_MANIFEST_DIR");
    fs::read_to_string(format!("{root}/migrations/{side}/{NAME}/{file}.sql")).unwrap()
}

#[apply(on_both_databases)]
async fn migration_keeps_earlier_events_and_down_restores_them(backend: Backend) {
    let home = TempDir::new().unwrap();
    let url = backend.database(home.path()).await;
    backend.migrate(&url).await;
    let tables = Tables::of(&url).await;
    let shape: BTreeSet<String> = tables.shape().await.into_iter().collect();
    tables.execute(&migration(backend, "down")).await;
    let now = if backend == Backend::Sqlite { "unixepoch() * 1000000" } else { "now()" };
    let id = |number: u32| format!("019ab300-5e27-7182-9f6c-00000000000{number}");
    let insert = |number: u32, actor: &str, action: &str, subject: &str| {
        format!(
            "INSERT INTO audit_events (id, actor_id, action, subject_id, detail, created_at)
             VALUES ('{}', {actor}, '{action}', '{subject}', '{{\"x\":1}}', {now});",
            id(number)
        )
    };
    let rows = [
        insert(1, "'root'", "user-created", "root"),
        insert(2, "'root'", "user-created", "ada"),
        insert(3, "NULL", "sessions-ended", "everybody"),
    ];
    tables.execute(&rows.concat()).await;
    tables.execute(&migration(backend, "up")).await;
    assert_eq!(tables.shape().await.into_iter().collect::<BTreeSet<_>>(), shape);

    let server = Server::on(&url, TempDir::new().unwrap(), &[]).await;
    let admin = server.sign_up_admin("admin").await;
    let log = admin.browser.get("/api/admin/activity?limit=100").await.expect(200);
    let old: Vec<Value> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["detail"] == json!({ "x": 1 }))
        .map(|event| {
            json!([
                event["id"],
                event["actorId"],
                event["action"],
                event["subjectId"],
                event["network"]
            ])
        })
        .collect();
    assert_eq!(
        old,
        [
            json!([id(3), null, "sessions-ended", "all-users", null]),
            json!([id(2), "root", "user-created", "ada", null]),
            json!([id(1), "root", "first-admin-created", "root", null]),
        ]
    );
    server.stop().await;

    tables.execute(&migration(backend, "down")).await;
    let update = "UPDATE audit_events SET action = 'restored' WHERE subject_id = 'everybody'";
    tables.execute(update).await;
}
