//! How a plan is built.
//!
//! Several settings are ignored by some library without a word. Each setting here is read back
//! where the library can be asked, and refused beforehand where it is known to do nothing.

use crate::builder::Builder;
use crate::error::{BuildError, ConfigError};
use crate::host_memory::HostMemory;
use crate::network::Network;
use crate::optimization_profile::OptimizationProfile;
use crate::sys::Abi;
use crate::sys::interface::{Monitor, Progress};
use crate::sys::methods;
use crate::sys::object::{Object, Owned};
use crate::version::Product;
use std::cell::RefCell;
use std::ops::ControlFlow;

/// Kinds of memory that a build may be limited in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryPool {
    /// Scratch and activations, in GPU memory.
    Workspace = 0,
    /// Managed SRAM of a DLA core; a power of two of at least 4 KiB.
    DlaManagedSram = 1,
    /// DRAM of one DLA core.
    DlaLocalDram = 2,
    /// DRAM that DLA cores share.
    DlaGlobalDram = 3,
}

/// How much the plan records about its layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfilingVerbosity {
    /// Names.
    LayerNamesOnly = 0,
    /// Nothing.
    None = 1,
    /// Everything; the builder then logs a description of each layer.
    Detailed = 2,
}

/// Switches of a build. There are none for precision: a strongly typed network has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuilderFlag {
    /// Check each layer after it ran.
    Debug,
    /// Layers that a DLA core cannot run go to the GPU.
    GpuFallback,
    /// Do not use a timing cache.
    DisableTimingCache,
    /// Round inputs of float32 products to 10 bits of mantissa; on by default.
    Tf32,
    /// A plan that other versions of the library load, with the lean runtime inside.
    VersionCompatible,
    /// Leave the lean runtime out of such a plan.
    ExcludeLeanRuntime,
    /// Fail where the timing cache lacks a kernel, so that a build is repeatable.
    ErrorOnTimingCacheMiss,
}

impl BuilderFlag {
    /// NVIDIA's number: TensorRT 11 closed a gap, so those behind it moved.
    fn number(self, abi: Abi) -> i32 {
        let moved = i32::from(abi != Abi::V10);
        match self {
            Self::Debug => 2,
            Self::GpuFallback => 3,
            Self::DisableTimingCache => 5,
            Self::Tf32 => 6,
            Self::VersionCompatible => 13 - moved,
            Self::ExcludeLeanRuntime => 14 - moved,
            Self::ErrorOnTimingCacheMiss => 16 - moved,
        }
    }
}

/// Levels that the builder has; it silently lowers a larger one.
pub const MAX_OPTIMIZATION_LEVEL: u32 = 5;

/// What a build reports.
///
/// Steps say little about time: with TensorRT-RTX, nearly all of them are over after a tenth of
/// it, and the longest silence is most of the build. A progress bar needs the clock and the time
/// that the last build took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildProgress<'a> {
    /// A phase begins.
    Started {
        /// Its name.
        phase: &'a str,
        /// The phase that it is part of.
        parent: Option<&'a str>,
        /// Its number of steps.
        steps: u32,
    },
    /// A step of a phase is over.
    Step {
        /// The phase.
        phase: &'a str,
        /// The step, from 0.
        step: u32,
    },
    /// A phase is over.
    Finished {
        /// Its name.
        phase: &'a str,
    },
}

/// The settings of one build.
pub struct BuilderConfig<'b> {
    config: Owned,
    // Freed after the configuration, which holds their addresses.
    timing_cache: Option<Owned>,
    monitor: Option<Box<Monitor>>,
    /// Compute capabilities given.
    targets: RefCell<Vec<u32>>,
    builder: &'b Builder,
}

impl Builder {
    /// A configuration with the library's defaults.
    pub fn config(&self) -> Result<BuilderConfig<'_>, BuildError> {
        // SAFETY: the builder is live.
        let address = unsafe { methods::builder::create_config(self.abi(), self.object()) };
        Ok(BuilderConfig::new(
            self,
            self.take_object(address, "configuration")?,
        ))
    }
}

impl<'b> BuilderConfig<'b> {
    fn new(builder: &'b Builder, config: Owned) -> Self {
        Self {
            config,
            timing_cache: None,
            monitor: None,
            targets: RefCell::default(),
            builder,
        }
    }

