//! The application that each worker thread serves: the routes, and the middleware around them.

use actix_web::{
    App,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::from_fn,
    web::{self, Data, PathConfig},
};

use super::{cors, limit, panics, request_context, unread_body};
use crate::{
    docs::{self, Document},
    error::{Code, Error},
    gate,
    product::Product,
    routes,
    secrets::SigningKeys,
    state::State,
};

#[cfg(feature = "pages")]
use crate::pages;

/// What the applications of all worker threads are built from.
#[derive(Clone)]
pub(super) struct Application {
    pub product: Product,
    pub document: Data<Document>,
    pub state: Data<State>,
    pub keys: SigningKeys,
}

impl Application {
    /// Builds the application of one worker thread. Without the root, that is without `/` and a route that matches every
    /// path, another application can add routes to it.
    pub(super) fn build(
        &self,
        root: bool,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<impl MessageBody + use<>>,
            Error = actix_web::Error,
            InitError = (),
        > + use<>,
    > {
        let Self { product, document, state, keys } = self;
        let app = App::new()
            .app_data(state.clone())
            .configure(|config| {
                if let Some(own) = state.own.get() {
                    own.serve(config);
                }
            })
            // An unparsable id results in 404.
            .app_data(
                PathConfig::default().error_handler(|_, _| Error::from(Code::NotFound).into()),
            )
            .configure(|config| routes::configure(config, product, state, keys))
            .configure(|config| docs::serve(config, document, state))
            .configure(|config| {
                #[cfg(feature = "pages")]
                pages::serve(config, product, state, keys);
                if root {
                    docs::serve_root(config, state);
                    #[cfg(feature = "pages")]
                    pages::serve_root(config, state, keys);
                }
            })
            .default_service(web::to(routes::nothing))
            .wrap(from_fn(gate::fail_closed_without_gate))
            .wrap(from_fn(panics::catch))
            .wrap(from_fn(limit::refuse));
        #[cfg(feature = "pages")]
        let app =
            app.wrap(from_fn(pages::render_error_pages)).wrap(from_fn(pages::accept_native_forms));
        app.wrap(cors::middleware(&state.site))
            .wrap(from_fn(cors::tidy))
            .wrap(from_fn(limit::count))
            .wrap(from_fn(request_context::wrap))
            .wrap(from_fn(unread_body::bound))
    }
}
