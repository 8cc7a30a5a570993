//! The program `shop`: an actix application, with Portcullis for its users.

use actix_web::HttpServer;
use portcullis::app::Embedded;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::INFO).init();
    let portcullis = Embedded::start(shop::product()).await?;
    let gate = portcullis.gate();
    let server =
        HttpServer::new(move || gate.app().configure(|config| shop::routes(config, &gate)))
            .bind(("127.0.0.1", 8080))?
            .run();
    portcullis.run(server).await?;
    Ok(())
}
