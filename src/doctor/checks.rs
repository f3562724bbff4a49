//! The checks.

use super::Finding;
use crate::config::RunConfig;
use crate::health::limits::limits;
use crate::health::power;
use crate::source::SourceUri;
use std::io::ErrorKind;
use std::path::Path;
use unmask_engine::{Engine, EngineOptions, find_model};
use unmask_tensorrt::{Driver, DriverError, Library, OpenError, Severity};

/// Below this much free disk, evidence and outbox soon have no room, bytes.
const LEAST_DISK_BYTES: u64 = 512 << 20;
/// Below this much available memory, a model may not fit, MiB.
const LEAST_MEMORY_MIB: u64 = 256;

/// The source that the configuration names.
pub(super) fn source(root: &Path, config: &RunConfig) -> Finding {
    const PART: &str = "source";
    let Some(name) = &config.source.uri else {
        return Finding::warning(
            PART,
            "the configuration names no source",
            "set source.uri, or give --source to `unmask run`",
        );
    };
    let path = match name.parse() {
        Ok(SourceUri::V4l2(path)) => path,
        Ok(SourceUri::Pictures(path) | SourceUri::Recording(path)) => path,
        Ok(SourceUri::Synthetic(_)) => return Finding::ok(PART, name),
        Err(error) => {
            return Finding::problem(PART, error.to_string(), "correct source.uri");
        }
    };
    let path = root.join(path.strip_prefix("/").unwrap_or(&path));
    match std::fs::metadata(&path) {
        Ok(_) => Finding::ok(PART, name),
        Err(error) if config.source.waits() => Finding::warning(
            PART,
            format!("{name}: {error}; the run waits for it"),
            "connect the camera, or correct source.uri",
        ),
        Err(error) => Finding::problem(
            PART,
            format!("{name}: {error}"),
            "connect the camera, or correct source.uri",
        ),
    }
}

/// Camera devices, and whether this user may open them.
pub(super) fn cameras(root: &Path) -> Vec<Finding> {
    const PART: &str = "camera";
    let entries = std::fs::read_dir(root.join("dev")).into_iter().flatten();
    let mut devices: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let number = name.strip_prefix("video");
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        })
        .collect();
    devices.sort();
    if devices.is_empty() {
        return vec![Finding::warning(
            PART,
            "no camera device (/dev/video*)",
            "connect a camera; on Jetson, enable it with /opt/nvidia/jetson-io/jetson-io.py",
        )];
    }
    let opened = devices.iter().map(|device| {
        let name = device.display().to_string();
        let opened = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(device);
        match opened {
            Ok(_) => Finding::ok(PART, name),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Finding::warning(
                PART,
                format!("{name}: {error}"),
                "add the user to the group of the device: usermod -aG video USER",
            ),
            Err(error) => Finding::warning(
                PART,
                format!("{name}: {error}"),
                "see `unmask camera` for its state",
            ),
        }
    });
    opened.collect()
}

/// The model that a run would use.
pub(super) fn model(config: &RunConfig) -> Finding {
    const PART: &str = "model";
    let model = match &config.model.file {
        Some(model) => model.clone(),
        None => match find_model() {
            Ok(model) => model,
            Err(error) => {
                return Finding::problem(PART, error.to_string(), "set model.file");
            }
        },
    };
    let options = EngineOptions {
        threads: config.model.threads,
    };
    match Engine::open(&model, options) {
        Ok(engine) => Finding::ok(
            PART,
            format!(
                "{}: {} on the {}, input {}",
                model.display(),
                engine.precision(),
                engine.name(),
                engine.model_metadata().input
            ),
        ),
        Err(error) => Finding::problem(
            PART,
            unmask_frame::error_chain(&error),
            "write it again with `unmask export`, or set model.file",
        ),
    }
}

