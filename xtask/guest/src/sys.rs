//! System calls: all unsafe code of the board.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::time::Duration;

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Mounts a file system of the kernel's own.
pub fn mount(kind: &str, target: &str) -> io::Result<()> {
    let (kind, target) = (CString::new(kind)?, CString::new(target)?);
    // SAFETY: the strings end in zero and live until the call returns; no data is given.
    checked(unsafe {
        libc::mount(
            kind.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            0,
            std::ptr::null(),
        )
    })?;
    Ok(())
}

/// Loads a kernel module with its parameters.
pub fn load_module(path: &Path, parameters: &str) -> io::Result<()> {
    let file = File::open(path)?;
    let parameters = CString::new(parameters)?;
    // SAFETY: an open file and a string that ends in zero.
    let done = unsafe {
        libc::syscall(
            libc::SYS_finit_module,
            file.as_raw_fd(),
            parameters.as_ptr(),
            0,
        )
    };
    checked(done as libc::c_int)?;
    Ok(())
}

/// Switches the machine off.
pub fn power_off() -> ! {
    // SAFETY: no memory is involved; as init this does not return.
    unsafe {
        libc::sync();
        libc::reboot(libc::RB_POWER_OFF);
    }
    std::process::exit(1)
}

/// Sets the wall clock ahead by so many seconds, or back.
pub fn move_wall_clock(by_s: i64) -> io::Result<()> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure is written before it is read, and lives until both calls return.
    checked(unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut time) })?;
    time.tv_sec += by_s as libc::time_t;
    // SAFETY: as above.
    checked(unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &time) })?;
    Ok(())
}

/// Asks a process to end.
pub fn terminate(process: u32) -> io::Result<()> {
    signal(process, libc::SIGTERM)
}

/// Stops a process where it is.
pub fn freeze(process: u32) -> io::Result<()> {
    signal(process, libc::SIGSTOP)
}

/// Ends a process at once.
pub fn kill(process: u32) -> io::Result<()> {
    signal(process, libc::SIGKILL)
}

/// Opens a socket of a family and closes it.
pub fn open_socket(family: libc::c_int) -> io::Result<()> {
    // SAFETY: no memory is involved; the descriptor is ours alone and is closed at once.
    let fd = checked(unsafe { libc::socket(family, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: opened above, and not used any more.
    checked(unsafe { libc::close(fd) })?;
    Ok(())
}

/// Goes into a user namespace of its own.
pub fn leave_user_namespace() -> io::Result<()> {
    // SAFETY: no memory is involved.
    checked(unsafe { libc::unshare(libc::CLONE_NEWUSER) })?;
    Ok(())
}

/// Takes on the execution domain of 32-bit programs, and that of before again.
pub fn change_personality() -> io::Result<()> {
    const PER_LINUX32: libc::c_ulong = 8;
    // SAFETY: no memory is involved; it counts for programs that are started later, and there are none.
    let before = checked(unsafe { libc::personality(PER_LINUX32) })?;
    // SAFETY: as above.
    checked(unsafe { libc::personality(before as libc::c_ulong) })?;
    Ok(())
}

/// Looks into a process that there is none of: an error that says so is the kernel's own answer.
pub fn trace_nobody() -> io::Result<()> {
    let nobody: libc::pid_t = libc::pid_t::MAX;
    let null = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: no process has this number; nothing is read or written.
    let done = unsafe { libc::ptrace(libc::PTRACE_PEEKDATA, nobody, null, null) };
    match done {
        -1 => match io::Error::last_os_error() {
            e if e.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            e => Err(e),
        },
        _ => Ok(()),
    }
}

/// Makes a segment of shared memory that outlives the process.
pub fn make_shared_memory(key: libc::key_t) -> io::Result<()> {
    // SAFETY: no memory is mapped.
    checked(unsafe { libc::shmget(key, 4096, libc::IPC_CREAT | 0o600) })?;
    Ok(())
}

/// What the kernel calls the keyring of this session.
pub fn session_keyring() -> io::Result<String> {
    const KEYCTL_DESCRIBE: libc::c_long = 6;
    const KEY_SPEC_SESSION_KEYRING: libc::c_long = -3;
    let mut text = [0u8; 200];
    // SAFETY: the kernel writes at most as many bytes as it is told, and the buffer outlives the call.
    let length = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            KEYCTL_DESCRIBE,
            KEY_SPEC_SESSION_KEYRING,
            text.as_mut_ptr(),
            text.len(),
        )
    };
    let length = checked(length as libc::c_int)? as usize;
    let end = length.saturating_sub(1).min(text.len());
    Ok(String::from_utf8_lossy(&text[..end]).into_owned())
}

/// Sets the wall clock forward.
pub fn move_clock(by: Duration) -> io::Result<()> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call.
    checked(unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut time) })?;
    time.tv_sec += by.as_secs() as libc::time_t;
    // SAFETY: `time` outlives the call.
    checked(unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &time) })?;
    Ok(())
}

