//! The structures, constants and ioctl numbers that are used here, compared with the kernel's
//! headers: written as static assertions that a C compiler checks, so that nothing has to run and
//! a cross compiler checks another architecture.

use super::shared::{ALLOCATE, CREATE, DmaAllocation, UdmabufCreate};
use crate::BufferFlags;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::{offset_of, size_of};
use std::process::Command;
use v4l::v4l_sys;
use v4l::v4l2::vidioc;

const BINDINGS: &str = include_str!("../../../v4l2-sys/src/bindings.rs");

/// Where anonymous members lie, of which the bindings assert nothing.
macro_rules! anonymous {
    ($($name:ident),* $(,)?) => {
        [$((stringify!($name), offset_of!(v4l_sys::$name, __bindgen_anon_1))),*]
    };
}

const ANONYMOUS: [(&str, usize); 13] = anonymous![
    v4l2_pix_format,
    v4l2_pix_format_mplane,
    v4l2_frmsizeenum,
    v4l2_frmivalenum,
    v4l2_buffer,
    v4l2_dv_timings,
    v4l2_dv_timings_cap,
    v4l2_ext_control,
    v4l2_ext_controls,
    v4l2_querymenu,
    v4l2_encoder_cmd,
    v4l2_decoder_cmd,
    v4l2_event_ctrl,
];

/// Members of sliced VBI and of the debug interface, which have nothing to do with frames.
const BESIDE_CAPTURE: [&str; 2] = [
    "v4l2_mpeg_vbi_fmt_ivtv__bindgen_ty_1",
    "v4l2_dbg_match__bindgen_ty_1",
];

/// What the bindings say of the structures, in bytes.
struct Layout {
    /// `struct` or `union`, by type.
    kinds: BTreeMap<String, &'static str>,
    sizes: BTreeMap<String, usize>,
    offsets: Vec<(String, String, usize)>,
    /// Type of each field, by type and field.
    fields: BTreeMap<(String, String), String>,
}

fn layout() -> Layout {
    let mut layout = Layout {
        kinds: BTreeMap::new(),
        sizes: BTreeMap::new(),
        offsets: Vec::new(),
        fields: BTreeMap::new(),
    };
    for (name, at) in ANONYMOUS {
        let entry = (name.to_string(), "__bindgen_anon_1".to_string(), at);
        layout.offsets.push(entry);
    }
    let mut inside = String::new();
    for line in BINDINGS.lines() {
        for kind in ["struct", "union"] {
            let found = line.strip_prefix(&format!("pub {kind} "));
            if let Some(name) = found.and_then(|rest| rest.strip_suffix(" {")) {
                layout.kinds.insert(name.to_string(), kind);
                inside = name.to_string();
            }
        }
        let field = line
            .strip_prefix("    pub ")
            .and_then(|f| f.strip_suffix(','));
        if let Some((name, kind)) = field.and_then(|field| field.split_once(": ")) {
            let key = (inside.clone(), name.to_string());
            layout.fields.insert(key, kind.to_string());
        }
    }
    // An assertion may be broken over lines: `["Size of T"][… - 8usize];`.
    for part in BINDINGS.split("    [\"").skip(1) {
        let Some((what, rest)) = part.split_once("\"]") else {
            continue;
        };
        let bytes = rest.split_once("usize]").map_or("", |(before, _)| before);
        let Some(bytes) = bytes.rsplit(' ').next().and_then(|b| b.parse().ok()) else {
            continue;
        };
        if let Some(name) = what.strip_prefix("Size of ") {
            layout.sizes.insert(name.to_string(), bytes);
        } else if let Some(field) = what.strip_prefix("Offset of field: ") {
            let (name, field) = field.split_once("::").unwrap();
            let entry = (name.to_string(), field.to_string(), bytes);
            layout.offsets.push(entry);
        }
    }
    layout
}

impl Layout {
    /// The named type that a type of bindgen's own lies in, the way there in C, and its place.
    fn place(&self, name: &str) -> Option<(String, String, usize)> {
        if !name.contains("__bindgen_ty_") {
            return Some((name.to_string(), String::new(), 0));
        }
        let (parent, field) = self.fields.iter().find_map(|(key, kind)| {
            (kind == name || kind.starts_with(&format!("[{name};"))).then_some(key)
        })?;
        let array = self.fields[&(parent.clone(), field.clone())].starts_with('[');
        let at = self
            .offsets
            .iter()
            .find(|o| o.0 == *parent && o.1 == *field)?
            .2;
        let (root, path, base) = self.place(parent)?;
        let path = match (field.starts_with("__bindgen_anon_"), array) {
            (true, _) => path,
            (false, true) => format!("{path}{field}[0]."),
            (false, false) => format!("{path}{field}."),
        };
        Some((root, path, base + at))
    }