    /// Limits a kind of memory.
    pub fn set_memory_limit(&mut self, pool: MemoryPool, bytes: u64) -> Result<(), ConfigError> {
        let setting = "memory limit";
        if pool != MemoryPool::Workspace {
            self.needs_dla(setting)?;
        }
        let size = usize::try_from(bytes)
            .ok()
            .filter(|size| *size > 0)
            .ok_or_else(|| ConfigError::Range {
                setting,
                value: bytes,
                range: "more than 0".to_owned(),
            })?;
        let (abi, config) = (self.abi(), self.object());
        // SAFETY: the configuration is live.
        let kept = unsafe {
            methods::config::set_memory_pool_limit(abi, config, pool as i32, size);
            methods::config::memory_pool_limit(abi, config, pool as i32)
        };
        // The DLA rounds its sizes to what it has.
        if pool == MemoryPool::Workspace && kept != size {
            return Err(ConfigError::Ignored {
                setting,
                wanted: bytes,
                kept: kept as u64,
            });
        }
        Ok(())
    }

    /// The limit of a kind of memory, in bytes.
    pub fn memory_limit(&self, pool: MemoryPool) -> u64 {
        // SAFETY: the configuration is live.
        unsafe { methods::config::memory_pool_limit(self.abi(), self.object(), pool as i32) as u64 }
    }

    /// How long the builder looks for fast kernels, 0 to [`MAX_OPTIMIZATION_LEVEL`].
    ///
    /// TensorRT-RTX gives the same plan at every level.
    pub fn set_optimization_level(&mut self, level: u32) -> Result<(), ConfigError> {
        let setting = "optimisation level";
        if level > MAX_OPTIMIZATION_LEVEL {
            let range = format!("0 to {MAX_OPTIMIZATION_LEVEL}");
            return Err(ConfigError::Range {
                setting,
                value: level.into(),
                range,
            });
        }
        let (abi, config) = (self.abi(), self.object());
        // SAFETY: the configuration is live.
        let kept = unsafe {
            methods::config::set_optimization_level(abi, config, level as i32);
            methods::config::optimization_level(abi, config)
        };
        ignored(setting, level as i32, kept)
    }

    /// How much the plan records about its layers.
    pub fn set_profiling_verbosity(
        &mut self,
        verbosity: ProfilingVerbosity,
    ) -> Result<(), ConfigError> {
        let (abi, config) = (self.abi(), self.object());
        // SAFETY: the configuration is live.
        let kept = unsafe {
            methods::config::set_profiling_verbosity(abi, config, verbosity as i32);
            methods::config::profiling_verbosity(abi, config)
        };
        ignored("profiling verbosity", verbosity as i32, kept)
    }

    /// Sets a switch.
    pub fn set_flag(&mut self, flag: BuilderFlag) -> Result<(), ConfigError> {
        if flag == BuilderFlag::VersionCompatible || flag == BuilderFlag::ExcludeLeanRuntime {
            self.not_on_rtx(
                "version compatible plans",
                "build with the version that runs them",
            )?;
        }
        let (abi, config) = (self.abi(), self.object());
        // SAFETY: the configuration is live.
        let kept = unsafe {
            methods::config::set_flag(abi, config, flag.number(abi));
            methods::config::flag(abi, config, flag.number(abi))
        };
        ignored("flag", 1, i32::from(kept))
    }

    /// Average this many runs when a kernel is timed.
    pub fn set_average_timing_iterations(&mut self, iterations: u32) {
        let iterations = i32::try_from(iterations).unwrap_or(i32::MAX);
        // SAFETY: the configuration is live.
        unsafe {
            methods::config::set_average_timing_iterations(self.abi(), self.object(), iterations);
        }
    }

    /// Streams that the plan may use besides the caller's.
    pub fn set_max_aux_streams(&mut self, streams: u32) {
        let streams = i32::try_from(streams).unwrap_or(i32::MAX);
        // SAFETY: the configuration is live.
        unsafe { methods::config::set_max_aux_streams(self.abi(), self.object(), streams) }
    }

