//! Every command on one page, and what each of them gets.

use super::account::AccountCommand;
use super::admin::AdminCommand;
use super::operator::{self, OperatorCommand};
use super::usage::UsageArgs;
use super::{
    Output, account, actor, admin, app, audit, backup, card, completions, demo, health, man, migrate,
    notification, openapi, package, refresh, secrets, serve, sign, simulate, usage, verify,
};
use crate::app::open_existing_store;
use crate::app::open_store;
use crate::config::Config;
use clap::{Parser, Subcommand};
use simgauge_operators::Catalog;
use simgauge_service::clock::Clock;
use simgauge_store::Store;
use std::path::PathBuf;
use std::process::ExitCode;

const SETTINGS: &str = "Every setting can also come from the environment, as SIMGAUGE__SECTION__NAME (such as \
    SIMGAUGE__SERVER__LISTEN=127.0.0.1:8080), which counts more than the file. SIMGAUGE_URL, SIMGAUGE_APPKEY, \
    SIMGAUGE_SECRET and SIMGAUGE_SIGN_TYPE say where and as whom `refresh` and `usage` call; SIMGAUGE_KEY holds the key that seals app secrets.";

/// The refresh button of a SIM platform.
#[derive(Debug, Parser)]
#[command(name = "simgauge", version, propagate_version = true, after_long_help = SETTINGS)]
pub struct Cli {
    /// Configuration file; without one the defaults and the environment count.
    #[arg(long, global = true, env = "SIMGAUGE_CONFIG")]
    config: Option<PathBuf>,
    /// Print the result as JSON, where a command has one.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine, with simulated operators.
    Demo(demo::DemoArgs),
    /// Run the server.
    Serve(serve::ServeArgs),
    /// Bring the database's schema up to date, or move a store from SQLite to PostgreSQL.
    Migrate(migrate::MigrateArgs),
    /// Write a consistent copy of an SQLite store, also while it is served. A store of an older program is migrated first.
    Backup(backup::BackupArgs),
    /// Admins: the people who may use the console.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Accounts: the customers of the platform.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Apps: appkeys and their secrets.
    #[command(subcommand)]
    App(app::AppCommand),
    /// Secrets: the key that seals apps' secrets.
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// The audit: who did what, and whether it is still as it was written.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Cards: what customers refresh.
    #[command(subcommand)]
    Card(card::CardCommand),
    /// Packages: the data plans that the platform sells on cards.
    #[command(subcommand)]
    Package(package::PackageCommand),
    /// Operators: accounts with their lanes, and definitions of their APIs.
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Notifications: what accounts are told, and what could not be delivered.
    #[command(subcommand)]
    Notification(notification::NotificationCommand),
    /// Simulate operators as a server of its own.
    SimulateOperator(simulate::SimulateArgs),
    /// Refresh a card over the open API.
    Refresh(refresh::RefreshArgs),
    /// Show a card's usage or its history over the open API; reconcile: check all books on the store.
    Usage(usage::UsageArgs),
    /// Print the OpenAPI document of the open API.
    Openapi,
    /// Sign a JSON body from standard input.
    Sign(sign::SignArgs),
    /// Verify the sign of a JSON body from standard input.
    Verify(verify::VerifyArgs),
    /// Ask a server whether it is ready: 0 if it is, 1 if not.
    Health(health::HealthArgs),
    /// Print a script that lets a shell complete these commands: source <(simgauge completions bash).
    Completions(completions::CompletionsArgs),
    /// Write the manual pages to a folder.
    #[command(hide = true)]
    Man(man::ManArgs),
}

