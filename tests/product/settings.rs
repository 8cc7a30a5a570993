//! The product's own settings, and the state that it builds from them.

use std::fs;

use portcullis::{
    app::{Server, StartError},
    product::{Product, StartContext},
    time::Clock,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{config_with, http, product, run_with, sign_up};

#[tokio::test]
async fn handlers_have_the_settings_and_the_state_of_the_product() {
    let folder = TempDir::new().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "iron\n").unwrap();
    let key = key.display().to_string();
    let settings = ["--town", "Bruges", "--strikes", "7", "--key-file", &key];
    run_with(config_with(folder.path(), &settings), Clock::System, async |url, _| {
        let (_, cookie) = sign_up(url, "ada").await;
        let shown = http().get(format!("{url}/api/belfry")).header("cookie", cookie);
        let shown: Value = shown.send().await.unwrap().json().await.unwrap();
        assert_eq!(shown["town"], "Bruges");
        assert_eq!(shown["strikes"], 7);
        assert_eq!(shown["has_key"], true);
    })
    .await;
}

#[tokio::test]
async fn server_does_not_start_without_a_required_setting() {
    let folder = TempDir::new().unwrap();
    // The command line itself is valid: other commands need no town.
    let config = config_with(folder.path(), &[]);
    let refused = Server::start(&product(), config, Clock::System, true).await;
    let Err(StartError::Settings(refusal)) = refused else { panic!("it started") };
    assert_eq!(refusal, "BELFRY_TOWER_TOWN: this setting is required");
    assert!(!folder.path().join("belfry-tower.db").exists());
}

#[tokio::test]
async fn server_does_not_start_when_the_state_cannot_be_built() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing").display().to_string();
    let config = config_with(folder.path(), &["--town", "Bruges", "--key-file", &missing]);
    let refused = Server::start(&product(), config, Clock::System, true).await;
    let refusal = refused.map(drop).unwrap_err().to_string();
    assert!(refusal.starts_with("the product's own state cannot be built: "), "{refusal}");
    assert!(refusal.contains("BELFRY_TOWER_KEY_FILE names"), "{refusal}");
}

#[test]
fn settings_are_in_a_section_of_their_own_and_accepted_by_every_command() {
    let help = product().command().term_width(0).render_long_help().to_string();
    let (_, section) = help.split_once("\nBelfry Tower:\n").unwrap();
    assert!(section.contains("--town <NAME>"), "{section}");
    assert!(section.contains("[env: BELFRY_TOWER_TOWN]"), "{section}");
    assert!(section.contains("The key of the door"), "{section}");
    assert!(
        !help.contains("The settings of the belfry"),
        "the type describes itself, not the product"
    );
    let parse = |arguments: &[&str]| product().command().try_get_matches_from(arguments);
    parse(&["belfry-tower", "openapi"]).unwrap();
    parse(&["belfry-tower", "serve", "--town", "Bruges"]).unwrap();
    parse(&["belfry-tower", "--strikes", "12", "openapi"]).unwrap();
    parse(&["belfry-tower", "--strikes", "13"]).unwrap_err();
}

#[derive(clap::Args)]
struct Clashing {
    #[arg(long)]
    listen: Option<String>,
}

#[derive(clap::Args)]
struct ClashingWithACommand {
    #[arg(long)]
    email: Option<String>,
}

#[derive(clap::Args)]
struct ClashingWithHelp {
    #[arg(long, short = 'h')]
    height: Option<u32>,
}

#[derive(clap::Args)]
struct ClashingVariable {
    #[arg(long, env = "BELFRY_TOWER_SECRET")]
    mystery: Option<String>,
}

#[derive(clap::Args)]
struct ForeignVariable {
    #[arg(long, env = "TOWN_HALL")]
    hall: Option<String>,
}

#[derive(clap::Args)]
struct WithoutAFlag {
    #[arg()]
    place: Option<String>,
}

#[derive(clap::Args)]
struct ClashingWithTheBelfry {
    #[arg(long)]
    town: Option<String>,
}

#[test]
fn settings_with_the_name_of_another_are_refused() {
    for (product, reason) in [
        (product().settings::<Clashing>(), "cannot have the name --listen"),
        (product().settings::<ClashingWithACommand>(), "cannot have the name --email"),
        (product().settings::<ClashingWithHelp>(), "cannot have the name -h"),
        (product().settings::<ClashingVariable>(), "cannot have the name BELFRY_TOWER_SECRET"),
        (
            product().settings::<ForeignVariable>(),
            "TOWN_HALL, of the setting --hall, must begin with BELFRY_TOWER_",
        ),
        (product().settings::<WithoutAFlag>(), "the setting place of"),
        (product().settings::<ClashingWithTheBelfry>(), "cannot have the name --town"),
    ] {
        let refusal = product.check().unwrap_err().to_string();
        assert!(refusal.contains(reason), "{refusal} does not contain {reason}");
    }
    let again = product().state(async |_: StartContext<'_, Clashing>| Ok(0_u8));
    assert!(again.check().unwrap_err().to_string().contains("--listen"));
    let twice = Product::new("Belfry Tower", "1.2.0")
        .state(async |_: StartContext<'_, ()>| Ok(0_u8))
        .state(async |_: StartContext<'_, ()>| Ok(1_u8));
    let refusal = twice.check().unwrap_err().to_string();
    assert_eq!(refusal, "the product has two values of the type u8");
}