/// TensorRT's builder and parser.
pub(super) fn tensorrt(folder: Option<&Path>) -> Vec<Finding> {
    const PART: &str = "TensorRT";
    let library = match Library::find(folder, |_: Severity, _: &str| {}) {
        Ok(library) => library,
        Err(OpenError::NotFound { .. }) => {
            return vec![Finding::warning(
                PART,
                "not installed; engines run on the CPU",
                "apt install tensorrt (on Jetson: nvidia-jetpack), or name its folder in \
                 $UNMASK_TENSORRT",
            )];
        }
        Err(error) => {
            let fix = "install TensorRT 10 or 11, or name its folder in $UNMASK_TENSORRT";
            return vec![Finding::warning(PART, error.to_string(), fix)];
        }
    };
    let mut findings = vec![Finding::ok(PART, library.version().to_string())];
    if !library.has_builder() {
        findings.push(Finding::warning(
            PART,
            "a lean runtime without a builder: plans cannot be built here",
            "apt install tensorrt",
        ));
    }
    if library.parser_version().is_none() {
        findings.push(Finding::warning(
            PART,
            "no ONNX parser of the same version",
            "apt install libnvonnxparsers10 (or the parser of your version)",
        ));
    }
    findings
}

/// The CUDA driver and its first GPU.
pub(super) fn gpu() -> Finding {
    const PART: &str = "GPU";
    match Driver::devices() {
        Ok(devices) => match devices.first() {
            Some(gpu) => Finding::ok(
                PART,
                format!(
                    "{}, compute capability {}.{}, {} MiB",
                    gpu.name,
                    gpu.compute_capability / 10,
                    gpu.compute_capability % 10,
                    gpu.memory_bytes >> 20
                ),
            ),
            None => Finding::warning(
                PART,
                "the driver shows no GPU",
                "check $CUDA_VISIBLE_DEVICES and the permissions of /dev/nvidia*",
            ),
        },
        Err(DriverError::NotFound { .. }) => Finding::warning(
            PART,
            "no CUDA driver; engines run on the CPU",
            "install NVIDIA's driver (on Jetson it comes with JetPack)",
        ),
        Err(error) => Finding::warning(PART, error.to_string(), "update or reinstall the driver"),
    }
}

/// Power mode and clocks, where the board has them.
pub(super) fn clocks(root: &Path) -> Vec<Finding> {
    const PART: &str = "clocks";
    let host = power::host(root);
    let mut findings = Vec::new();
    if let Some(mode) = &host.power_mode {
        findings.push(Finding::ok("power mode", mode));
    }
    let limits = limits(&host, &host);
    if limits.is_empty() && !host.clocks.is_empty() {
        findings.push(Finding::ok(PART, "nothing limits the machine"));
    }
    for limit in limits {
        // Elsewhere an idle machine lowers its clocks, as it should.
        if host.power_mode.is_none() {
            findings.push(Finding::ok(PART, limit));
            continue;
        }
        let (found, fix) = limit.split_once(": ").unwrap_or((&limit, "jetson_clocks"));
        findings.push(Finding::warning(PART, found, fix));
    }
    findings
}

/// Memory that is available.
pub(super) fn memory(root: &Path) -> Finding {
    const PART: &str = "memory";
    let text = std::fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let mib = |key: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib / 1024)
    };
    match (mib("MemTotal:"), mib("MemAvailable:")) {
        (Some(total), Some(available)) if available < LEAST_MEMORY_MIB => Finding::warning(
            PART,
            format!("{available} of {total} MiB available"),
            "stop other programs, or disable the desktop: systemctl set-default multi-user",
        ),
        (Some(total), Some(available)) => {
            Finding::ok(PART, format!("{available} of {total} MiB available"))
        }
        _ => Finding::warning(PART, "unknown: /proc/meminfo has no totals", "mount /proc"),
    }
}

/// Whether the folder for outbox and plans can be written, and has room.
pub(super) fn state(folder: Option<&Path>) -> Finding {
    const PART: &str = "state folder";
    let Some(folder) = folder else {
        let fix = "set $STATE_DIRECTORY or $HOME";
        return Finding::problem(PART, "no folder for outbox and plans", fix);
    };
    let name = folder.display();
    let written = std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
    if let Err(error) = written {
        return Finding::problem(
            PART,
            format!("{name}: cannot be written: {error}"),
            format!("chown it to the user of the service, or free its disk: df -h {name}"),
        );
    }
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let found = format!("{name}: {} MiB free", free >> 20);
            match free < LEAST_DISK_BYTES {
                true => Finding::warning(PART, found, format!("free its disk: df -h {name}")),
                false => Finding::ok(PART, found),
            }
        }
        Err(error) => Finding::warning(PART, format!("{name}: {error}"), "check its mount"),
    }
}

