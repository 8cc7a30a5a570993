//! The operations of a resource.

/// Expands to one operation.
#[doc(hidden)]
#[macro_export]
macro_rules! resource_operation {
    (list $name:ident $row:ident $create:ident $update:ident $path:literal, $one:literal, $many:literal) => {
        #[allow(missing_docs, reason = "the document describes it")]
        #[utoipa::path(
            get, path = $path, tag = $many, summary = concat!("List your ", $many),
            description = "Newest first; `nextCursor` leads to the next page.",
            params($crate::api::page::Paging),
            responses((
                status = 200, description = "A page, newest first", body = $crate::api::page::Page<$row>
            ))
        )]
        pub async fn $name(
            owner: $crate::gate::Owner,
            state: actix_web::web::Data<$crate::state::State>,
            $crate::api::query::ValidQuery(paging): $crate::api::query::ValidQuery<$crate::api::page::Paging>,
        ) -> Result<actix_web::web::Json<$crate::api::page::Page<$row>>, $crate::error::Error> {
            let window = $crate::api::page::window(paging.cursor, paging.before, paging.limit)?;
            let page = $row::list(&state.store, &owner, window).await?;
            Ok(actix_web::web::Json($crate::api::page::Page::of(page, |row| row)))
        }
    };
    (create $name:ident $row:ident $create:ident $update:ident $path:literal, $one:literal, $many:literal) => {
        #[allow(missing_docs, reason = "the document describes it")]
        #[utoipa::path(
            post, path = $path, tag = $many, summary = concat!("Create ", $one),
            description = "It belongs to you: other users can neither see nor change it.", request_body = $create,
            responses((
                status = 201, description = "It was created", body = $row,
                headers(("Location" = String, description = "Its URL"))
            ))
        )]
        pub async fn $name(
            owner: $crate::gate::Owner,
            state: actix_web::web::Data<$crate::state::State>,
            $crate::api::json::ValidJson(body): $crate::api::json::ValidJson<$create>,
        ) -> Result<actix_web::HttpResponse, $crate::error::Error> {
            let row = $row::new(&owner, body, state.clock.now()).insert(&state.store, Vec::new()).await?;
            Ok($crate::api::created($path, &row.id, &row))
        }
    };
    (show $name:ident $row:ident $create:ident $update:ident $path:literal, $one:literal, $many:literal) => {
        #[allow(missing_docs, reason = "the document describes it")]
        #[utoipa::path(
            get, path = concat!($path, "/{id}"), tag = $many, summary = concat!("See ", $one),
            description = "What belongs to another user is 404, like what does not exist.",
            params(("id" = uuid::Uuid, Path, description = concat!("The id of ", $one))),
            responses((status = 200, description = "It was found", body = $row))
        )]
        pub async fn $name(
            owner: $crate::gate::Owner,
            state: actix_web::web::Data<$crate::state::State>,
            id: actix_web::web::Path<uuid::Uuid>,
        ) -> Result<actix_web::web::Json<$row>, $crate::error::Error> {
            let found = $row::find(&state.store, &owner, id.to_string()).await?;
            Ok(actix_web::web::Json(found.ok_or($crate::error::Code::NotFound)?))
        }
    };
    (update $name:ident $row:ident $create:ident $update:ident $path:literal, $one:literal, $many:literal) => {
        #[allow(missing_docs, reason = "the document describes it")]
        #[utoipa::path(
            patch, path = concat!($path, "/{id}"), tag = $many, summary = concat!("Change ", $one),
            description = "What is left out stays as it is.",
            params(("id" = uuid::Uuid, Path, description = concat!("The id of ", $one))),
            request_body = $update,
            responses((status = 200, description = "As it is now", body = $row))
        )]
        pub async fn $name(
            owner: $crate::gate::Owner,
            state: actix_web::web::Data<$crate::state::State>,
            id: actix_web::web::Path<uuid::Uuid>,
            $crate::api::json::ValidJson(body): $crate::api::json::ValidJson<$update>,
        ) -> Result<actix_web::web::Json<$row>, $crate::error::Error> {
            let now = state.clock.now();
            let found = $row::update(&state.store, &owner, id.to_string(), body, now).await?;
            Ok(actix_web::web::Json(found.ok_or($crate::error::Code::NotFound)?))
        }
    };
    (delete $name:ident $row:ident $create:ident $update:ident $path:literal, $one:literal, $many:literal) => {
        #[allow(missing_docs, reason = "the document describes it")]
        #[utoipa::path(
            delete, path = concat!($path, "/{id}"), tag = $many, summary = concat!("Delete ", $one),
            description = "This cannot be undone.",
            params(("id" = uuid::Uuid, Path, description = concat!("The id of ", $one))),
            responses((status = 204, description = "It was deleted"))
        )]
        pub async fn $name(
            owner: $crate::gate::Owner,
            state: actix_web::web::Data<$crate::state::State>,
            id: actix_web::web::Path<uuid::Uuid>,
        ) -> Result<actix_web::HttpResponse, $crate::error::Error> {
            if $row::delete(&state.store, &owner, id.to_string()).await? {
                Ok(actix_web::HttpResponse::NoContent().finish())
            } else {
                Err($crate::error::Code::NotFound.into())
            }
        }
    };
    ($other:ident $($rest:tt)*) => {
        compile_error!(concat!(
            "`", stringify!($other), "` is no operation: list, create, show, update and delete are"
        ));
    };
}
