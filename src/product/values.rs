//! Values of a product's own types, which handlers and jobs use: its settings, and the states that it builds from them.

use std::{
    any::{Any, TypeId, type_name},
    collections::BTreeMap,
    marker::PhantomData,
    sync::Arc,
};

use actix_web::web::{Data, ServiceConfig};
use clap::Args;
use futures_util::future::LocalBoxFuture;

use crate::{cli::Failure, state::State};

/// What a product's state is built with.
#[non_exhaustive]
pub struct StartContext<'a, S> {
    /// The settings.
    pub settings: &'a S,
    /// The state that all requests share. The server does not serve requests yet, and no job runs.
    pub state: &'a State,
}

/// A value, without its type.
pub(crate) struct OwnValue {
    id: TypeId,
    value: Arc<dyn Any + Send + Sync>,
    serve: fn(Arc<dyn Any + Send + Sync>, &mut ServiceConfig),
}

impl OwnValue {
    pub(crate) fn of<T: Send + Sync + 'static>(value: T) -> Self {
        Self {
            id: TypeId::of::<T>(),
            value: Arc::new(value),
            serve: |value, config| {
                if let Ok(value) = value.downcast::<T>() {
                    config.app_data(Data::from(value));
                }
            },
        }
    }
}

/// The values of a running product, one for each type.
#[derive(Default)]
pub(crate) struct OwnValues(BTreeMap<TypeId, OwnValue>);

impl OwnValues {
    pub(crate) fn insert(&mut self, value: OwnValue) {
        self.0.insert(value.id, value);
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>())?.value.downcast_ref()
    }

    /// Makes the values available to handlers, as `Data`.
    pub(crate) fn serve(&self, config: &mut ServiceConfig) {
        for OwnValue { value, serve, .. } in self.0.values() {
            serve(value.clone(), config);
        }
    }
}

/// Builds a state, without its type.
pub(crate) trait BuildState: Send + Sync {
    fn id(&self) -> TypeId;
    fn type_name(&self) -> &'static str;
    fn build<'a>(
        &'a self,
        values: &'a OwnValues,
        state: &'a State,
    ) -> LocalBoxFuture<'a, Result<OwnValue, Failure>>;
}

/// Builds a state of the type `T` from settings of the type `S`.
pub(crate) struct StateBuilder<F, S, T> {
    pub build: F,
    pub types: PhantomData<fn(S) -> T>,
}

impl<F, S, T> BuildState for StateBuilder<F, S, T>
where
    F: AsyncFn(StartContext<'_, S>) -> Result<T, Failure> + Send + Sync,
    S: Args + Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    fn id(&self) -> TypeId {
        TypeId::of::<T>()
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }

    fn build<'a>(
        &'a self,
        values: &'a OwnValues,
        state: &'a State,
    ) -> LocalBoxFuture<'a, Result<OwnValue, Failure>> {
        Box::pin(async move {
            let settings = values.get::<S>().ok_or("its settings are missing")?;
            (self.build)(StartContext { settings, state }).await.map(OwnValue::of)
        })
    }
}
