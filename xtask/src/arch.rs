//! The kinds of processor that the product is made for.

use anyhow::bail;

/// Which kinds of processor a task is for.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub enum ArchChoice {
    /// A PC
    #[value(name = "x86_64")]
    X86_64,
    /// A board like a Jetson
    Aarch64,
    /// One after the other
    Both,
}

impl ArchChoice {
    /// Each of them.
    pub fn all(self) -> Vec<TargetArch> {
        match self {
            Self::X86_64 => vec![TargetArch::X86_64],
            Self::Aarch64 => vec![TargetArch::Aarch64],
            Self::Both => vec![TargetArch::X86_64, TargetArch::Aarch64],
        }
    }
}

/// A kind of processor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TargetArch {
    /// 64-bit PC.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
}

impl TargetArch {
    /// Name in Rust's targets and in the emulator's programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Name in Debian's packages.
    pub fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// Rust's target.
    pub fn target(self) -> String {
        format!("{}-unknown-linux-gnu", self.name())
    }

    /// That of this machine.
    pub fn host() -> anyhow::Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::X86_64),
            "aarch64" => Ok(Self::Aarch64),
            other => bail!("this task runs on x86_64 or aarch64 only, this is {other}"),
        }
    }
}
