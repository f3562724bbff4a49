//! The kernel itself. Devices are opened, and sizes and rates listed, by the crate `v4l`; its
//! ioctl layer and its structures carry the rest.

mod device;
#[cfg(test)]
mod headers;
mod node;
mod shared;

use crate::{AlignedPages, V4l2Api, V4l2Error, VideoNode};
use device::LinuxDevice;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The Linux kernel of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinuxKernel;

impl V4l2Api for LinuxKernel {
    fn open(&self, path: &Path) -> Result<Arc<dyn VideoNode>, V4l2Error> {
        LinuxDevice::open(path).map(|device| Arc::new(device) as Arc<dyn VideoNode>)
    }

    fn share(&self, bytes: usize) -> Result<AlignedPages, V4l2Error> {
        shared::share(bytes.next_multiple_of(crate::memory::page_bytes()))
    }

    fn monotonic(&self) -> Duration {
        now(libc::CLOCK_MONOTONIC)
    }

    fn realtime(&self) -> Duration {
        now(libc::CLOCK_REALTIME)
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

fn now(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call fills one `timespec`.
    unsafe { libc::clock_gettime(clock, &mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_camera_is_refused() {
        let open = |path: &str| LinuxKernel.open(Path::new(path)).unwrap_err();
        assert!(open("/dev/no-such-device").is_gone());
        assert!(open("a\0b").is_gone());
        assert!(open("/dev/null").is_refused(), "{}", open("/dev/null"));
    }

    #[test]
    fn the_clocks_go_on() {
        let (a, b) = (LinuxKernel.monotonic(), LinuxKernel.monotonic());
        assert!(b >= a && LinuxKernel.realtime() > Duration::from_secs(1_700_000_000));
    }
}
