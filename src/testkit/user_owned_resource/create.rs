//! `POST` to the list.

use super::*;

pub async fn create_returns_the_item_and_its_location<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    for (number, body) in R::valid_bodies().into_iter().chain([R::body("item")]).enumerate() {
        // Another user each time: a value may be unique among the items of one.
        let ada = server.sign_up(&format!("ada{number}")).await;
        let item = created_item::<R>(ada.browser.post(R::PATH, body.clone()).await);
        assert_eq!(item.path, format!("{}/{}", R::PATH, item.id));
        for (field, value) in body.as_object().unwrap() {
            assert!(item.shown.get(field).is_none_or(|shown| shown == value), "{}", item.shown);
        }
        assert_eq!(item.shown["createdAt"], server.now().to_string());
        assert_unchanged(&ada, &item).await;
    }
}

pub async fn create_with_an_invalid_field_is_rejected<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    for invalid in R::invalid_fields() {
        let body = with_field(R::body("x"), invalid.0.split('[').next().unwrap(), &invalid.1);
        assert_field_rejected(ada.browser.post(R::PATH, body).await, &invalid);
    }
    assert_eq!(list_items::<R>(&ada.browser).await, [Value::Null; 0]);
}

pub async fn create_with_an_unknown_field_is_rejected<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let grace = server.sign_up("grace").await;
    for (field, value) in owner_id_and_dates(&grace).into_iter().chain(R::unknown_fields()) {
        let reply = ada.browser.post(R::PATH, with_field(R::body("x"), field, &value)).await;
        assert_field_rejected(reply, &(field, value, ""));
    }
    for user in [ada, grace] {
        assert_eq!(list_items::<R>(&user.browser).await, [Value::Null; 0]);
    }
}

pub async fn create_without_a_required_field_is_rejected<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    let described = Body::of::<R>(&Method::POST);
    let required = described.required();
    for field in &required {
        let mut without = R::body("x");
        without.as_object_mut().unwrap().remove(*field).unwrap();
        for body in [without, with_field(R::body("x"), field, &Value::Null)] {
            let reply = ada.browser.post(R::PATH, body).await;
            assert_field_rejected(reply, &(*field, Value::Null, ""));
        }
    }
    let no_body = Reply::of(ada.browser.request(Method::POST, R::PATH)).await;
    for reply in [no_body, ada.browser.post(R::PATH, json!({})).await] {
        let problem = reply.assert_problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], required[0], "{problem}");
    }
    for body in [json!(null), json!("name"), json!(7), json!([])] {
        ada.browser.post(R::PATH, body).await.assert_problem(422, "validation_failed");
    }
    assert_eq!(list_items::<R>(&ada.browser).await, [Value::Null; 0]);
}

pub async fn create_with_nul_in_a_text_is_rejected<R: UserOwnedResource>(backend: Backend) {
    let server = Server::start(R::product(), backend).await;
    let ada = server.sign_up("ada").await;
    assert_nul_rejected::<R>(&ada.browser, Method::POST, R::PATH, R::body("x")).await;
    assert_eq!(list_items::<R>(&ada.browser).await, [Value::Null; 0]);
}
