//! `systemd/flash/flash.sh` on minimal root file systems.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/flash/flash.sh");
const BOARDS: &str = "name,address,mqtt_user,mqtt_password\n\
                      mast-1,,one,first secret\n\
                      mast-10,,t&e\\n,s&c/ret\\1\r\n";
const CONFIG: &str = "[sink]\nalerts = [\"mqtts://@MQTT_USER@@broker/road/@NAME@\"]\n";

/// A root with a program of one processor, and a package for `arch`.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// None where the script cannot work.
    fn new(test: &str) -> Option<Self> {
        // Whoever made the folder owns it.
        let folder = tempfile::tempdir().unwrap();
        if fs::metadata(folder.path()).unwrap().uid() != 0 {
            unmask_oracle::skip(test, "root", "it gives files to root, which only root can");
            return None;
        }
        unmask_oracle::program(test, "dpkg-deb")?;
        fs::write(folder.path().join("boards.csv"), BOARDS).unwrap();
        fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
        Some(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A root whose dpkg is of the ELF machine `machine`.
    fn root(&self, name: &str, machine: u16) -> PathBuf {
        let root = self.path(name);
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        fs::create_dir_all(root.join("etc/systemd/system")).unwrap();
        let mut elf = vec![0; 64];
        elf[..4].copy_from_slice(b"\x7fELF");
        elf[18..20].copy_from_slice(&machine.to_le_bytes());
        fs::write(root.join("usr/bin/dpkg"), elf).unwrap();
        root
    }

    fn package(&self, arch: &str) -> PathBuf {
        let tree = self.path(&format!("tree-{arch}"));
        fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        let control = format!(
            "Package: unmask\nVersion: 1\nArchitecture: {arch}\nMaintainer: a <a@b>\nDescription: x\n"
        );
        fs::write(tree.join("DEBIAN/control"), control).unwrap();
        let to = self.path(&format!("unmask_{arch}.deb"));
        let made = Command::new("dpkg-deb")
            .arg("--build")
            .arg(&tree)
            .arg(&to)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        to
    }

    fn flash(&self, root: &Path, package: &Path, options: &[&str]) -> Output {
        let options = options
            .iter()
            .map(|option| option.replace("FOLDER", &self.path("").display().to_string()));
        Command::new("sh")
            .arg(SCRIPT)
            .arg("root")
            .arg(root)
            .arg(package)
            .args(options)
            .output()
            .unwrap()
    }
}

const IDENTITY: [&str; 6] = [
    "--config",
    "FOLDER/config.toml",
    "--boards",
    "FOLDER/boards.csv",
    "--name",
    "mast-10",
];

/// Every file below a folder with its mode and content, in order.
fn listing(folder: &Path) -> Vec<(PathBuf, u32, u32, Vec<u8>)> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            if about.is_dir() {
                open.push(path.clone());
            }
            let bytes = if about.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            all.push((path, about.permissions().mode(), about.uid(), bytes));
        }
    }
    all.sort();
    all
}

#[test]
fn a_root_gets_package_configuration_and_identity_and_twice_is_as_once() {
    let Some(bench) = Bench::new("a_root_gets_package_configuration_and_identity") else {
        return;
    };
    let root = bench.root("root", 183);
    let package = bench.package("arm64");
    let out = bench.flash(&root, &package, &IDENTITY);
    assert!(out.status.success(), "{out:?}");
    let text = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    assert_eq!(
        text("etc/unmask/unmask.toml"),
        "[sink]\nalerts = [\"mqtts://t&e\\n@broker/road/mast-10\"]\n"
    );
    assert_eq!(
        text("etc/unmask/environment"),
        "UNMASK_MQTT_PASSWORD=s&c/ret\\1\n"
    );
    assert_eq!(text("etc/hostname"), "mast-10\n");
    let mode = |name: &str| {
        let about = fs::metadata(root.join(name)).unwrap();
        (about.mode() & 0o7777, about.uid())
    };
    assert_eq!(mode("etc/unmask/environment"), (0o600, 0));
    assert_eq!(mode("etc/unmask/unmask.toml"), (0o644, 0));
    assert_eq!(mode("etc/unmask"), (0o755, 0));
    assert_eq!(
        fs::read(root.join("var/lib/unmask-install/unmask.deb")).unwrap(),
        fs::read(&package).unwrap()
    );
    let wanted = "etc/systemd/system/multi-user.target.wants/unmask-install.service";
    assert!(root.join(wanted).exists());
    let once = listing(&root);
    assert!(bench.flash(&root, &package, &IDENTITY).status.success());
    assert_eq!(listing(&root), once);
}