    /// A plan that GPUs of Ampere and later share, slower than one of their own.
    pub fn set_hardware_compatible(&mut self) -> Result<(), ConfigError> {
        // RTX only warns and ignores it.
        self.not_on_rtx(
            "hardware compatibility",
            "give all compute capabilities instead",
        )?;
        const AMPERE_PLUS: i32 = 1;
        // SAFETY: the configuration is live.
        unsafe {
            methods::config::set_hardware_compatibility(self.abi(), self.object(), AMPERE_PLUS);
        }
        Ok(())
    }

    /// Runs layers on DLA core `core`, and on the GPU those that it cannot run.
    pub fn set_dla_core(&mut self, core: u32) -> Result<(), ConfigError> {
        self.needs_dla("DLA")?;
        let cores = self.builder.dla_cores();
        if core >= cores {
            let range = format!("below {cores}, the number of cores of this device");
            return Err(ConfigError::Range {
                setting: "DLA core",
                value: core.into(),
                range,
            });
        }
        self.set_flag(BuilderFlag::GpuFallback)?;
        const DLA: i32 = 1;
        let core = i32::try_from(core).unwrap_or(i32::MAX);
        // SAFETY: the configuration is live.
        unsafe {
            methods::config::set_default_device_type(self.abi(), self.object(), DLA);
            methods::config::set_dla_core(self.abi(), self.object(), core);
        }
        Ok(())
    }

    /// Whether layer `index` of `network` can run on a DLA core with these settings.
    pub fn can_run_on_dla(&self, network: &Network<'_>, index: usize) -> bool {
        network.layer(index).is_some_and(|layer| {
            // SAFETY: configuration and layer are live.
            unsafe { methods::config::can_run_on_dla(self.abi(), self.object(), layer.address()) }
        })
    }

    /// The GPUs that a plan of TensorRT-RTX is for, as compute capabilities: 86 for 8.6.
    ///
    /// TensorRT builds for the GPU of the machine and has no such setting.
    pub fn set_compute_capabilities(&mut self, capabilities: &[u32]) -> Result<(), ConfigError> {
        let library = self.builder.library().version();
        if library.product != Product::TensorRtRtx {
            return Err(ConfigError::Unsupported {
                setting: "choice of compute capabilities",
                library,
                fix: "it builds for the GPU of this machine; build on the board",
            });
        }
        if capabilities.is_empty() {
            return Err(ConfigError::NoComputeCapability { library });
        }
        self.targets.borrow_mut().clear();
        self.builder.errors();
        let count = i32::try_from(capabilities.len()).unwrap_or(i32::MAX);
        let (abi, config) = (self.abi(), self.object());
        // SAFETY: the configuration is live.
        let counted = unsafe { methods::config::set_compute_capability_count(abi, config, count) };
        for (index, &capability) in (0..).zip(capabilities) {
            let number = i32::try_from(capability).unwrap_or(i32::MAX);
            // A refusal must be heard here: the build that follows fails with words that do not
            // name it.
            // SAFETY: the configuration is live.
            let kept = counted
                && unsafe {
                    methods::config::set_compute_capability(abi, config, number, index)
                        && methods::config::compute_capability(abi, config, index) == number
                };
            if !kept {
                let reason = self.builder.errors().into_iter().next();
                return Err(ConfigError::ComputeCapability {
                    library,
                    capability,
                    reason,
                });
            }
        }
        *self.targets.borrow_mut() = capabilities.to_vec();
        Ok(())
    }

    /// Uses the times of kernels in `blob`, or starts again with an empty one.
    pub fn set_timing_cache(&mut self, blob: &[u8]) -> Result<(), ConfigError> {
        let (abi, config) = (self.abi(), self.object());
        // SAFETY: the configuration is live; the bytes are read during the call only.
        let address = unsafe {
            methods::config::create_timing_cache(abi, config, blob.as_ptr().cast(), blob.len())
        };
        let object = Object::new(address).map_err(|_| ConfigError::TimingCache)?;
        // SAFETY: the library has just made the cache, for us alone.
        let cache = unsafe { Owned::public(object) };
        // Not ignoring mismatches: times of another GPU or version choose wrong kernels.
        // SAFETY: both are live; the cache lives as long as the configuration.
        if !unsafe { methods::config::set_timing_cache(abi, config, object.address(), false) } {
            return Err(ConfigError::TimingCache);
        }
        self.timing_cache = Some(cache);
        Ok(())
    }

