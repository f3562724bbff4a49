//! Init of the virtual board: from boot to power-off.

use crate::serial::report;
use crate::{suite, sys};
use anyhow::Context;
use board_guest::{GuestPlan, MODULES, PLAN, ReportLine, SYSTEMD};
use std::fs;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;

/// The camera's driver: one camera whose first input is a webcam's and whose second is a digital
/// picture line, and an output that can be connected to that line.
const VIVID: &str = "n_devs=1 node_types=0x101 num_inputs=2 input_types=0xc num_outputs=1 \
                     output_types=1 vid_cap_nr=0 vid_out_nr=9";

/// Brings the board up, runs the plan, and switches the machine off, whatever happens.
pub fn run() {
    finish(|| {
        let plan = bring_up()?;
        if plan.systemd {
            // It mounts and starts the rest; the suite is one of its services.
            let error = Command::new(SYSTEMD).exec();
            return Err(error).with_context(|| format!("cannot start {SYSTEMD}"));
        }
        up();
        suite::run(&plan, suite::trials());
        Ok(())
    })
}

/// The suite of the service, started by systemd once the board is up.
pub fn run_service() {
    finish(|| {
        let plan = read_plan()?;
        up();
        suite::run(&plan, suite::service_trials());
        Ok(())
    })
}

fn up() {
    let (kernel, machine) = sys::uname();
    report(&ReportLine::Up {
        kernel,
        machine,
        seconds: sys::monotonic_s(),
    });
}

/// Does it, tells how it ended, and switches the machine off.
fn finish(work: impl FnOnce() -> anyhow::Result<()>) {
    let done = catch_unwind(AssertUnwindSafe(work));
    let reason = match done {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{error:#}")),
        Err(_) => Some("the board's init panicked".to_string()),
    };
    report(&match reason {
        Some(reason) => ReportLine::Broken { reason },
        None => ReportLine::End {
            seconds: sys::monotonic_s(),
        },
    });
    sys::power_off()
}

fn bring_up() -> anyhow::Result<GuestPlan> {
    for (kind, target) in [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("tmpfs", "/run"),
        ("tmpfs", "/tmp"),
    ] {
        match sys::mount(kind, target) {
            // Some kernels have mounted /dev before.
            Err(e) if e.raw_os_error() == Some(libc::EBUSY) => {}
            other => other.with_context(|| format!("cannot mount {target}"))?,
        }
    }
    let plan = read_plan()?;
    let folder = Path::new(MODULES);
    for name in fs::read_to_string(folder.join("order"))?.lines() {
        let parameters = if name == "vivid.ko" { VIVID } else { "" };
        match sys::load_module(&folder.join(name), parameters) {
            Err(e) if e.raw_os_error() == Some(libc::EEXIST) => {}
            other => other.with_context(|| format!("cannot load {name}"))?,
        }
    }
    Ok(plan)
}

fn read_plan() -> anyhow::Result<GuestPlan> {
    let plan = fs::read(PLAN).with_context(|| format!("cannot read {PLAN}"))?;
    Ok(serde_json::from_slice(&plan)?)
}
