//! `POST /api/projects`

use super::*;

const PATH: &str = "/api/projects";

#[apply(on_both_databases)]
async fn create_project_returns_its_location(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let body = json!({ "name": "Analytical Engine", "description": "It\n\tweaves.\r\n" });
    let reply = ada.browser.post(PATH, body).await;
    let location = reply.header("location").unwrap().to_owned();
    let created = reply.expect(201);
    let now = server.now().to_string();
    assert_eq!(location, format!("{PATH}/{}", created["id"].as_str().unwrap()));
    assert_eq!(
        created,
        json!({
            "id": created["id"],
            "name": "Analytical Engine",
            "shortName": null,
            "description": "It\n\tweaves.\r\n",
            "status": "planned",
            "estimatedHours": null,
            "dueDate": null,
            "createdAt": now,
            "updatedAt": now,
        })
    );
    assert_eq!(ada.browser.get(&location).await.expect(200), created);
}

#[apply(on_both_databases)]
async fn create_project_keeps_a_name_in_any_script(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    for name in ["x", " Ada's ", "Ünïcödé", "機関", "'; DROP TABLE projects; --", &"🦀".repeat(100)]
    {
        let created = ada.browser.post(PATH, json!({ "name": name })).await.expect(201);
        assert_eq!(created["name"], name);
        assert_eq!(created["description"], Value::Null);
        let path = format!("{PATH}/{}", created["id"].as_str().unwrap());
        assert_eq!(ada.browser.get(&path).await.expect(200), created);
    }
}

/// A newer version may store a status that this one does not know. `faults::rows` tests the same for roles and scopes.
#[apply(on_both_databases)]
async fn unknown_project_status_is_shown_unchanged(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let created = ada.browser.post(PATH, json!({ "name": "x" })).await.expect(201);
    execute(&server, "UPDATE projects SET status = 'archived'").await;
    let path = format!("{PATH}/{}", created["id"].as_str().unwrap());
    let renamed = ada.browser.patch(&path, json!({ "name": "y" })).await.expect(200);
    assert_eq!(renamed["status"], "archived");
    assert_eq!(ada.browser.get(PATH).await.expect(200)["items"], json!([renamed]));
}
