//! Opens files for all readers: anything but a regular file is refused at once.
//! Files that others may have made special are created without waiting.
//!
//! A FIFO holds whoever opens it until someone writes into it, and a device may give bytes without
//! end: a folder of pictures with one of them in it would stop a run for ever. All readers of
//! pictures, models, checkpoints, recordings, lists and configurations open through here.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// Opens `path` for reading, where it is a regular file or a link to one. Never waits for a writer.
///
/// # Errors
/// What the system reports; [`io::ErrorKind::InvalidInput`], with the kind of file in its words,
/// where it is not a regular one.
pub fn open_regular_file(path: &Path) -> io::Result<File> {
    // Asked by name first: opening a device may do something. Asked again once it is open, since
    // the name may belong to another file by then.
    check_kind(std::fs::metadata(path)?.file_type())?;
    let file = open_at_once(path)?;
    check_kind(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file of at most `limit_bytes`.
///
/// # Errors
/// As [`open_regular_file`]; [`io::ErrorKind::FileTooLarge`] where there is more.
pub fn read_regular_file(path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
    read_all(open_regular_file(path)?, limit_bytes)
}

/// Reads a regular file of text, UTF-8, of at most `limit_bytes`.
///
/// # Errors
/// As [`read_regular_file`]; [`io::ErrorKind::InvalidData`] where it is not UTF-8.
pub fn read_regular_text(path: &Path, limit_bytes: u64) -> io::Result<String> {
    let bytes = read_regular_file(path, limit_bytes)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = format!("it is not UTF-8 text: the byte at {at} cannot be");
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

/// Reads the regular file `name` of at most `limit_bytes` in `folder`. Links are followed only
/// where they stay in the folder.
///
/// # Errors
/// As [`read_regular_file`]; [`io::ErrorKind::InvalidInput`] where `name` is not a bare name of a
/// file, or a link that leads out of the folder.
pub fn read_file_in(folder: &Path, name: &str, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let mut parts = Path::new(name).components();
    let is_bare = matches!(
        (parts.next(), parts.next()),
        (Some(std::path::Component::Normal(part)), None) if part == name
    );
    if !is_bare {
        return Err(invalid(format!("`{name}` lies outside the folder")));
    }
    let file = open_inside(folder, name)?;
    check_kind(file.metadata()?.file_type())?;
    read_all(file, limit_bytes)
}

/// Reads all of `file`, at most `limit_bytes`, whatever its length seemed to be.
fn read_all(file: File, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let too_large = |have: u64| {
        let text = format!("it has {have} bytes, at most {limit_bytes} are read");
        io::Error::new(io::ErrorKind::FileTooLarge, text)
    };
    let length = file.metadata()?.len();
    if length > limit_bytes {
        return Err(too_large(length));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(limit_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        have if have > limit_bytes => Err(too_large(have)),
        _ => Ok(bytes),
    }
}

fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text.into())
}

/// Refuses what is not a regular file.
fn check_kind(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let what = match () {
        () if kind.is_dir() => "a folder",
        #[cfg(unix)]
        () if std::os::unix::fs::FileTypeExt::is_fifo(&kind) => "a FIFO (a named pipe)",
        #[cfg(unix)]
        () if std::os::unix::fs::FileTypeExt::is_socket(&kind) => "a socket",
        #[cfg(unix)]
        () if std::os::unix::fs::FileTypeExt::is_char_device(&kind) => "a device",
        #[cfg(unix)]
        () if std::os::unix::fs::FileTypeExt::is_block_device(&kind) => "a device",
        () => "a special file",
    };
    Err(invalid(format!("it is {what}: give a regular file")))
}

/// Makes `path` anew for writing, as [`File::create`] does, but never waits for the reader of a FIFO.
///
/// What is written to a FIFO or a device then waits as it does there.
///
/// # Errors
/// What the system reports; [`io::ErrorKind::InvalidInput`] where it is a FIFO that nobody reads.
#[cfg(unix)]
pub fn create_file(path: &Path) -> io::Result<File> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use rustix::io::Errno;
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32)
        .open(path);
    let file = opened.map_err(|error| {
        let is_fifo = || std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo());
        match error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) && is_fifo() {
            true => {
                invalid("it is a FIFO (a named pipe) that nobody reads: start its reader first")
            }
            false => error,
        }
    })?;
    if !file.metadata()?.is_file() {
        fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    }
    Ok(file)
}

/// Makes `path` anew for writing.
///
/// # Errors
/// What the system reports.
#[cfg(not(unix))]
pub fn create_file(path: &Path) -> io::Result<File> {
    File::create(path)
}

#[cfg(unix)]
fn open_at_once(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
}

