//! Types that the virtual board and its host share: the plan and the results.
//!
//! The host puts a [`GuestPlan`] into the board's root file system as `/board/plan.json`; the board
//! writes one [`ReportLine`] a happening on its serial port, each behind [`MARK`].

use serde::{Deserialize, Serialize};

/// Where the board finds its plan.
pub const PLAN: &str = "/board/plan.json";

/// The folder of the kernel modules, and the list of their names in the order of loading.
pub const MODULES: &str = "/board/modules";

/// Where the board has the program under test.
pub const PROGRAM: &str = "/board/unmask";

/// A model of a few operations, to which red is road and black belongs nowhere.
pub const SMALL_MODEL: &str = "/board/mask.onnx";

/// The model that is shipped, where a package would put it.
pub const SHIPPED_MODEL: &str = "/usr/share/unmask/engines/unmask-small.onnx";

/// Where Debian has its init.
pub const SYSTEMD: &str = "/usr/lib/systemd/systemd";

/// The argument that has the board's program run the suite of the service.
pub const SERVICE_SUITE: &str = "service-suite";

/// The argument that has it open devices and write down what came of it.
pub const PROBE: &str = "probe";

/// The argument that has it try what the service's rules shut out, and write down what came of it.
pub const RULES_PROBE: &str = "probe-rules";

/// The argument that has it sleep for so many seconds.
pub const NAP: &str = "nap";

/// What every line of the board's own begins with: all else on the port is the kernel's.
pub const MARK: &str = "@@board ";

/// What the board is to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GuestPlan {
    /// Leave the endurance cases out.
    pub fast: bool,
    /// Run only cases whose name contains this text.
    pub only: Option<String>,
    /// Boot into systemd, and try the service under it.
    #[serde(default)]
    pub systemd: bool,
}

/// One happening on the board.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "line")]
pub enum ReportLine {
    /// The board is up.
    Up {
        /// Release of the kernel.
        kernel: String,
        /// Machine, as `uname -m` has it.
        machine: String,
        /// Seconds since the kernel started.
        seconds: f64,
    },
    /// A case begins.
    Begin {
        /// Its name, `group/case`.
        name: String,
    },
    /// A case ended.
    Case(CaseResult),
    /// The suite is through; the board powers off.
    End {
        /// Seconds since the kernel started.
        seconds: f64,
    },
    /// The suite cannot continue.
    Broken {
        /// Why.
        reason: String,
    },
}

/// What came of one case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CaseResult {
    /// `group/case`.
    pub name: String,
    /// What is done to the camera, in words.
    pub fault: String,
    /// What came of it, or what was wrong.
    pub outcome: String,
    /// It came as wanted.
    pub passed: bool,
    /// Guest seconds.
    pub seconds: f64,
}
