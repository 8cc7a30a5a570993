//! The users who send requests: each has a session, a token and, for comparison, a JWT.

use std::{fs, io, path::Path, rc::Rc, sync::Arc};

use actix_session::SessionExt;
use actix_web::{
    App, HttpMessage, HttpRequest, HttpResponse,
    http::header::{COOKIE, SET_COOKIE},
    test::{self, TestRequest},
    web::{self, ReqData},
};
use diesel::ExpressionMethods as _;
use diesel_async::RunQueryDsl;
use portcullis::{
    gate::cookie,
    scope::GrantableScope,
    secrets::{PlainToken, SessionHash, SessionSecret, SigningKey},
    state::State,
    store::{
        self, Database, Store,
        api_tokens::NewToken,
        page::new_id,
        schema::{api_tokens, sessions, users},
        sessions::IDLE_TIMEOUT,
        users::{Role, User},
    },
    time::{Clock, Timestamp},
};

use crate::jwt;

/// The rows of one user.
struct Person {
    user: User,
    session: SessionHash,
    created_at: Timestamp,
    token: NewToken,
}

pub struct People(Arc<Vec<Person>>);

/// Files of request headers, one per line, for the load generator.
pub const NOTHING: &str = "nothing";
pub const COOKIES: &str = "cookies";
pub const TOKENS: &str = "tokens";
pub const JWTS: &str = "jwts";

impl People {
    /// Creates this many users, and writes the files of their credentials.
    pub async fn make(
        number: usize,
        state: &State,
        key: &SigningKey,
        folder: &Path,
    ) -> io::Result<Self> {
        let issuer = test::init_service(
            App::new().route("/", web::get().to(issue)).wrap(cookie::middleware(&state.site, key)),
        )
        .await;
        let now = Clock::System.now();
        let scopes = GrantableScope::all().collect();
        let (mut people, mut cookies, mut tokens, mut jwts) = (vec![], vec![], vec![], vec![]);
        for number in 0..number {
            let email = format!("{number}@example.com");
            let user = User::new("Ada".to_owned(), email, Role::User, now);
            let secret = SessionSecret::generate();
            let token = PlainToken::generate(state.config.accounts.token_prefix.of_new());
            let name = "bench".to_owned();
            let person = Person {
                session: secret.hash(),
                created_at: now,
                token: NewToken::new(&user.id, &token, name, &scopes, None, now),
                user: user.clone(),
            };
            people.push(person);
            jwts.push(format!("Authorization: Bearer {}", jwt::sign(key, &user.id)));
            tokens.push(format!("Authorization: Bearer {}", token.reveal()));
            let request = TestRequest::get().uri("/").to_request();
            request.extensions_mut().insert(Rc::new(secret));
            let response = test::call_service(&issuer, request).await;
            let cookie = response.headers().get(SET_COOKIE).and_then(|line| line.to_str().ok());
            let cookie = cookie.and_then(|line| line.split(';').next()).unwrap_or_default();
            cookies.push(format!("{COOKIE}: {cookie}"));
        }
        for (file, lines) in [(COOKIES, cookies), (TOKENS, tokens), (JWTS, jwts)] {
            fs::write(folder.join(file), lines.join("\n"))?;
        }
        fs::write(folder.join(NOTHING), "\n")?;
        Ok(Self(Arc::new(people)))
    }

    /// Adds the users to a store.
    pub async fn join(&self, store: &Store) -> Result<(), store::Error> {
        let people = Arc::clone(&self.0);
        macro_rules! insert {
            ($connection:ident) => {
                for person in people.iter() {
                    let Person { user, session, created_at, token } = person;
                    diesel::insert_into(users::table).values(user).execute($connection).await?;
                    diesel::insert_into(sessions::table)
                        .values((
                            sessions::id.eq(new_id()),
                            sessions::user_id.eq(&user.id),
                            sessions::secret_hash.eq(session),
                            sessions::expires_at.eq(*created_at + IDLE_TIMEOUT),
                            sessions::authenticated_at.eq(created_at),
                            sessions::last_seen_at.eq(created_at),
                            sessions::remember.eq(true),
                            sessions::created_at.eq(created_at),
                            sessions::updated_at.eq(created_at),
                            sessions::methods.eq("password"),
                        ))
                        .execute($connection)
                        .await?;
                    diesel::insert_into(api_tokens::table)
                        .values(token)
                        .execute($connection)
                        .await?;
                }
            };
        }
        match store.database() {
            Database::Postgres(postgres) => {
                postgres
                    .write(async |connection| {
                        insert!(connection);
                        Ok(())
                    })
                    .await
            }
            Database::Sqlite(sqlite) => {
                let add = move |connection: &mut _| {
                    store::in_place(async move {
                        insert!(connection);
                        Ok(())
                    })
                };
                sqlite.write(add).await
            }
        }
    }
}

/// Sets the cookie of a session whose row is inserted later. A product cannot do this: the gate sets a cookie only for a
/// session that a sign-in has created.
async fn issue(request: HttpRequest, secret: ReqData<Rc<SessionSecret>>) -> HttpResponse {
    match request.get_session().insert("secret", secret.reveal()) {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
