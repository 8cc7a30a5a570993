//! Replaces the recovery codes.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{proof, reauthenticate};
use crate::{
    api::{client::client, json::ProtocolJson, limited, tag},
    error::{Code, Error},
    gate::{ByCookie, Session},
    secrets::{Password, RecoveryCode},
    state::State,
    store::{
        activity::{Action, Event},
        two_factor_enrolment::{self as enrolment, Codes},
    },
};

/// Your password, and a code.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"password": "correct horse battery staple"}))]
pub struct GenerateBackupCodes {
    /// Your password. May be left out in a session in which you signed in, or entered it, within a day.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Password>,
    /// A code of the authenticator app, or a recovery code. May be left out in a session in which one was verified
    /// within fifteen minutes.
    code: Option<String>,
}

/// New recovery codes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewBackupCodes {
    /// Always true.
    #[schema(example = true)]
    status: bool,
    /// Ten recovery codes, each of which works once. They are not shown again.
    #[schema(example = json!(["k7m2q-xw9ed"]))]
    backup_codes: Vec<String>,
}

/// Replace your recovery codes
///
/// The old ones stop working.
#[utoipa::path(
    post, path = "/api/auth/two-factor/generate-backup-codes", tag = tag::AUTH, request_body = GenerateBackupCodes,
    responses((status = 200, description = "The new codes", body = NewBackupCodes)),
)]
pub async fn generate_backup_codes(
    _: limited::SignIn,
    session: Session,
    ByCookie(own): ByCookie,
    request: HttpRequest,
    state: Data<State>,
    ProtocolJson(body): ProtocolJson<GenerateBackupCodes>,
) -> Result<Json<NewBackupCodes>, Error> {
    reauthenticate(&state, &session, &own, &request, body.password).await?;
    let user = &session.user;
    if !user.two_factor_enabled {
        return Err(Code::TwoFactorNotEnabled.into());
    }
    let new = state.hashing.recovery_codes().await?;
    let codes = Codes { hashes: new.hashes, salt: new.salt };
    proof::required(&state, &request, user, &own, body.code, async |proof| {
        let now = state.clock.now();
        let event = Event::of_user(&user.id, Action::RecoveryCodesReplaced, &client(&request), now);
        let user_id = user.id.clone();
        let replaced =
            enrolment::replace_recovery_codes(&state.store, user_id, proof, codes, event);
        Ok(replaced.await?)
    })
    .await?;
    let backup_codes = new.codes.iter().map(RecoveryCode::reveal).collect();
    Ok(Json(NewBackupCodes { status: true, backup_codes }))
}
