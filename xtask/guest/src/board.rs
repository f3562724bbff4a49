//! From the kernel's start to its end.

use crate::serial::tell;
use crate::{suite, sys};
use anyhow::Context;
use board_guest::{Line, MODULES, PLAN, Plan};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The camera's driver: one camera whose first input is a webcam's and whose second is a digital
/// picture line, and an output that can be connected to that line.
const VIVID: &str = "n_devs=1 node_types=0x101 num_inputs=2 input_types=0xc num_outputs=1 \
                     output_types=1 vid_cap_nr=0 vid_out_nr=9";

/// Brings the board up, runs the plan, and switches the machine off, whatever happens.
pub fn run() {
    let done = catch_unwind(AssertUnwindSafe(|| -> anyhow::Result<()> {
        let plan = bring_up()?;
        let (kernel, machine) = sys::uname();
        tell(&Line::Up {
            kernel,
            machine,
            seconds: sys::monotonic_s(),
        });
        suite::run(&plan);
        Ok(())
    }));
    let reason = match done {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{error:#}")),
        Err(_) => Some("the board's init panicked".to_string()),
    };
    tell(&match reason {
        Some(reason) => Line::Broken { reason },
        None => Line::End {
            seconds: sys::monotonic_s(),
        },
    });
    sys::power_off()
}

fn bring_up() -> anyhow::Result<Plan> {
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
    let plan = fs::read(PLAN).with_context(|| format!("cannot read {PLAN}"))?;
    let folder = Path::new(MODULES);
    for name in fs::read_to_string(folder.join("order"))?.lines() {
        let parameters = if name == "vivid.ko" { VIVID } else { "" };
        match sys::load_module(&folder.join(name), parameters) {
            Err(e) if e.raw_os_error() == Some(libc::EEXIST) => {}
            other => other.with_context(|| format!("cannot load {name}"))?,
        }
    }
    Ok(serde_json::from_slice(&plan)?)
}
