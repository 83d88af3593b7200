//! Starting the lanes of a process.

use super::context::LaneContext;
use super::lane;
use super::other_nodes::{count, listen};
use super::pacer::HostPaces;
use super::result_writer::ResultWriter;
use super::settings::LaneSettings;
use super::setup::LaneSetup;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Counts the queues that other nodes work; every node that answers calls needs it for its estimates.
pub async fn watch(settings: LaneSettings, stopping: CancellationToken) {
    count(settings, stopping).await;
}

/// Starts every lane; answers with what ends once `stopping` is set and what was running is finished.
///
/// # Errors
/// The system gives no thread.
pub fn start(
    lanes: Vec<LaneSetup>,
    settings: &LaneSettings,
    stopping: &CancellationToken,
) -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let hosts = HostPaces::default();
    let (result_writer, writer_ended) =
        ResultWriter::start(settings.store.clone(), settings.telemetry.clone())?;
    let mut running = JoinSet::new();
    running.spawn(writer_ended);
    running.spawn(listen(settings.clone(), stopping.clone()));
    for setup in lanes {
        let context = LaneContext::new(setup, settings.clone(), &hosts, result_writer.clone());
        running.spawn(lane::run(context, stopping.clone()));
    }
    Ok(async move {
        while let Some(ended) = running.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a lane broke; it is not worked until the next start");
            }
        }
    })
}
