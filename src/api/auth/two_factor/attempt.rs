//! An attempt to prove the second factor: in a session, or to complete a sign-in.

use actix_web::{HttpRequest, HttpResponse};

use super::{Verified, error_of, proof};
use crate::{
    api::{
        auth::{browser, device, passwords::renewal, throttle},
        client::client,
    },
    error::{Code as ErrorCode, Error},
    gate::{Prover, cookie::SessionCookie, second_factor_cookies},
    jobs::{Job, MailKind},
    secrets::{ChallengeHash, DeviceSecret, SessionSecret},
    state::State,
    store::{
        activity::{Action, Event},
        sessions::SessionRow,
        sign_in::{self, Completed, Completion, PendingSignIn, Renewal, SessionGrant, SignedIn},
        trusted_devices::NewTrustedDevice,
        two_factor::{self, TwoFactor},
        two_factor_enrolment::{self as enrolment, Change, Done, Proof, Step, Unchanged},
        users::User,
    },
};

/// A code that a user has typed.
#[derive(Clone, Copy)]
pub enum Code<'a> {
    /// Of an authenticator app.
    Totp(&'a str),
    /// A recovery code.
    Recovery(&'a str),
}

impl Code<'_> {
    async fn proof(self, state: &State, factor: &TwoFactor) -> Result<Option<Proof>, Error> {
        match self {
            Self::Totp(code) => proof::totp(state, factor, code).await,
            Self::Recovery(code) => proof::recovery(state, factor, code).await,
        }
    }

    const fn rejected(self) -> ErrorCode {
        match self {
            Self::Totp(_) => ErrorCode::InvalidCode,
            Self::Recovery(_) => ErrorCode::InvalidBackupCode,
        }
    }

    const fn not_enrolled(self) -> ErrorCode {
        match self {
            Self::Totp(_) => ErrorCode::TotpNotEnabled,
            Self::Recovery(_) => ErrorCode::BackupCodesNotEnabled,
        }
    }
}

/// A request with a code.
pub struct Attempt<'a> {
    state: &'a State,
    request: &'a HttpRequest,
    cookie: &'a SessionCookie,
    /// The new secret of the session, or the secret of the new session.
    secret: SessionSecret,
    /// The secret of the device, if it is to be trusted.
    device: Option<DeviceSecret>,
}

impl<'a> Attempt<'a> {
    pub fn new(
        state: &'a State,
        request: &'a HttpRequest,
        cookie: &'a SessionCookie,
        trust_device: bool,
    ) -> Self {
        let device = trust_device.then(DeviceSecret::generate);
        Self { state, request, cookie, secret: SessionSecret::generate(), device }
    }

    /// Makes the attempt, and responds.
    pub async fn make(&self, prover: Prover, code: Code<'_>) -> Result<HttpResponse, Error> {
        match prover {
            Prover::Session(user, own) => self.in_session(&user, &own, code).await,
            Prover::SignIn(secret) => self.of_sign_in(secret, code).await,
        }
    }

    async fn in_session(
        &self,
        user: &User,
        own: &SessionRow,
        code: Code<'_>,
    ) -> Result<HttpResponse, Error> {
        let factor = proof::enrolled(self.state, user, code.not_enrolled()).await?;
        let made = Box::pin(async {
            match code.proof(self.state, &factor).await? {
                Some(Proof::Step(step)) if factor.verified_at.is_none() => {
                    self.enable(user, own, &factor, step).await
                }
                Some(proof) => self.prove(user, own, proof).await,
                None => Ok(Err(Unchanged::CodeRejected)),
            }
        });
        let done = proof::attempt(self.state, self.request, &user.id, made).await?;
        let done = done.map_err(|unchanged| error_of(unchanged, code.rejected()))?;
        self.answer(done.user, own.id.clone(), done.renewed.as_ref())
    }