    /// The timing cache, with what builds added to it; `None` where none was set.
    pub fn timing_cache(&self) -> Option<HostMemory> {
        let cache = self.timing_cache.as_ref()?.get();
        // SAFETY: the cache is live; the bytes are ours to delete.
        let memory = unsafe {
            let address = methods::timing_cache::serialize(self.abi(), cache);
            Owned::public(Object::new(address).ok()?)
        };
        Some(HostMemory::new(self.builder.library().clone(), memory))
    }

    /// Sizes of dynamic inputs that the plan shall serve.
    pub fn add_profile(&mut self, profile: &OptimizationProfile<'b>) -> Result<(), ConfigError> {
        let profile = profile.object().address();
        // SAFETY: both are live and of one builder.
        let index = unsafe {
            methods::config::add_optimization_profile(self.abi(), self.object(), profile)
        };
        if index < 0 {
            Err(ConfigError::Profile)
        } else {
            Ok(())
        }
    }

    /// Reports progress to `watch`, which ends the build by `Break`.
    ///
    /// The library asks between steps only. After the last one nothing is asked for up to nine
    /// tenths of the build: whoever must end a build at once ends its process.
    pub fn set_progress(
        &mut self,
        mut watch: impl FnMut(BuildProgress<'_>) -> ControlFlow<()> + Send + 'static,
    ) {
        let monitor = Monitor::new(Box::new(move |progress| {
            let number = |number: i32| u32::try_from(number).unwrap_or(0);
            watch(match progress {
                Progress::Started {
                    phase,
                    parent,
                    steps,
                } => BuildProgress::Started {
                    phase,
                    parent,
                    steps: number(steps),
                },
                Progress::Step { phase, step } => BuildProgress::Step {
                    phase,
                    step: number(step),
                },
                Progress::Finished { phase } => BuildProgress::Finished { phase },
            })
        }));
        // SAFETY: the configuration is live; the monitor is kept until after it.
        unsafe {
            methods::config::set_progress_monitor(self.abi(), self.object(), monitor.address());
        }
        self.monitor = Some(monitor);
    }

    /// What a build must have.
    pub(crate) fn validate(&self) -> Result<(), BuildError> {
        let library = self.builder.library().version();
        if library.product == Product::TensorRtRtx && self.targets.borrow().is_empty() {
            return Err(ConfigError::NoComputeCapability { library }.into());
        }
        Ok(())
    }

    pub(crate) fn object(&self) -> Object {
        self.config.get()
    }

    pub(crate) fn monitor(&self) -> Option<&Monitor> {
        self.monitor.as_deref()
    }

    fn abi(&self) -> Abi {
        self.builder.abi()
    }

    fn not_on_rtx(&self, setting: &'static str, fix: &'static str) -> Result<(), ConfigError> {
        let library = self.builder.library().version();
        match library.product {
            Product::TensorRt => Ok(()),
            Product::TensorRtRtx => Err(ConfigError::Unsupported {
                setting,
                library,
                fix,
            }),
        }
    }

    fn needs_dla(&self, setting: &'static str) -> Result<(), ConfigError> {
        let library = self.builder.library().version();
        if self.builder.dla_cores() > 0 {
            return Ok(());
        }
        let fix = "this device has no DLA core; leave it out";
        Err(ConfigError::Unsupported {
            setting,
            library,
            fix,
        })
    }
}

fn ignored(setting: &'static str, wanted: i32, kept: i32) -> Result<(), ConfigError> {
    if wanted == kept {
        return Ok(());
    }
    let number = |number: i32| u64::try_from(number).unwrap_or(u64::MAX);
    Err(ConfigError::Ignored {
        setting,
        wanted: number(wanted),
        kept: number(kept),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_moved_by_one_in_11() {
        for (flag, v10, v11) in [
            (BuilderFlag::GpuFallback, 3, 3),
            (BuilderFlag::Tf32, 6, 6),
            (BuilderFlag::VersionCompatible, 13, 12),
            (BuilderFlag::ExcludeLeanRuntime, 14, 13),
            (BuilderFlag::ErrorOnTimingCacheMiss, 16, 15),
        ] {
            assert_eq!(
                (flag.number(Abi::V10), flag.number(Abi::V11)),
                (v10, v11),
                "{flag:?}"
            );
            assert_eq!(flag.number(Abi::Rtx), v11, "{flag:?}");
        }
    }
}