#[cfg(not(unix))]
fn open_at_once(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(target_os = "linux")]
fn open_inside(folder: &Path, name: &str) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat, openat2};
    use rustix::io::Errno;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let none = Mode::empty();
    let folder = open(
        folder,
        OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY,
        none,
    )?;
    let opened = match openat2(&folder, name, flags, none, ResolveFlags::BENEATH) {
        // Linux before 5.6, or a filter that does not know the call: no link is followed then.
        Err(Errno::NOSYS | Errno::PERM) => openat(&folder, name, flags | OFlags::NOFOLLOW, none),
        opened => opened,
    };
    match opened {
        Ok(file) => Ok(File::from(file)),
        Err(Errno::XDEV | Errno::LOOP) => Err(invalid(format!(
            "`{name}` is a link that leads out of the folder"
        ))),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_inside(folder: &Path, name: &str) -> io::Result<File> {
    let path = folder.join(name);
    if std::fs::symlink_metadata(&path)?.is_symlink() {
        return Err(invalid(format!(
            "`{name}` is a link that leads out of the folder"
        )));
    }
    open_at_once(&path)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::os::unix::fs::symlink;
    use std::time::{Duration, Instant};

    /// A folder with a FIFO and a regular file `file` in it.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::fs::write(folder.path().join("file"), b"what it holds").unwrap();
        folder
    }

    #[test]
    fn a_fifo_is_written_to_once_somebody_reads_it() {
        use std::io::Write;
        let folder = folder();
        let fifo = folder.path().join("fifo");
        let start = Instant::now();
        let error = create_file(&fifo).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(1));
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("nobody reads"), "{error}");

        let path = fifo.clone();
        let reader = std::thread::spawn(move || std::fs::read(path).unwrap());
        let mut file = loop {
            match create_file(&fifo) {
                Ok(file) => break file,
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        // More than a pipe holds: the writer waits for the reader, and nothing is refused.
        let bytes = vec![7; 1 << 20];
        file.write_all(&bytes).unwrap();
        drop(file);
        assert_eq!(reader.join().unwrap(), bytes);

        let plain = folder.path().join("file");
        create_file(&plain).unwrap().write_all(b"new").unwrap();
        assert_eq!(std::fs::read(&plain).unwrap(), b"new");
        create_file(Path::new("/dev/null"))
            .unwrap()
            .write_all(b"new")
            .unwrap();
    }

    fn refused(path: &Path) -> String {
        let start = Instant::now();
        let error = open_regular_file(path).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(1), "{path:?}");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path:?}");
        error.to_string()
    }

    #[test]
    fn special_files_and_links_to_them_are_refused_at_once() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        symlink(at("fifo"), at("link")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (path, words) in [
            (at("fifo"), "a FIFO"),
            (at("link"), "a FIFO"),
            (at("zero"), "a device"),
            ("/dev/null".into(), "a device"),
            (at("socket"), "a socket"),
            (folder.path().into(), "a folder"),
        ] {
            let error = refused(&path);
            assert!(
                error.contains(words) && error.contains("regular"),
                "{error}"
            );
        }
        let missing = open_regular_file(&at("gone")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_fifo_that_takes_a_files_place_holds_nobody() {
        // Past the look at the name: as when the file is replaced in between.
        let folder = folder();
        let start = Instant::now();
        let file = open_at_once(&folder.path().join("fifo")).unwrap();
        assert!(check_kind(file.metadata().unwrap().file_type()).is_err());
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn regular_files_are_read_up_to_their_limit() {
        let folder = folder();
        let path = folder.path().join("file");
        symlink("file", folder.path().join("link")).unwrap();
        assert_eq!(read_regular_file(&path, 13).unwrap(), b"what it holds");
        let link = folder.path().join("link");
        assert_eq!(read_regular_text(&link, 99).unwrap(), "what it holds");
        let error = read_regular_file(&path, 12).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("13 bytes"), "{error}");
        // A file that says that it is empty and is not.
        let error = read_regular_file(Path::new("/proc/self/maps"), 10).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        std::fs::write(&path, b"\xff\xfe").unwrap();
        let error = read_regular_text(&path, 99).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn no_link_leaves_a_folder() {
        let (folder, other) = (folder(), folder());
        let (inside, outside) = (folder.path(), other.path().join("file"));
        symlink("file", inside.join("near")).unwrap();
        symlink(&outside, inside.join("far")).unwrap();
        let up = Path::new("..").join(other.path().file_name().unwrap());
        symlink(up.join("file"), inside.join("up")).unwrap();
        assert!(
            std::fs::read(inside.join("far")).is_ok() && std::fs::read(inside.join("up")).is_ok()
        );
        assert_eq!(read_file_in(inside, "near", 99).unwrap(), b"what it holds");
        for name in ["far", "up"] {
            let error = read_file_in(inside, name, 99).unwrap_err().to_string();
            assert!(error.contains("leads out of"), "{error}");
        }
        for name in ["", ".", "..", "../file", "/etc/hostname", "a/b", "file/"] {
            let error = read_file_in(inside, name, 99).unwrap_err().to_string();
            assert!(error.contains("outside"), "{name}: {error}");
        }
        let error = read_file_in(inside, "fifo", 99).unwrap_err().to_string();
        assert!(error.contains("a FIFO"), "{error}");
    }
}