    /// Turns two-factor authentication on.
    async fn enable(
        &self,
        user: &User,
        own: &SessionRow,
        factor: &TwoFactor,
        step: i64,
    ) -> Result<Result<Done, Unchanged>, Error> {
        let now = self.state.clock.now();
        let change = Change {
            renewal: self.renewal(own, Proof::Step(step))?,
            trusted: self.trusted(&user.id),
            notice: Job::mail_to(user, MailKind::TwoFactorEnabled, now),
            event: Event::of_user(&user.id, Action::TwoFactorEnabled, &client(self.request), now),
        };
        let done = enrolment::enable(&self.state.store, factor.clone(), step, change, now).await?;
        if done.is_ok() {
            self.state.job_added.notify_one();
        }
        Ok(done)
    }

    /// Proves the second factor in the session.
    async fn prove(
        &self,
        user: &User,
        own: &SessionRow,
        proof: Proof,
    ) -> Result<Result<Done, Unchanged>, Error> {
        let trusted = self.trusted(&user.id);
        let step = Step { renewal: self.renewal(own, proof)?, trusted };
        let now = self.state.clock.now();
        Ok(enrolment::prove(&self.state.store, user.id.clone(), proof, step, now).await?)
    }

    /// Completes the sign-in that waits in this browser.
    async fn of_sign_in(
        &self,
        secret: ChallengeHash,
        code: Code<'_>,
    ) -> Result<HttpResponse, Error> {
        let state = self.state;
        let pending = sign_in::pending(&state.store, secret, state.clock.now()).await?;
        let pending = pending.ok_or(ErrorCode::InvalidTwoFactorCookie)?;
        if pending.is_exhausted() {
            return Err(ErrorCode::TooManyCodeAttempts.into());
        }
        let factor = two_factor::find(&state.store, pending.user_id.clone()).await?;
        let factor = factor.ok_or(ErrorCode::InvalidTwoFactorCookie)?;
        let user_id = pending.user_id.clone();
        let throttled = throttle::Attempt::second_factor(state, &user_id, self.request);
        let throttled = Box::pin(throttled).await?;
        let completed = Box::pin(self.complete(pending, &factor, code)).await;
        let proved = |completed: &Completed| matches!(completed, Completed::Proved(_));
        match Box::pin(throttled.resolve(state, completed, proved)).await? {
            Completed::Proved(SignedIn::Begun(begun)) => {
                let (user, grant) = *begun;
                self.answer(user, grant.session().id.clone(), Some(&grant))
            }
            Completed::Proved(SignedIn::Refused(refusal)) => Err(ErrorCode::from(refusal).into()),
            Completed::Proved(SignedIn::SecondFactorDue(_)) => Err(ErrorCode::Internal.into()),
            Completed::CodeRejected => Err(code.rejected().into()),
            Completed::Gone => Err(ErrorCode::InvalidTwoFactorCookie.into()),
        }
    }

    async fn complete(
        &self,
        pending: PendingSignIn,
        factor: &TwoFactor,
        code: Code<'_>,
    ) -> Result<Completed, Error> {
        let state = self.state;
        let proof = code.proof(state, factor).await?;
        let remember = pending.remember;
        let completion = Completion {
            proof,
            request: browser(&state.site, self.request, self.cookie, &self.secret, remember),
            trusted: self.trusted(&pending.user_id),
            pending,
        };
        Ok(sign_in::complete(&state.store, completion, state.clock.now()).await?)
    }

    fn renewal(&self, own: &SessionRow, proof: Proof) -> Result<Renewal, Error> {
        renewal(self.cookie, own, &self.secret, proof.and(own.methods))
    }

    fn trusted(&self, user_id: &str) -> Option<NewTrustedDevice> {
        let now = self.state.clock.now();
        let secret = self.device.as_ref()?;
        Some(NewTrustedDevice::new(user_id, secret.hash(), device(self.request), now))
    }

    fn answer(
        &self,
        user: User,
        session_id: String,
        grant: Option<&SessionGrant>,
    ) -> Result<HttpResponse, Error> {
        let site = &self.state.site;
        if let Some(grant) = grant {
            self.cookie.set(grant, &self.secret)?;
        }
        let mut response = HttpResponse::Ok();
        if let Some(secret) = &self.device {
            response.cookie(second_factor_cookies::for_device(site, secret));
        }
        if second_factor_cookies::challenge(site, self.request).is_some() {
            response.cookie(second_factor_cookies::without_challenge(site));
        }
        Ok(response.json(Verified { token: session_id, user: user.into() }))
    }
}
