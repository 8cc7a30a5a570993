//! What the constraints of the table mean to a client.

use portcullis::{
    error::{Code, Error},
    gate::Owner,
    store::page::new_id,
};

use super::*;
use crate::projects::project::{CreateProject, Project};

const DELETE_USER: &str = "/api/auth/delete-user";

fn project(server: &Server, user_id: String) -> Project {
    let body: CreateProject = serde_json::from_value(json!({ "name": "x" })).unwrap();
    Project::new(&Owner::user(user_id), body, server.now())
}

#[apply(on_both_databases)]
async fn create_project_for_a_deleted_user_is_unauthorized(backend: Backend) {
    let server = backend.start().await;
    let project = project(&server, new_id());
    let broken = project.insert(&server.state.store, Vec::new()).await.unwrap_err();
    assert!(Error::from(broken).is(Code::Unauthorized));
}

/// Follows a constraint that the table's author has declared, from the statement to the response.
#[apply(on_both_databases)]
async fn duplicate_project_short_name_of_one_user_is_a_conflict(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    let body = json!({ "name": "x", "shortName": "engine" });
    ada.browser.post(Projects::PATH, body.clone()).await.expect(201);
    let other = ada.browser.post(Projects::PATH, json!({ "name": "y" })).await.expect(201);
    let project_path = format!("{}/{}", Projects::PATH, other["id"].as_str().unwrap());
    for reply in [
        ada.browser.post(Projects::PATH, body.clone()).await,
        ada.browser.patch(&project_path, body.clone()).await,
    ] {
        let problem = reply.assert_problem(409, "conflict");
        assert_eq!(problem["detail"], "You have a project of this short name already.");
        assert_eq!(problem["errors"][0]["field"], "shortName", "{problem}");
        assert_eq!(problem["errors"][0]["code"], "taken", "{problem}");
    }
    assert_eq!(ada.browser.get(&project_path).await.expect(200), other, "the project is unchanged");
    grace.browser.post(Projects::PATH, body.clone()).await.expect(201);
    // NULL may occur twice.
    ada.browser.post(Projects::PATH, json!({ "name": "z" })).await.expect(201);
}

/// A range that a handler has forgotten to check.
#[apply(on_both_databases)]
async fn number_outside_a_check_constraint_is_a_validation_error(backend: Backend) {
    let server = backend.start().await;
    let ada = server.sign_up("ada").await;
    let project = Project { estimated_hours: Some(0), ..project(&server, ada.id.clone()) };
    let broken = Error::from(project.insert(&server.state.store, Vec::new()).await.unwrap_err());
    assert!(broken.is(Code::ValidationFailed));
}

#[apply(on_both_databases)]
async fn concurrent_create_of_a_project_by_a_user_being_deleted_leaves_no_rows(backend: Backend) {
    let server = backend.start().await;
    for round in 0..6 {
        let ada = server.sign_up(&format!("ada{round}")).await;
        let script = ada.token(&["read", "write"]).await;
        ada.browser.post(DELETE_USER, json!({})).await.expect(200);
        let link = server.last_mail_to(&ada.email).await.secret();
        let (deleted, created) = tokio::join!(
            ada.browser.post(DELETE_USER, json!({ "token": link })),
            script.post(Projects::PATH, json!({ "name": "Analytical Engine" })),
        );
        deleted.expect(200);
        assert!([201, 401].contains(&created.status.as_u16()), "{}", created.text);
        server.wait_for_deletions().await;
        let sql = format!("SELECT id AS value FROM projects WHERE user_id = '{}'", ada.id);
        assert_eq!(select(&server, &sql).await, [""; 0]);
    }
}
