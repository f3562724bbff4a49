//! Each rule of the unit that shuts something out, with its control: what it refuses works without it.

use super::super::FoundCamera;
use super::unit::Unit;
use crate::sys;
use anyhow::{Context, ensure};
use board_guest::RULES_PROBE;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Where the service may write.
const OWN: &str = "/var/lib/unmask";
/// A file of the kernel's that anyone may write here.
const TUNABLE: &str = "/sys/class/video4linux/video0/dev_debug";
/// A group of processes that anyone may divide here.
const GROUP: &str = "/sys/fs/cgroup/probe";
/// The namespace of host names that the suite itself is in.
const OUTSIDE: &str = "/opt/probe/outside";
/// Shared memory of the probe.
const KEY: libc::key_t = 0x756e_6d01;

/// Something that a rule is to refuse.
struct Rule {
    /// The directive.
    name: &'static str,
    /// Lines that take it out of force, and only it.
    off: &'static [&'static str],
    /// Does what is to be refused.
    act: fn() -> io::Result<()>,
}

/// Filters of system calls, any of which sets `NoNewPrivileges=` for a service with a user.
const NO_FILTERS: [&str; 12] = [
    "NoNewPrivileges=no",
    "SystemCallFilter=",
    "SystemCallArchitectures=",
    "RestrictAddressFamilies=",
    "RestrictNamespaces=no",
    "RestrictSUIDSGID=no",
    "LockPersonality=no",
    "ProtectKernelTunables=no",
    "ProtectKernelModules=no",
    "ProtectKernelLogs=no",
    "ProtectClock=no",
    "ProtectHostname=no",
];

/// In this order: the last act takes the process out of its user namespace.
const RULES: [Rule; 18] = [
    Rule {
        name: "ProtectSystem",
        off: &["ProtectSystem=no"],
        act: || fs::write("/opt/probe/written", ""),
    },
    Rule {
        name: "ProtectHome",
        off: &["ProtectHome=no"],
        act: || fs::read("/home/probe").map(|_| ()),
    },
    Rule {
        name: "PrivateTmp",
        off: &["PrivateTmp=no"],
        act: || fs::read("/tmp/probe").map(|_| ()),
    },
    Rule {
        name: "PrivateUsers",
        off: &["PrivateUsers=no"],
        act: || shows("/proc/self/uid_map", |map| map.contains("4294967295")),
    },
    Rule {
        name: "ProtectKernelTunables",
        off: &["ProtectKernelTunables=no"],
        act: || fs::write(TUNABLE, "0"),
    },
    Rule {
        name: "ProtectKernelModules",
        off: &["ProtectKernelModules=no"],
        act: || fs::read_dir("/usr/lib/modules").map(|_| ()),
    },
    Rule {
        name: "ProtectKernelLogs",
        off: &["ProtectKernelLogs=no"],
        act: || {
            visible(
                fs::metadata("/dev/kmsg")?.mode() & 0o777 != 0,
                "no rights left",
            )
        },
    },
    Rule {
        name: "ProtectControlGroups",
        off: &["ProtectControlGroups=no"],
        act: || fs::create_dir(format!("{GROUP}/own")),
    },
    Rule {
        name: "ProtectHostname",
        off: &["ProtectHostname=no"],
        act: || {
            visible(
                fs::read_to_string(OUTSIDE)? == host_names()?,
                "a host name of its own",
            )
        },
    },
    Rule {
        name: "ProtectProc",
        off: &["ProtectProc=default"],
        act: || fs::metadata("/proc/1").map(|_| ()),
    },
    Rule {
        name: "KeyringMode",
        off: &["KeyringMode=inherit"],
        act: || {
            visible(
                sys::session_keyring()?.contains("_uid_ses"),
                "keys of its own",
            )
        },
    },
    Rule {
        name: "RestrictAddressFamilies",
        off: &["RestrictAddressFamilies="],
        act: || sys::open_socket(libc::AF_NETLINK),
    },
    Rule {
        name: "RestrictSUIDSGID",
        off: &["RestrictSUIDSGID=no"],
        act: || {
            let file = format!("{OWN}/set-user-id");
            fs::write(&file, "")?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o4755))
        },
    },
    Rule {
        name: "LockPersonality",
        off: &["LockPersonality=no"],
        act: sys::change_personality,
    },
    Rule {
        name: "SystemCallFilter",
        off: &["SystemCallFilter="],
        act: sys::trace_nobody,
    },
    Rule {
        name: "CapabilityBoundingSet",
        off: &["CapabilityBoundingSet=~"],
        act: || {
            shows("/proc/self/status", |text| {
                value(text, "CapBnd:") != "0000000000000000"
            })
        },
    },
    Rule {
        name: "UMask",
        off: &["UMask=0022"],
        act: || {
            let file = format!("{OWN}/for-others");
            let _ = fs::remove_file(&file);
            fs::write(&file, "")?;
            visible(fs::metadata(&file)?.mode() & 0o077 != 0, "for nobody else")
        },
    },
    Rule {
        name: "RestrictNamespaces",
        off: &["RestrictNamespaces=no"],
        act: sys::leave_user_namespace,
    },
];