#[test]
fn what_does_not_fit_is_refused_and_the_root_stays_as_it_was() {
    let Some(bench) = Bench::new("what_does_not_fit_is_refused") else {
        return;
    };
    let root = bench.root("root", 183);
    let before = listing(&root);
    let (arm, pc) = (bench.package("arm64"), bench.package("amd64"));
    let refused = |root: &Path, package: &Path, options: &[&str], why: &str| {
        let out = bench.flash(root, package, options);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            !out.status.success() && said.contains(why),
            "{options:?}: {said}"
        );
    };
    refused(&root, &pc, &[], "is a root for arm64");
    refused(&bench.path(""), &arm, &[], "no root file system");
    refused(&root, &bench.path("none.deb"), &[], "there is no file");
    let mut other = IDENTITY;
    other[5] = "mast-2";
    refused(&root, &arm, &other, "no line for the board mast-2");
    refused(&root, &arm, &IDENTITY[..4], "which line");
    refused(&root, &arm, &IDENTITY[..2], "nothing is known for");
    refused(&root, &arm, &["--nonsense"], "unknown option");
    assert_eq!(listing(&root), before);
}

/// A program `ssh` in `folder`: each address is a root below `hosts`, where the command's archive is unpacked;
/// `gone` cannot be reached.
fn fake_ssh(folder: &Path) {
    let script = r#"#!/bin/sh
host=${1#*@}
case $host in gone) echo "ssh: no route to host" >&2; exit 255 ;; esac
case $2 in
dpkg*) echo arm64 ;;
*) mkdir -p "$HOSTS/$host" && tar -C "$HOSTS/$host" -x && printf '%s' "$2" >"$HOSTS/$host/command" ;;
esac
"#;
    let file = folder.join("bin/ssh");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn every_board_of_a_list_gets_its_own_and_one_that_fails_keeps_no_other_from_it() {
    let Some(bench) = Bench::new("every_board_of_a_list_gets_its_own") else {
        return;
    };
    let package = bench.package("arm64");
    fake_ssh(&bench.path(""));
    let count = 8;
    let mut list = "name,address,mqtt_user,mqtt_password,client_key\n".to_string();
    for n in 0..count {
        list += &format!("mast-{n},jetson@board{n},user-{n},secret {n},key-{n}\n");
        fs::write(bench.path(&format!("key-{n}")), format!("key of {n}")).unwrap();
    }
    list += "mast-far,jetson@gone,far,none,key-0\nmast-new,,new,none,key-0\n";
    fs::write(bench.path("many.csv"), list).unwrap();
    let path = std::env::var("PATH").unwrap();
    let out = Command::new("sh")
        .args([SCRIPT, "boards"])
        .arg(&package)
        .args(["--boards", "many.csv", "--config", "config.toml"])
        .current_dir(bench.path(""))
        .env("PATH", format!("{}:{path}", bench.path("bin").display()))
        .env("HOSTS", bench.path("hosts"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        !out.status.success() && said.contains("1 boards failed"),
        "{said}"
    );
    assert!(said.contains("gone cannot be reached"), "{said}");
    let told = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(told.contains("mast-new: no address"), "{told}");
    for n in 0..count {
        let root = bench.path(&format!("hosts/board{n}"));
        let text = |name: &str| fs::read_to_string(root.join(name)).unwrap();
        assert!(text("etc/unmask/unmask.toml").contains(&format!("user-{n}@broker/road/mast-{n}")));
        assert_eq!(
            text("etc/unmask/environment"),
            format!("UNMASK_MQTT_PASSWORD=secret {n}\n")
        );
        assert_eq!(text("etc/unmask/client.key"), format!("key of {n}"));
        let key = fs::metadata(root.join("etc/unmask/client.key")).unwrap();
        assert_eq!(key.mode() & 0o777, 0o600);
        assert!(text("command").contains("dpkg --force-confold --install"));
    }
}
