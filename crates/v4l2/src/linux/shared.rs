//! Memory that a file shares: a udmabuf, or a buffer of the system's heap.

use crate::{AlignedPages, V4l2Error};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Memory of so many bytes, a multiple of a page.
pub fn share(bytes: usize) -> Result<AlignedPages, V4l2Error> {
    match udmabuf(bytes) {
        Err(error) if error.is_gone() => heap(bytes),
        made => made,
    }
}

fn open_device(path: &std::ffi::CStr) -> Result<OwnedFd, V4l2Error> {
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
    if file < 0 {
        return Err(V4l2Error::last("open"));
    }
    // SAFETY: the file was opened just now and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(file) })
}

/// `struct udmabuf_create`.
#[repr(C)]
pub(super) struct UdmabufCreate {
    pub memory: u32,
    pub flags: u32,
    pub offset: u64,
    pub size: u64,
}

/// `UDMABUF_CREATE`.
pub(super) const CREATE: u32 = 0x4018_7542;

/// `struct dma_heap_allocation_data`.
#[repr(C)]
pub(super) struct DmaAllocation {
    pub length: u64,
    pub file: u32,
    pub file_flags: u32,
    pub heap_flags: u64,
}

/// `DMA_HEAP_IOCTL_ALLOC`.
pub(super) const ALLOCATE: u32 = 0xc018_4800;

fn udmabuf(bytes: usize) -> Result<AlignedPages, V4l2Error> {
    let device = open_device(c"/dev/udmabuf")?;
    let flags = libc::MFD_ALLOW_SEALING | libc::MFD_CLOEXEC;
    // SAFETY: the name is a C string.
    let memory = unsafe { libc::memfd_create(c"frames".as_ptr(), flags) };
    if memory < 0 {
        return Err(V4l2Error::last("memfd_create"));
    }
    // SAFETY: the file was opened just now and belongs to nobody else.
    let memory = unsafe { OwnedFd::from_raw_fd(memory) };
    // SAFETY: sets length and seals of an open file.
    let set = unsafe {
        libc::ftruncate(memory.as_raw_fd(), bytes as libc::off_t) == 0
            && libc::fcntl(memory.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_SHRINK) == 0
    };
    if !set {
        return Err(V4l2Error::last("memfd_create"));
    }
    let create = UdmabufCreate {
        memory: memory.as_raw_fd() as u32,
        flags: 1,
        offset: 0,
        size: bytes as u64,
    };
    // SAFETY: UDMABUF_CREATE reads this structure and returns a new file.
    let made = unsafe { libc::ioctl(device.as_raw_fd(), CREATE as libc::Ioctl, &create) };
    of_shared("UDMABUF_CREATE", made, bytes)
}

fn heap(bytes: usize) -> Result<AlignedPages, V4l2Error> {
    let device = open_device(c"/dev/dma_heap/system")?;
    let mut allocation = DmaAllocation {
        length: bytes as u64,
        file: 0,
        file_flags: (libc::O_RDWR | libc::O_CLOEXEC) as u32,
        heap_flags: 0,
    };
    // SAFETY: DMA_HEAP_IOCTL_ALLOC fills this structure.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), ALLOCATE as libc::Ioctl, &mut allocation) };
    let made = if done < 0 { -1 } else { allocation.file as i32 };
    of_shared("DMA_HEAP_IOCTL_ALLOC", made, bytes)
}

fn of_shared(call: &'static str, file: i32, bytes: usize) -> Result<AlignedPages, V4l2Error> {
    if file < 0 {
        return Err(V4l2Error::last(call));
    }
    // SAFETY: the kernel has opened this file for the caller just now.
    let file = unsafe { OwnedFd::from_raw_fd(file) };
    AlignedPages::of_file(file, bytes)
}