fn visible(is: bool, otherwise: &str) -> io::Result<()> {
    match is {
        true => Ok(()),
        false => Err(io::Error::other(otherwise.to_string())),
    }
}

fn shows(file: &str, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    visible(wanted(&fs::read_to_string(file)?), "not there")
}

fn value<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap_or_default().trim()
}

fn host_names() -> io::Result<String> {
    Ok(fs::read_link("/proc/self/ns/uts")?.display().to_string())
}

/// Does all that is to be refused, and writes a line of each: `NAME open` or `NAME REASON`.
pub fn probe(file: &str) {
    let mut text = String::new();
    let privileges = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let word = match value(&privileges, "NoNewPrivs:") {
        "0" => "open",
        _ => "no new ones",
    };
    text.push_str(&format!("NoNewPrivileges {word}\n"));
    if let Err(error) = sys::make_shared_memory(KEY) {
        text.push_str(&format!("SharedMemory {error}\n"));
    }
    for rule in &RULES {
        match (rule.act)() {
            Ok(()) => text.push_str(&format!("{} open\n", rule.name)),
            Err(error) => text.push_str(&format!("{} {error}\n", rule.name)),
        }
    }
    if let Err(error) = fs::write(file, text) {
        eprintln!("cannot write {file}: {error}");
        std::process::exit(1);
    }
}

/// Runs the probe under the unit's rules with `off` behind them.
fn probed(name: &str, off: &[&str]) -> anyhow::Result<BTreeMap<String, String>> {
    let file = format!("{OWN}/rules-{name}");
    let unit = Unit::like_packaged(name, &format!("/init {RULES_PROBE} {file}"), off)?;
    unit.start()?;
    let text = fs::read_to_string(&file).context("the probe wrote nothing")?;
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    Ok(lines
        .map(|(name, found)| (name.into(), found.into()))
        .collect())
}

/// What the probes are to find.
fn prepare() -> anyhow::Result<()> {
    for folder in ["/opt/probe", "/home", "/usr/lib/modules"] {
        fs::create_dir_all(folder)?;
    }
    fs::set_permissions("/opt/probe", fs::Permissions::from_mode(0o777))?;
    fs::write("/home/probe", "")?;
    fs::write("/tmp/probe", "")?;
    fs::write(OUTSIDE, host_names()?)?;
    fs::set_permissions(TUNABLE, fs::Permissions::from_mode(0o666))?;
    if !Path::new(GROUP).exists() {
        fs::create_dir(GROUP).context("cannot make a group of processes")?;
    }
    fs::set_permissions(GROUP, fs::Permissions::from_mode(0o777))?;
    Ok(())
}

/// Segments of the probe that are left.
fn shared_memory() -> anyhow::Result<usize> {
    let all = fs::read_to_string("/proc/sysvipc/shm")?;
    let key = KEY.to_string();
    Ok(all
        .lines()
        .filter(|line| line.split_whitespace().next() == Some(key.as_str()))
        .count())
}

/// The case: all rules in force, and then each taken out.
pub fn case() -> FoundCamera {
    prepare()?;
    let shut = probed("all", &[])?;
    for name in RULES
        .iter()
        .map(|rule| rule.name)
        .chain(["NoNewPrivileges"])
    {
        let found = shut
            .get(name)
            .with_context(|| format!("no line of {name}"))?;
        ensure!(
            found != "open",
            "the unit does not shut out what {name}= is for"
        );
    }
    let mut wrong = Vec::new();
    if shared_memory()? > 0 {
        wrong.push("RemoveIPC=yes leaves shared memory".to_string());
    }
    for rule in &RULES {
        let _ = fs::remove_dir(format!("{GROUP}/own"));
        let found = probed(&rule.name.to_lowercase(), rule.off)?;
        let word = found.get(rule.name).map_or("nothing", String::as_str);
        if word != "open" {
            wrong.push(format!("without {}= it says: {word}", rule.name));
        }
    }
    let free = probed("privileges", &NO_FILTERS)?;
    if free
        .get("NoNewPrivileges")
        .is_none_or(|word| word != "open")
    {
        wrong.push("without every filter there are still no new privileges".to_string());
    }
    probed("memory", &["RemoveIPC=no"])?;
    if shared_memory()? == 0 {
        wrong.push("without RemoveIPC= no shared memory is left".to_string());
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(format!(
        "{} directives each shut something out, which works with that one taken out",
        RULES.len() + 2
    ))
}
