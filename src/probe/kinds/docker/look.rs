//! One look: the questions that the check needs, one after the other over one connection.

use super::Docker;
use super::facts::{Daemon, Engine, Facts, MAX_ITEMS, optional, text};
use super::session::Session;
use super::{containers, disk, images, networks, projects, volumes};
use crate::probe::{ProbeCx, ProbeError};

pub(super) async fn look(leg: &Docker, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let mut session = Session::open(cx).await?;
    let mut facts = Facts { engine: engine(&mut session).await?, ..Facts::default() };
    facts.alive = alive(&mut session).await?;
    if leg.daemon {
        facts.daemon = Some(daemon(&mut session).await?);
    }
    if leg.containers.is_some() || leg.volumes.is_some() || leg.projects.is_some() {
        let all = containers::all(&mut session).await?;
        if let Some(wanted) = &leg.containers {
            containers::look(&mut session, wanted, &all, &mut facts).await?;
        }
        if let Some(wanted) = &leg.volumes {
            volumes::look(&mut session, wanted, &all, &mut facts).await?;
        }
        if let Some(wanted) = &leg.projects {
            facts.projects = projects::look(&mut session, wanted, &all).await?;
        }
    }
    if let Some(wanted) = &leg.images {
        facts.images = images::look(&mut session, wanted).await?;
    }
    if let Some(wanted) = &leg.networks {
        facts.networks = networks::look(&mut session, wanted).await?;
    }
    // Last, for it may take what time is left.
    if leg.disk {
        facts.disk = Some(disk::look(&mut session).await?);
    }
    Ok(facts)
}

async fn engine(session: &mut Session<'_>) -> Result<Engine, ProbeError> {
    let asked = "GET /version";
    let ask = session.call(asked, |docker| async move { docker.version().await });
    let answer = ask.await.map_err(|fault| fault.into_error("version of itself"))?;
    Ok(Engine {
        platform: answer.platform.map(|platform| text(platform.name)).unwrap_or_default(),
        version: optional(answer.version.as_ref()),
        api_version: optional(answer.api_version.as_ref()),
        min_api_version: optional(answer.min_api_version.as_ref()),
        api: session.api(),
        os: optional(answer.os.as_ref()),
        arch: optional(answer.arch.as_ref()),
        kernel: optional(answer.kernel_version.as_ref()),
    })
}

async fn alive(session: &mut Session<'_>) -> Result<bool, ProbeError> {
    let ask = session.call("GET /_ping", |docker| async move { docker.ping().await });
    Ok(ask.await.map_err(|fault| fault.into_error("sign of life"))?.trim() == "OK")
}

async fn daemon(session: &mut Session<'_>) -> Result<Daemon, ProbeError> {
    let ask = session.call("GET /info", |docker| async move { docker.info().await });
    let answer = ask.await.map_err(|fault| fault.into_error("state of itself"))?;
    let list = |of: &Option<Vec<String>>| of.iter().flatten().take(MAX_ITEMS).map(text).collect::<Vec<_>>();
    let swarm = answer.swarm.as_ref();
    Ok(Daemon {
        name: optional(answer.name.as_ref()),
        root_dir: optional(answer.docker_root_dir.as_ref()),
        storage_driver: optional(answer.driver.as_ref()),
        logging_driver: optional(answer.logging_driver.as_ref()),
        cgroup_driver: answer.cgroup_driver.map(|driver| driver.to_string()).unwrap_or_default(),
        cgroup_version: answer.cgroup_version.map(|version| version.to_string()).unwrap_or_default(),
        security_options: list(&answer.security_options),
        warnings: list(&answer.warnings),
        swarm: swarm.and_then(|swarm| swarm.local_node_state).map(|state| state.to_string()).unwrap_or_default(),
        is_swarm_manager: swarm.and_then(|swarm| swarm.control_available).unwrap_or(false),
        swarm_error: optional(swarm.and_then(|swarm| swarm.error.as_ref())),
        live_restore: answer.live_restore_enabled.unwrap_or(false),
        cpus: answer.ncpu.unwrap_or_default(),
        memory_bytes: answer.mem_total.unwrap_or_default(),
        containers_running: answer.containers_running.unwrap_or_default(),
        containers_paused: answer.containers_paused.unwrap_or_default(),
        containers_stopped: answer.containers_stopped.unwrap_or_default(),
        image_count: answer.images.unwrap_or_default(),
    })
}