    /// Sizes and offsets as assertions in C.
    fn assertions(&self) -> Vec<String> {
        // Parameters of codecs are opaque in the bindings; the C library's own types are its own.
        let ours = |name: &str| name.starts_with("v4l2_") && !name.starts_with("v4l2_ctrl_");
        let mut lines = Vec::new();
        for (name, bytes) in &self.sizes {
            if ours(name) && !name.contains("__bindgen_ty_") {
                let kind = self.kinds[name];
                lines.push(assertion(&format!("sizeof({kind} {name})"), *bytes as u64));
            }
        }
        for (name, field, bytes) in &self.offsets {
            if !ours(name) || field.starts_with("__bindgen_anon_") {
                continue;
            }
            if BESIDE_CAPTURE.contains(&name.as_str()) {
                continue;
            }
            let (root, path, base) = self
                .place(name)
                .unwrap_or_else(|| panic!("{name} lies in no named type"));
            let field = field.strip_suffix('_').unwrap_or(field);
            let at = format!("offsetof({} {root}, {path}{field})", self.kinds[&root]);
            lines.push(assertion(&at, (base + bytes) as u64));
        }
        lines
    }
}

fn assertion(what: &str, value: u64) -> String {
    format!("_Static_assert({what} == {value}ull, \"{what} is not {value}\");\n")
}

/// Constants of the bindings: `V4L2_X`, or `v4l2_y_V4L2_X` of an enumeration.
fn constants() -> Vec<String> {
    let mut lines = Vec::new();
    for line in BINDINGS.lines() {
        let Some((name, rest)) = line
            .strip_prefix("pub const ")
            .and_then(|rest| rest.split_once(": "))
        else {
            continue;
        };
        let value = rest
            .split_once(" = ")
            .and_then(|(_, v)| v.strip_suffix(';'));
        let value = value.and_then(|value| value.parse::<u64>().ok());
        let (Some(value), Some(at)) = (value, name.find("V4L2_")) else {
            continue;
        };
        let check = assertion(&name[at..], value);
        if at == 0 {
            // A macro may be gone from other headers; its number is never given to another.
            lines.push(format!("#ifdef {name}\n{check}#endif\n"));
        } else {
            lines.push(check);
        }
    }
    lines
}

/// Every ioctl that the capture code uses, itself or through `v4l`.
macro_rules! numbers {
    ($($name:ident),* $(,)?) => { [$((stringify!($name), u64::from(vidioc::$name))),*] };
}

fn ioctls() -> Vec<(&'static str, u64)> {
    let mut all = Vec::from(numbers![
        VIDIOC_QUERYCAP,
        VIDIOC_ENUM_FMT,
        VIDIOC_ENUM_FRAMESIZES,
        VIDIOC_ENUM_FRAMEINTERVALS,
        VIDIOC_G_FMT,
        VIDIOC_S_FMT,
        VIDIOC_G_PARM,
        VIDIOC_S_PARM,
        VIDIOC_QUERY_EXT_CTRL,
        VIDIOC_S_CTRL,
        VIDIOC_S_EXT_CTRLS,
        VIDIOC_REQBUFS,
        VIDIOC_QUERYBUF,
        VIDIOC_QBUF,
        VIDIOC_DQBUF,
        VIDIOC_STREAMON,
        VIDIOC_STREAMOFF,
    ]);
    all.push(("UDMABUF_CREATE", u64::from(CREATE)));
    all.push(("DMA_HEAP_IOCTL_ALLOC", u64::from(ALLOCATE)));
    all
}

