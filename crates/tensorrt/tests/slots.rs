//! The numbers of the virtual methods against NVIDIA's own class definitions.
//!
//! A C++ program is written that asks the compiler where each method of the table lies, compiled
//! against each set of headers, and run. Headers of TensorRT 10 are in no package: name folders in
//! `UNMASK_TENSORRT_HEADERS` (on a Jetson: `/usr/include/aarch64-linux-gnu`).

mod support;

use std::fmt::Write;
use std::process::Command;
use unmask_tensorrt::sys::Abi;
use unmask_tensorrt::sys::methods::{ABSENT, PARSER_DELETE, Slot, all};

/// C++ that prints `CLASS METHOD NUMBER` for every method that `abi` has.
fn program(slots: &[&Slot], has_parser: bool) -> String {
    let mut source = String::from(
        "#include <NvInfer.h>\n#include <cstddef>\n#include <cstdio>\n#include <cstring>\n",
    );
    if has_parser {
        source.push_str("#include <NvOnnxParser.h>\n");
    }
    // The Itanium ABI keeps a virtual method as its offset, marked in the lowest bit: of the
    // pointer, or on ARM of the adjustment.
    source.push_str(
        "template <typename F> long slot(F method) {
            long words[2];
            static_assert(sizeof(method) == sizeof(words), \"Itanium ABI\");
            std::memcpy(words, &method, sizeof(words));
        #if defined(__aarch64__)
            return words[1] & 1 ? words[0] / 8 : -1;
        #else
            return words[0] & 1 ? (words[0] - 1) / 8 : -1;
        #endif
        }
        int main() {\n",
    );
    for Slot { class, method, .. } in slots {
        let member = support::member(class, method);
        writeln!(
            source,
            "std::printf(\"{class} {method} %ld\\n\", slot({member}));"
        )
        .unwrap();
    }
    source.push_str("return 0; }\n");
    source
}

#[test]
fn numbers_are_those_of_the_headers() {
    let Some(headers) = support::headers_to_compile("numbers_are_those_of_the_headers") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (mut checked, mut wrong) = (0, Vec::new());
    for headers in headers {
        // The parser is a repository of its own: older releases of the headers come without it.
        let has_parser = headers.folder.join("NvOnnxParser.h").exists();
        let slots: Vec<&Slot> = all()
            .filter(|slot| slot.numbers[headers.abi as usize] != ABSENT)
            .filter(|slot| has_parser || !slot.class.starts_with("IParser"))
            .collect();
        let (source, binary) = (folder.path().join("slots.cpp"), folder.path().join("slots"));
        std::fs::write(&source, program(&slots, has_parser)).unwrap();
        support::compile(&source, Some(&headers), &[], &binary);
        let output = Command::new(&binary).output().unwrap();
        let found = String::from_utf8(output.stdout).unwrap();
        let wanted: String = slots.iter().fold(String::new(), |mut text, slot| {
            let number = slot.numbers[headers.abi as usize];
            writeln!(text, "{} {} {number}", slot.class, slot.method).unwrap();
            text
        });
        for (found, wanted) in found.lines().zip(wanted.lines()).filter(|(a, b)| a != b) {
            // The one exception, which is never called: a method that 10.8 put into the middle of
            // the table, and 10.9 at its end.
            if headers.version != (10, 8) || found != "VNetworkDefinition getFlags 65" {
                wrong.push(format!("{}: {found}, the table has {wanted}", headers.name));
            }
        }
        assert_eq!(found.lines().count(), slots.len(), "{}", headers.name);
        eprintln!(
            "{}: {} methods as in the headers",
            headers.name,
            slots.len()
        );
        checked += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        checked >= 4,
        "11.4 and RTX 1.5, 1.6, 1.7 come with the crate"
    );
}

#[test]
fn table_has_no_number_twice() {
    for abi in [Abi::V10, Abi::V11, Abi::Rtx] {
        let mut seen = std::collections::HashSet::new();
        for slot in all().filter(|slot| slot.numbers[abi as usize] != ABSENT) {
            let number = slot.numbers[abi as usize];
            assert!(
                seen.insert((slot.class, number)),
                "{abi:?} {} {number}",
                slot.class
            );
            let own_table = slot.class.starts_with("IParser");
            assert!(
                own_table || number >= 2,
                "0 and 1 are destructors: {slot:?}"
            );
        }
        let delete = PARSER_DELETE[abi as usize];
        assert!(
            !seen.contains(&("IParser", delete)),
            "{abi:?}: the destructor is no method"
        );
    }
}
