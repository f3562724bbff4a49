//! Memory that a driver fills.

use crate::V4l2Error;
use std::fmt::Debug;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

/// Memory that a driver may fill: whoever owns it (an engine, a pool) lends it to a stream.
///
/// # Safety
/// From [`Region::start`] on, [`Region::bytes`] bytes must be readable and writable for as long as
/// the value lives, at an address that never changes. Nobody but the stream it was lent to may
/// reach into them until the stream is done with it.
pub unsafe trait Region: Debug + Send + Sync {
    /// Where it begins; a multiple of the page size.
    fn start(&self) -> NonNull<u8>;

    /// Its length, bytes.
    fn bytes(&self) -> usize;

    /// The file that shares it, where there is one: what DMABUF hands to the driver.
    fn file(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Called before the processor reads what a driver wrote.
    fn begin_read(&self) {}

    /// Called when the processor has read it.
    fn end_read(&self) {}
}

/// Whole pages of memory, unmapped when dropped.
#[derive(Debug)]
pub struct AlignedPages {
    start: NonNull<u8>,
    bytes: usize,
    /// The file behind them; kept open, since DMABUF names it with every buffer.
    file: Option<OwnedFd>,
}

// SAFETY: the pages belong to this value alone; what lies in them is reached through `Stream`,
// which hands each buffer to one holder at a time.
unsafe impl Send for AlignedPages {}
// SAFETY: as above: a shared `Pages` gives its address, not its bytes.
unsafe impl Sync for AlignedPages {}

/// Bytes of a page.
pub(crate) fn page_bytes() -> usize {
    // SAFETY: asks for a number; has no other effect.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(4096)
}

impl AlignedPages {
    /// At least `bytes` of memory of this process, rounded up to whole pages.
    ///
    /// # Errors
    /// There is no more memory, or no byte was asked for.
    pub fn own(bytes: usize) -> Result<Self, V4l2Error> {
        let bytes = bytes.next_multiple_of(page_bytes());
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no other.
        unsafe { Self::map(bytes, flags, -1, 0) }.map(|start| Self {
            start,
            bytes,
            file: None,
        })
    }

    /// `bytes` of `file` from `offset` on, shared with whoever else maps them. The file is not
    /// kept: MMAP does not need it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn of_driver(file: BorrowedFd<'_>, offset: i64, bytes: usize) -> Result<Self, V4l2Error> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no other; the file is
        // open for as long as this call.
        let start = unsafe { Self::map(bytes, libc::MAP_SHARED, file.as_raw_fd(), offset) }?;
        Ok(Self {
            start,
            bytes,
            file: None,
        })
    }

    /// The first `bytes` of `file`, which is kept open.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn of_file(file: OwnedFd, bytes: usize) -> Result<Self, V4l2Error> {
        let mut pages = Self::of_driver(file.as_fd(), 0, bytes)?;
        pages.file = Some(file);
        Ok(pages)
    }

    /// # Safety
    /// `flags` must not contain `MAP_FIXED`.
    unsafe fn map(
        bytes: usize,
        flags: i32,
        fd: i32,
        offset: i64,
    ) -> Result<NonNull<u8>, V4l2Error> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: without MAP_FIXED the kernel places the mapping where nothing else is.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(V4l2Error::last("mmap"));
        }
        NonNull::new(start.cast()).ok_or_else(|| V4l2Error::other("mmap", "it gave address 0"))
    }

    /// Tells the exporter of a shared buffer that the processor begins or ends to read it.
    fn synchronise(&self, flags: u64) {
        const SYNC: libc::c_ulong = 0x4008_6200;
        if let Some(file) = &self.file {
            // SAFETY: DMA_BUF_IOCTL_SYNC reads one u64. A file that is not a dma-buf refuses, and has
            // no caches to keep in step.
            unsafe { libc::ioctl(file.as_raw_fd(), SYNC as libc::Ioctl, &flags) };
        }
    }
}

// SAFETY: the mapping lives as long as the value and never moves; its bytes are reached by the
// driver and through `Filled` only.
unsafe impl Region for AlignedPages {
    fn start(&self) -> NonNull<u8> {
        self.start
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    fn begin_read(&self) {
        self.synchronise(1);
    }

    fn end_read(&self) {
        self.synchronise(1 | 4);
    }
}

impl Drop for AlignedPages {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this length, and nobody has a pointer into it
        // any more: whoever lends a region keeps its `Arc`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_whole_and_aligned() {
        let pages = AlignedPages::own(1).unwrap();
        assert_eq!(pages.bytes(), page_bytes());
        assert_eq!(pages.start().as_ptr() as usize % page_bytes(), 0);
        assert!(pages.file().is_none());
        assert!(AlignedPages::own(0).is_err());
    }
}