/// Structures and flags that are written out here.
fn own() -> Vec<String> {
    let mut all = vec![
        ("sizeof(struct udmabuf_create)", size_of::<UdmabufCreate>()),
        (
            "offsetof(struct udmabuf_create, memfd)",
            offset_of!(UdmabufCreate, memory),
        ),
        (
            "offsetof(struct udmabuf_create, flags)",
            offset_of!(UdmabufCreate, flags),
        ),
        (
            "offsetof(struct udmabuf_create, offset)",
            offset_of!(UdmabufCreate, offset),
        ),
        (
            "offsetof(struct udmabuf_create, size)",
            offset_of!(UdmabufCreate, size),
        ),
        (
            "sizeof(struct dma_heap_allocation_data)",
            size_of::<DmaAllocation>(),
        ),
    ];
    for (field, at) in [
        ("len", offset_of!(DmaAllocation, length)),
        ("fd", offset_of!(DmaAllocation, file)),
        ("fd_flags", offset_of!(DmaAllocation, file_flags)),
        ("heap_flags", offset_of!(DmaAllocation, heap_flags)),
    ] {
        let what = format!("offsetof(struct dma_heap_allocation_data, {field})");
        all.push((what.leak(), at));
    }
    for (name, value) in [
        ("V4L2_BUF_FLAG_ERROR", BufferFlags::CORRUPT),
        ("V4L2_BUF_FLAG_TIMESTAMP_MASK", BufferFlags::CLOCK),
        ("V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC", BufferFlags::MONOTONIC),
        ("V4L2_BUF_FLAG_TSTAMP_SRC_SOE", BufferFlags::START),
    ] {
        all.push((name, value as usize));
    }
    all.iter()
        .map(|(what, is)| assertion(what, *is as u64))
        .collect()
}

/// What the compiler says to these assertions: nothing where the headers agree.
fn refused(compiler: &str, assertions: &[String]) -> String {
    let folder = std::env::temp_dir().join(format!(
        "unmask-headers-{}-{compiler}-{}",
        std::process::id(),
        assertions.len()
    ));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("headers.c");
    let mut text = String::from(
        "#include <stddef.h>\n#include <linux/videodev2.h>\n#include <linux/udmabuf.h>\n\
         #include <linux/dma-heap.h>\n",
    );
    text.extend(assertions.iter().map(String::as_str));
    std::fs::write(&file, text).unwrap();
    let out = Command::new(compiler)
        .arg("-fsyntax-only")
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.success(), said.is_empty(), "{said}");
    said
}

/// True if there is such a compiler and it finds the kernel's headers.
fn has_headers(compiler: &str) -> bool {
    Command::new(compiler)
        .args([
            "-include",
            "linux/videodev2.h",
            "-fsyntax-only",
            "-xc",
            "/dev/null",
        ])
        .output()
        .is_ok_and(|out| out.status.success())
}

fn compare(name: &str, compiler: &str) {
    if !has_headers(compiler) {
        return unmask_oracle::skip(
            name,
            compiler,
            format_args!("{compiler} and linux-libc-dev are not installed"),
        );
    }
    let mut all = layout().assertions();
    all.extend(constants());
    all.extend(
        ioctls()
            .iter()
            .map(|(what, number)| assertion(what, *number)),
    );
    all.extend(own());
    assert!(all.len() > 900, "only {} assertions", all.len());
    let said = refused(compiler, &all);
    assert!(said.is_empty(), "{compiler}: {said}");

    // The comparison itself can fail.
    for wrong in [
        assertion("sizeof(struct v4l2_buffer)", 84),
        assertion("VIDIOC_DQBUF", 0x1234),
    ] {
        let said = refused(compiler, &[wrong]);
        assert!(said.contains("is not"), "{said}");
    }
}

/// The compiler of this machine, and of the other.
fn compiler_of(arch: &str) -> String {
    match std::env::consts::ARCH == arch {
        true => "cc".to_string(),
        false => format!("{arch}-linux-gnu-gcc"),
    }
}

#[test]
fn x86_64_is_as_the_kernels_headers_say() {
    compare(
        "x86_64_is_as_the_kernels_headers_say",
        &compiler_of("x86_64"),
    );
}

#[test]
fn aarch64_is_as_the_kernels_headers_say() {
    compare(
        "aarch64_is_as_the_kernels_headers_say",
        &compiler_of("aarch64"),
    );
}

#[test]
fn every_ioctl_in_use_is_compared() {
    let compared: BTreeSet<&str> = ioctls().into_iter().map(|(name, _)| name).collect();
    for source in [include_str!("device.rs"), include_str!("node.rs")] {
        for rest in source.split("vidioc::VIDIOC_").skip(1) {
            let end = rest
                .find(|c: char| !c.is_ascii_uppercase() && c != '_')
                .unwrap();
            let name = format!("VIDIOC_{}", &rest[..end]);
            assert!(compared.contains(name.as_str()), "{name} is not compared");
        }
    }
}