/// Whether something keeps the wall clock right.
pub(super) fn wall_clock() -> Finding {
    const PART: &str = "wall clock";
    match unmask_system::clock_error() {
        Some(error) => Finding::ok(PART, format!("within {:.3} s", error.as_secs_f64())),
        None => Finding::warning(
            PART,
            "not synchronised: captured_at may be wrong",
            "timedatectl set-ntp true",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::FindingSeverity::{Ok as Fine, Problem, Warning};
    use super::*;

    fn config(source: &str) -> RunConfig {
        let mut config = RunConfig::default();
        config.source.uri = Some(source.into());
        config.source.wait = Some(false);
        config
    }

    #[test]
    fn source_must_be_there_unless_it_is_waited_for() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("dev")).unwrap();
        std::fs::write(root.path().join("dev/video0"), "").unwrap();
        let severity = |config: &RunConfig| source(root.path(), config).severity;
        assert_eq!(severity(&config("v4l2:/dev/video0")), Fine);
        assert_eq!(severity(&config("v4l2:/dev/video1")), Problem);
        assert_eq!(severity(&config("camera:0")), Problem);
        assert_eq!(severity(&config("synthetic:1")), Fine);
        assert_eq!(severity(&RunConfig::default()), Warning);
        let mut waiting = config("v4l2:/dev/video1");
        waiting.source.wait = Some(true);
        assert_eq!(severity(&waiting), Warning);
    }

    #[test]
    fn cameras_are_listed_in_order() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(cameras(root.path())[0].severity, Warning);
        std::fs::create_dir(root.path().join("dev")).unwrap();
        for name in ["video1", "video0", "videodev", "null"] {
            std::fs::write(root.path().join("dev").join(name), "").unwrap();
        }
        let found = cameras(root.path());
        let names: Vec<bool> = found
            .iter()
            .zip(["video0", "video1"])
            .map(|(finding, name)| finding.found.ends_with(name))
            .collect();
        assert_eq!((found.len(), names), (2, vec![true, true]));
    }

    #[test]
    fn low_clocks_matter_on_a_board_with_power_modes() {
        let root = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("sys/class/devfreq/17000000.gpu/cur_freq", "306000000\n");
        put("sys/class/devfreq/17000000.gpu/max_freq", "1300500000\n");
        assert_eq!(clocks(root.path())[0].severity, Fine);
        put("var/lib/nvpmodel/status", "pmode:0001\n");
        let found = clocks(root.path());
        assert_eq!((found.len(), found[1].severity), (2, Warning));
        assert!(found[1].found.contains("306 of 130"), "{:?}", found[1]);
        assert!(found[1].fix.as_ref().unwrap().contains("jetson_clocks"));
    }

    #[test]
    fn memory_is_read_from_proc() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(memory(root.path()).severity, Warning);
        std::fs::create_dir(root.path().join("proc")).unwrap();
        let file = root.path().join("proc/meminfo");
        std::fs::write(&file, "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n").unwrap();
        assert_eq!(memory(root.path()).severity, Fine);
        std::fs::write(&file, "MemTotal: 8000000 kB\nMemAvailable: 100000 kB\n").unwrap();
        assert_eq!(memory(root.path()).severity, Warning);
    }

    #[test]
    fn state_folder_must_be_writable() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(state(None).severity, Problem);
        let made = folder.path().join("a/b");
        assert_ne!(state(Some(&made)).severity, Problem);
        assert!(made.is_dir());
        std::fs::write(folder.path().join("file"), "").unwrap();
        let finding = state(Some(&folder.path().join("file/x")));
        assert_eq!(finding.severity, Problem, "{finding:?}");
    }

    #[test]
    fn model_that_cannot_be_opened_is_a_problem() {
        let mut config = RunConfig::default();
        config.model.file = Some("/nonexistent.onnx".into());
        let finding = model(&config);
        assert_eq!(finding.severity, Problem);
        assert!(finding.found.contains("nonexistent.onnx"));
    }
}