fn signal(process: u32, number: libc::c_int) -> io::Result<()> {
    let process = libc::pid_t::try_from(process).map_err(io::Error::other)?;
    // SAFETY: no memory is involved.
    checked(unsafe { libc::kill(process, number) })?;
    Ok(())
}

/// Seconds of the monotonic clock, which is also that of good frame stamps.
pub fn monotonic_s() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Open files and resident memory (KiB) of this process.
pub fn own_size() -> io::Result<(usize, u64)> {
    let files = std::fs::read_dir("/proc/self/fd")?.count();
    let resident = resident_kib(std::process::id())?;
    Ok((files, resident))
}

/// Resident memory of another process, KiB.
pub fn resident_kib(process: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|value| value.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other("the kernel reports no resident size"))
}

/// Kernel release and machine.
pub fn uname() -> (String, String) {
    // SAFETY: all-zero is a valid `utsname`, and it outlives the call; the fields end in zero.
    unsafe {
        let mut name: libc::utsname = std::mem::zeroed();
        libc::uname(&mut name);
        let text = |field: &[libc::c_char]| {
            std::ffi::CStr::from_ptr(field.as_ptr())
                .to_string_lossy()
                .into_owned()
        };
        (text(&name.release), text(&name.machine))
    }
}

/// What the kernel may read and write as the argument of an ioctl: plain words, any bits valid.
///
/// # Safety
/// Every bit pattern is a valid value, and the layout is the kernel's.
pub unsafe trait Argument {}
// SAFETY: plain words.
unsafe impl Argument for i32 {}
// SAFETY: plain words.
unsafe impl Argument for u32 {}

/// One ioctl whose argument has the size that `request` says.
pub fn ioctl<T: Argument>(fd: RawFd, request: u64, argument: &mut T) -> io::Result<()> {
    debug_assert_eq!((request >> 16) & 0x3fff, size_of::<T>() as u64);
    loop {
        // SAFETY: the argument is as large as the request says, of plain words, and outlives it.
        let done = unsafe { libc::ioctl(fd, request as _, std::ptr::from_mut(argument)) };
        match checked(done) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(|_| ()),
        }
    }
}

/// True if the file can be read (or, with `write`, written) within the time.
pub fn poll(fd: RawFd, write: bool, wait: Duration) -> io::Result<bool> {
    let events = if write { libc::POLLOUT } else { libc::POLLIN };
    let mut polled = libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    // SAFETY: one entry, which outlives the call.
    let ready = unsafe { libc::poll(&mut polled, 1, wait.as_millis() as libc::c_int) };
    Ok(checked(ready)? > 0)
}

/// Memory of a device.
pub struct MappedMemory {
    at: *mut u8,
    length: usize,
}

// SAFETY: the mapping belongs to this value alone and may be used from any thread.
unsafe impl Send for MappedMemory {}

impl MappedMemory {
    /// Maps a part of a device.
    pub fn new(fd: RawFd, offset: u64, length: usize) -> io::Result<Self> {
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the kernel chooses a free place; the result is checked.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                rights,
                libc::MAP_SHARED,
                fd,
                offset as libc::off_t,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            at: at.cast(),
            length,
        })
    }

    /// What the device wrote.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: mapped as long as `self` lives; the device writes only queued buffers.
        unsafe { std::slice::from_raw_parts(self.at, self.length) }
    }

    /// What the device shall read.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.length) }
    }
}

impl Drop for MappedMemory {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and not used any more.
        unsafe { libc::munmap(self.at.cast(), self.length) };
    }
}
