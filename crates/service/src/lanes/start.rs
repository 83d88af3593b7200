//! Starting the lanes of a process.

use super::context::LaneContext;
use super::lane;
use super::pacer::HostPaces;
use super::queue_length::{count, listen};
use super::result_writer::ResultWriter;
use super::settings::LaneSettings;
use super::setup::LaneSetup;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Counts the queues that other nodes work; every node that answers calls needs it for its estimates.
pub fn watch(settings: &LaneSettings, stopping: &CancellationToken) -> JoinSet<()> {
    let mut running = JoinSet::new();
    running.spawn(count(settings.clone(), stopping.clone()));
    running
}

/// Starts every lane; the set ends once `stopping` is set and what was running is finished.
///
/// # Errors
/// The system gives no thread.
pub fn start(
    lanes: Vec<LaneSetup>,
    settings: &LaneSettings,
    stopping: &CancellationToken,
) -> std::io::Result<JoinSet<()>> {
    let hosts = HostPaces::default();
    let (result_writer, writer_ended) = ResultWriter::start(settings.store.clone())?;
    let mut running = JoinSet::new();
    running.spawn(writer_ended);
    running.spawn(listen(settings.clone(), stopping.clone()));
    for setup in lanes {
        let context = LaneContext::new(setup, settings.clone(), &hosts, result_writer.clone());
        running.spawn(lane::run(context, stopping.clone()));
    }
    Ok(running)
}
