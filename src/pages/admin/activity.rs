//! The activity log, with a form for its filters.

use actix_web::{HttpResponse, web::Data};
use askama::Template;
use strum::VariantArray;

use super::{frame, user_field::UserField};
use crate::{
    api::admin::activity::Network,
    error::Error,
    gate::{ByCookie, SiteAdmin},
    pages::{
        activity::{Entry, Reader, in_words},
        frame::{Frame, html},
        query::{Choice, FilterQuery, List, Pager, Parsed},
    },
    state::State,
    store::{
        activity::{self, Action, Filter},
        page::{Page, Window},
    },
    time::Date,
};

const PATH: &str = "/admin/activity";

#[derive(Template)]
#[template(path = "pages/admin-activity.html")]
struct EventList {
    frame: Frame,
    nav_section: &'static str,
    /// Whom the events concern.
    subject: UserField,
    /// Who caused them.
    actor: UserField,
    action: Choice<Action>,
    actions: Vec<(&'static str, String)>,
    network: Parsed<Network>,
    since: Parsed<Date>,
    until: Parsed<Date>,
    /// Whether a field is invalid: that must not show everything.
    is_wrong: bool,
    is_filtered: bool,
    events: Page<Entry>,
    pager: Pager,
}

pub(in crate::pages) async fn activity(
    admin: SiteAdmin,
    _: ByCookie,
    state: Data<State>,
    query: FilterQuery,
) -> Result<HttpResponse, Error> {
    let subject = UserField::read(&state.store, query.text("subject")).await?;
    let actor = UserField::read(&state.store, query.text("actor")).await?;
    let action: Choice<Action> = query.choice("action");
    let network: Parsed<Network> = query.parsed("network");
    let (since, until): (Parsed<Date>, Parsed<Date>) =
        (query.parsed("since"), query.parsed("until"));
    let errors =
        [&subject.error, &actor.error, &action.error, &network.error, &since.error, &until.error];
    let is_wrong = errors.iter().any(|error| !error.is_empty());
    let filter = [
        ("subject", subject.text.as_str()),
        ("actor", &actor.text),
        ("action", action.name()),
        ("network", &network.text),
        ("since", &since.text),
        ("until", &until.text),
    ];
    let list = List::of(PATH, &filter);
    let window: Window = list.window(&query);
    let found = if is_wrong {
        Page::default()
    } else {
        let wanted = Filter {
            actor_id: actor.id.clone(),
            subject_id: subject.id.clone(),
            action: action.value,
            network: network.value.as_ref().map(|Network(name)| name.clone()),
            since: since.value.map(Date::start),
            until: until.value.map(Date::end),
        };
        activity::list(&state.store, wanted, window.clone()).await?
    };
    let pager = list.pager(&window, &found);
    html(&EventList {
        frame: frame(&state, &admin),
        nav_section: "activity",
        is_filtered: filter.iter().any(|(_, value)| !value.is_empty()),
        subject,
        actor,
        action,
        actions: actions(),
        network,
        since,
        until,
        is_wrong,
        events: in_words(&state.store, found, Reader::Admin).await?,
        pager,
    })
}

/// Returns the name and the label of each action.
fn actions() -> Vec<(&'static str, String)> {
    Action::VARIANTS
        .iter()
        .map(|action| {
            let name: &'static str = action.into();
            (name, name.replace('-', " "))
        })
        .collect()
}
