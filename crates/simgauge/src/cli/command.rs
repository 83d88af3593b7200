//! Every command on one page, and what each of them gets.

use super::account::{self, AccountCommand};
use super::admin::{self, AdminCommand};
use super::app::{self, AppCommand};
use super::audit::{self, AuditCommand};
use super::card::{self, CardCommand};
use super::notification::{self, NotificationCommand};
use super::on_store::{on_store, operator_account_names};
use super::operator::{self, OperatorCommand};
use super::package::{self, PackageCommand};
use super::reading::{self, ReadingCommand};
use super::secrets::{self, SecretsCommand};
use super::usage::{self, UsageArgs};
use super::{
    Output, backup, check, completions, demo, health, man, migrate, openapi, refresh, serve, sign, simulate,
    verify,
};
use crate::app::{check_key_file, open_existing_store, open_store};
use crate::config::Config;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

const SETTINGS: &str = "Every setting can also come from the environment, as SIMGAUGE__SECTION__NAME (such \
    as SIMGAUGE__SERVER__LISTEN=127.0.0.1:8080), which counts more than the file. SIMGAUGE_URL, \
    SIMGAUGE_APPKEY, SIMGAUGE_SECRET and SIMGAUGE_SIGN_TYPE say where and as whom `refresh` and `usage` \
    call; SIMGAUGE_KEY holds the key that seals app secrets.";

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
    /// Write a consistent, checked copy of an SQLite store, also while it is served. A store of an older
    /// program is migrated first.
    Backup(backup::BackupArgs),
    /// Look for damage in the store, also while it is served: 0 if nothing is wrong, 1 if something is.
    Check(check::CheckArgs),
    #[command(flatten)]
    Store(StoreCommand),
    /// Operators: accounts with their lanes, and definitions of their APIs.
    #[command(subcommand)]
    Operator(OperatorCommand),
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

/// Commands on the configured store.
#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Admins: the people who may use the console.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Accounts: the customers of the platform.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Apps: appkeys and their secrets.
    #[command(subcommand)]
    App(AppCommand),
    /// Secrets: the key that seals apps' secrets.
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// The audit: who did what, and whether it is still as it was written.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Cards: what customers refresh.
    #[command(subcommand)]
    Card(CardCommand),
    /// Packages: the data plans that the platform sells on cards.
    #[command(subcommand)]
    Package(PackageCommand),
    /// Notifications: what accounts are notified of, and what could not be delivered.
    #[command(subcommand)]
    Notification(NotificationCommand),
    /// Readings: what is not believed and waits for a decision, and what was assumed.
    #[command(subcommand)]
    Reading(ReadingCommand),
}

/// The whole program. It is in the library so that the binary does not compile its parts a second time.
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
        Command::Check(args) => check::run(args, &config()?, &output).await,
        Command::Store(command) => run_on_store(command, &config()?, &output).await,
        Command::Operator(command) => operator::run(command, &config()?, &output).await,
        Command::SimulateOperator(args) => simulate::run(args).await,
        Command::Refresh(args) => refresh::run(args, &output).await,
        Command::Usage(UsageArgs::Show(args)) => usage::run(args, &output).await,
        Command::Usage(UsageArgs::Reconcile(args)) => {
            let store = open_existing_store(&config()?).await?;
            on_store(store, async |admin| usage::reconcile::run(args, admin, &output).await).await
        }
        Command::Openapi => openapi::run(),
        Command::Sign(args) => sign::run(args, &output).await,
        Command::Verify(args) => verify::run(args, &output).await,
        Command::Health(args) => health::run(&args).await,
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    }
}

async fn run_on_store(command: StoreCommand, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let store = match &command {
        // Where there is no store yet, these begin one.
        StoreCommand::Account(AccountCommand::Create { .. })
        | StoreCommand::Admin(AdminCommand::Create { .. }) => open_store(config).await?,
        _ => open_existing_store(config).await?,
    };
    if matches!(command, StoreCommand::App(_) | StoreCommand::Secrets(_)) {
        check_key_file(config, &store).await?;
    }
    on_store(store, async |admin| match command {
        StoreCommand::Admin(command) => admin::run(command, admin, output).await,
        StoreCommand::Account(command) => {
            account::run(command, admin, config.notify.target_policy(), output).await
        }
        StoreCommand::App(command) => app::run(command, admin, &config.sealer()?, output).await,
        StoreCommand::Secrets(command) => secrets::run(command, admin, &config.sealer()?, output).await,
        StoreCommand::Audit(command) => audit::run(command, admin, output).await,
        StoreCommand::Card(command) => {
            let names = operator_account_names(config);
            card::run(command, admin, &names, &config.card_rules(), output).await
        }
        StoreCommand::Package(command) => package::run(command, admin, &config.zone()?, output).await,
        StoreCommand::Notification(command) => notification::run(command, admin, output).await,
        StoreCommand::Reading(command) => reading::run(command, admin, output).await,
    })
    .await
}
