//! The C functions of the libraries.

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::ffi::{c_char, c_int, c_void};
use std::path::Path;

type Version = unsafe extern "C" fn() -> c_int;
type CreateFromLogger = unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void;
type CreateParser = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int) -> *mut c_void;

/// The main library's functions. A lean runtime has no builder.
pub(crate) struct Core {
    pub(crate) version: Version,
    pub(crate) create_builder: Option<CreateFromLogger>,
    pub(crate) create_runtime: Option<CreateFromLogger>,
}

/// The parser library's functions.
pub(crate) struct Parser {
    pub(crate) version: Option<Version>,
    pub(crate) create: CreateParser,
}

/// Opens `file` for the rest of the process.
///
/// The libraries keep threads and addresses of ours, so that closing one is never safe.
fn open(file: &Path) -> Result<&'static Library, libloading::Error> {
    // SAFETY: opening runs the library's constructors. That is what the caller asked for; NVIDIA's
    // have no precondition.
    let library = unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL)? };
    Ok(Box::leak(Box::new(library)))
}

/// Looks up a function.
///
/// # Safety
/// `T` is the type of the function called `name`.
unsafe fn function<T: Copy>(library: &Library, name: &str) -> Result<T, libloading::Error> {
    // SAFETY: the caller promises the type; the library is never closed, so the address stays.
    unsafe { library.get::<T>(name).map(|symbol| *symbol) }
}

impl Core {
    /// Opens the main library.
    pub(crate) fn open(file: &Path) -> Result<Self, libloading::Error> {
        let library = open(file)?;
        // SAFETY: names and types are those of NVIDIA's headers.
        unsafe {
            Ok(Self {
                version: function(library, "getInferLibVersion")?,
                create_builder: function(library, "createInferBuilder_INTERNAL").ok(),
                create_runtime: function(library, "createInferRuntime_INTERNAL").ok(),
            })
        }
    }
}

impl Parser {
    /// Opens the parser's library.
    pub(crate) fn open(file: &Path) -> Result<Self, libloading::Error> {
        let library = open(file)?;
        // SAFETY: names and types are those of NVIDIA's headers.
        unsafe {
            Ok(Self {
                version: function(library, "getNvOnnxParserVersion").ok(),
                create: function(library, "createNvOnnxParser_INTERNAL")?,
            })
        }
    }
}

/// What the CUDA driver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DriverAnswer {
    /// `cuInit` succeeded; the driver's version, 12060 for 12.6.
    Ready(i32),
    /// `cuInit` or `cuDriverGetVersion` failed with this `CUresult`.
    Failed(i32),
}

/// Opens the CUDA driver and initialises it.
pub(crate) fn initialise_driver(file: &Path) -> Result<DriverAnswer, libloading::Error> {
    let library = open(file)?;
    // SAFETY: names and types are those of CUDA's driver interface; `cuInit(0)` may be called any
    // number of times.
    unsafe {
        let initialise: unsafe extern "C" fn(u32) -> c_int = function(library, "cuInit")?;
        let version: unsafe extern "C" fn(*mut c_int) -> c_int =
            function(library, "cuDriverGetVersion")?;
        let mut number = 0;
        Ok(match (initialise(0), version(&raw mut number)) {
            (0, 0) => DriverAnswer::Ready(number),
            (0, failed) | (failed, _) => DriverAnswer::Failed(failed),
        })
    }
}

/// What the CUDA driver says about one device.
pub(crate) struct DeviceAnswer {
    pub(crate) name: String,
    /// Major and minor compute capability.
    pub(crate) capability: (c_int, c_int),
    pub(crate) memory_bytes: usize,
}

/// Bytes for a device's name, as NVIDIA's own samples give.
const NAME_BYTES: usize = 256;
/// `CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR` and `_MINOR`.
const CAPABILITY_ATTRIBUTES: [c_int; 2] = [75, 76];

/// Asks an initialised driver for its devices; the outer error is the loader's, the inner a
/// `CUresult`.
pub(crate) fn driver_devices(
    file: &Path,
) -> Result<Result<Vec<DeviceAnswer>, c_int>, libloading::Error> {
    let library = open(file)?;
    // SAFETY: names and types are those of CUDA's driver interface.
    let (count, get, get_name, attribute, memory) = unsafe {
        (
            function::<unsafe extern "C" fn(*mut c_int) -> c_int>(library, "cuDeviceGetCount")?,
            function::<unsafe extern "C" fn(*mut c_int, c_int) -> c_int>(library, "cuDeviceGet")?,
            function::<unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int>(
                library,
                "cuDeviceGetName",
            )?,
            function::<unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int>(
                library,
                "cuDeviceGetAttribute",
            )?,
            function::<unsafe extern "C" fn(*mut usize, c_int) -> c_int>(
                library,
                "cuDeviceTotalMem_v2",
            )?,
        )
    };
    let check = |result: c_int| if result == 0 { Ok(()) } else { Err(result) };
    let ask = || {
        let mut devices = 0;
        // SAFETY: the address is that of a live integer.
        check(unsafe { count(&raw mut devices) })?;
        let answers = (0..devices).map(|ordinal| {
            let (mut device, mut memory_bytes) = (0, 0);
            let mut name = [0_u8; NAME_BYTES];
            let mut capability = [0; 2];
            // SAFETY: all addresses are those of live values, and the length is the name's.
            unsafe {
                check(get(&raw mut device, ordinal))?;
                check(get_name(
                    name.as_mut_ptr().cast(),
                    NAME_BYTES as c_int,
                    device,
                ))?;
                check(memory(&raw mut memory_bytes, device))?;
                for (value, number) in capability.iter_mut().zip(CAPABILITY_ATTRIBUTES) {
                    check(attribute(&raw mut *value, number, device))?;
                }
            }
            let end = name
                .iter()
                .position(|&byte| byte == 0)
                .unwrap_or(NAME_BYTES);
            Ok(DeviceAnswer {
                name: String::from_utf8_lossy(&name[..end]).into_owned(),
                capability: (capability[0], capability[1]),
                memory_bytes,
            })
        });
        answers.collect()
    };
    Ok(ask())
}