/// The whole program. In the library, so that what it is made of is compiled there once, and not once more for the binary.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command.
///
/// # Errors
/// Whatever keeps it from being done, as one sentence for people.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = || Config::load(cli.config.as_deref());
    let output = Output { json: cli.json };
    match cli.command {
        Command::Demo(args) => demo::run(args, cli.config.as_deref()).await,
        Command::Serve(args) => serve::run(args, config()?).await,
        Command::Migrate(args) => migrate::run(args, &config()?, &output).await,
        Command::Backup(args) => backup::run(args, &config()?, &output).await,
        Command::SimulateOperator(args) => simulate::run(args).await,
        Command::Refresh(args) => refresh::run(args, &output).await,
        Command::Usage(UsageArgs::Show(args)) => usage::run(args, &output).await,
        Command::Usage(UsageArgs::Reconcile(args)) => {
            let store = open_existing_store(&config()?).await?;
            closing(&store, usage::reconcile::run(args, &store, &output)).await
        }
        Command::Openapi => openapi::run(),
        Command::Sign(args) => sign::run(args, &output).await,
        Command::Verify(args) => verify::run(args, &output).await,
        Command::Health(args) => health::run(&args).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Operator(command) => {
            let config = config()?;
            let catalog = || Catalog::load(config.definitions_dir());
            match command {
                OperatorCommand::Definitions => operator::definitions(&catalog()?, &output),
                OperatorCommand::Show { name } => operator::show(&name, &catalog()?, &output),
                OperatorCommand::Check(args) => operator::check::run(args, &config, &output).await,
                OperatorCommand::List => {
                    let store = open_existing_store(&config).await?;
                    closing(&store, operator::list(&store, &operator_accounts(&config), &output)).await
                }
            }
        }
        Command::Account(command) => {
            let config = config()?;
            let store = acting(match command {
                AccountCommand::Create { .. } => open_store(&config).await?,
                _ => open_existing_store(&config).await?,
            });
            closing(&store, account::run(command, &store, config.notify.target_policy(), &output)).await
        }
        Command::Admin(command) => {
            let config = config()?;
            let store = acting(match command {
                AdminCommand::Create { .. } => open_store(&config).await?,
                _ => open_existing_store(&config).await?,
            });
            closing(&store, admin::run(command, &store, &output)).await
        }
        Command::Notification(command) => {
            let store = acting(open_existing_store(&config()?).await?);
            closing(&store, notification::run(command, &store, &output)).await
        }
        Command::App(command) => {
            let config = config()?;
            let store = acting(open_existing_store(&config).await?);
            let sealer = config.sealer()?;
            let seal = |secret: &str, appkey: &str| sealer.seal(secret, appkey);
            closing(&store, app::run(command, &store, &seal, &output)).await
        }
        Command::Audit(command) => {
            let store = open_existing_store(&config()?).await?;
            closing(&store, audit::run(command, &store, &output)).await
        }
        Command::Secrets(command) => {
            let config = config()?;
            let store = acting(open_existing_store(&config).await?);
            let sealer = config.sealer()?;
            closing(&store, secrets::run(command, &sealer, &store, &output)).await
        }
        Command::Card(command) => {
            let config = config()?;
            let store = acting(open_existing_store(&config).await?);
            let names = operator_accounts(&config);
            closing(&store, card::run(command, &store, &names, &config.card_rules(), &output)).await
        }
        Command::Package(command) => {
            let config = config()?;
            let zone = config.zone()?;
            let store = acting(open_existing_store(&config).await?);
            closing(&store, package::run(command, &store, &zone, &output)).await
        }
    }
}

/// The store in the hands of whoever runs this command: what they change is audited.
fn acting(store: Store) -> Store {
    store.acting_as(&actor::name(), Clock::default().as_fn())
}

fn operator_accounts(config: &Config) -> Vec<String> {
    config.operator_accounts.iter().map(|account| account.name.clone()).collect()
}

/// Closes the store whatever became of the command: SQLite then leaves one file and no log beside it.
async fn closing(
    store: &Store,
    work: impl Future<Output = anyhow::Result<ExitCode>>,
) -> anyhow::Result<ExitCode> {
    let result = work.await;
    store.close().await;
    result
}
