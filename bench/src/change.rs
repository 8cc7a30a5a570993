//! Changes a user at a steady rate, so that epochs begin although none of the measured credentials is affected.

use std::{io, thread, time::Duration};

use actix_web::web::Data;
use portcullis::{
    state::State,
    store::{
        activity::{Action, Event},
        lease_settings,
        registration::{self, CreateUserOptions},
        users::{self, Profile, Role, User},
    },
};

/// Turns leases on, and changes a user this many times a second until the process ends.
///
/// # Errors
/// When the database cannot be used.
pub fn begin(state: Data<State>, each_second: u32) -> io::Result<()> {
    let system = actix_web::rt::System::new();
    let now = state.clock.now();
    let id = format!("{:p}", state.get_ref());
    let user = User::new("Changed".to_owned(), format!("{id}@example.com"), Role::User, now);
    let id = user.id.clone();
    system.block_on(async {
        lease_settings::set(&state.store, 300).await.map_err(io::Error::other)?;
        let event = Event::new(None, Action::UserCreated, &id, &Default::default(), now);
        let with = CreateUserOptions { account: None, mail: None, event };
        let opened =
            registration::create_user(&state.store, user, with).await.map_err(io::Error::other)?;
        opened.map(drop).map_err(io::Error::other)
    })?;
    if each_second > 0 {
        let pause = Duration::from_secs(1) / each_second;
        thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                loop {
                    let now = state.clock.now();
                    let profile = Profile { name: None, image: None, updated_at: now };
                    if users::update_profile(&state.store, id.clone(), profile).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(pause).await;
                }
            });
        });
    }
    Ok(())
}
