//! What concerns a user's own account in the activity log.

use actix_web::{HttpResponse, web::Data};
use askama::Template;

use crate::{
    error::Error,
    gate::{ByCookie, Session},
    pages::{
        activity::{Entry, Reader, in_words},
        frame::{Frame, html},
        query::{FilterQuery, List, Pager},
    },
    state::State,
    store::{
        activity::{self, Filter},
        page::{Page, Window},
    },
};

#[derive(Template)]
#[template(path = "pages/settings-activity.html")]
struct OwnActivity {
    frame: Frame,
    nav_section: &'static str,
    events: Page<Entry>,
    pager: Pager,
}

pub(in crate::pages) async fn activity(
    session: Session,
    _: ByCookie,
    state: Data<State>,
    query: FilterQuery,
) -> Result<HttpResponse, Error> {
    let list = List::of("/settings/activity", &[]);
    let window: Window = list.window(&query);
    let filter = Filter { subject_id: Some(session.user.id.clone()), ..Filter::default() };
    let found = activity::list(&state.store, filter, window.clone()).await?;
    let pager = list.pager(&window, &found);
    html(&OwnActivity {
        frame: Frame::of(&state, Some(&session), "settings"),
        nav_section: "activity",
        events: in_words(&state.store, found, Reader::Subject).await?,
        pager,
    })
}
