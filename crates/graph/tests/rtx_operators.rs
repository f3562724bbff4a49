//! What NVIDIA's parser and builder say about small graphs, next to what our lint says.
//!
//! `rtx_operators/*.txt` hold the graphs and the verdicts of TensorRT-RTX 1.7.1 for SM 8.6. The lint
//! is compared with the verdicts everywhere; the verdicts with the library where `UNMASK_RTX` names
//! its folder (`cargo xtask rtx`). Each difference stands in the table, with its reason.

mod rtx_operators {
    pub mod text;
}

use rtx_operators::text::{Case, Verdict, cases};
use unmask_graph::lint::{LintFinding, LintSeverity, lint};
use unmask_tensorrt::{Library, Severity};

/// Refusals that are known for TensorRT-RTX on SM 8.6.
fn refuses(findings: &[LintFinding]) -> bool {
    let refused = findings
        .iter()
        .filter(|finding| finding.severity == LintSeverity::Refused);
    refused
        .into_iter()
        .any(|finding| finding.versions.contains("RTX"))
}

#[test]
fn lint_says_what_the_library_says() {
    let cases = cases();
    assert!(cases.len() > 100, "{}", cases.len());
    let mut differences = Vec::new();
    for Case {
        name,
        model,
        verdict,
        wrong,
        differs,
    } in &cases
    {
        let findings = lint(model);
        let same = refuses(&findings) == (*verdict != Verdict::Accepted);
        let told_wrong = findings
            .iter()
            .any(|finding| finding.severity == LintSeverity::Wrong);
        if same == differs.is_some() {
            differences.push(format!(
                "{name}: {verdict:?}, stated {differs:?}, lint {findings:?}"
            ));
        }
        if *wrong && !told_wrong {
            differences.push(format!("{name}: silently wrong, lint {findings:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn library_says_what_the_table_says() {
    let Some(folder) = unmask_oracle::rtx("library_says_what_the_table_says") else {
        return;
    };
    let library = Library::find(Some(&folder), |_: Severity, _: &str| {}).unwrap();
    let mut differences = Vec::new();
    for Case {
        name,
        model,
        verdict,
        ..
    } in &cases()
    {
        let builder = library.builder().unwrap();
        let mut network = builder.network().unwrap();
        let (found, said) = match network.parse_onnx(&model.to_bytes(), None) {
            Err(error) => (Verdict::Parser, error.to_string()),
            Ok(()) => {
                let mut config = builder.config().unwrap();
                config.set_compute_capabilities(&[86]).unwrap();
                match builder.build(&network, &config) {
                    Err(error) => (Verdict::Builder, error.to_string()),
                    Ok(_) => (Verdict::Accepted, String::new()),
                }
            }
        };
        if found != *verdict {
            let said: String = said.chars().take(300).collect();
            differences.push(format!(
                "{name}: {found:?}, the table has {verdict:?}: {said}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
