//! Reading the library's error messages.

/// An error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Whether a message is the echo of another: without a driver, each error of the library is
/// followed by one of the CUDA runtime ("Error Code 1: Cuda Runtime (…)").
pub(crate) fn is_cuda_echo(message: &str) -> bool {
    message.contains("Error Code 1: Cuda Runtime")
}

/// Errors without the echoes among them; all of them where nothing else was said.
pub(crate) fn without_echoes(errors: Vec<String>) -> Vec<String> {
    let real: Vec<String> = errors
        .iter()
        .filter(|text| !is_cuda_echo(text))
        .cloned()
        .collect();
    if real.is_empty() { errors } else { real }
}

/// The size that an out-of-memory message asks for, in bytes.
pub(crate) fn requested_bytes(message: &str) -> Option<u64> {
    let (_, rest) = message.split_once("Requested size was ")?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO: &str = "[h.cpp::f::51] Error Code 1: Cuda Runtime (CUDA driver version)";

    #[test]
    fn echo_of_the_cuda_runtime_is_dropped() {
        let both = vec!["the cause".to_owned(), ECHO.to_owned()];
        assert_eq!(without_echoes(both), ["the cause"]);
        assert_eq!(
            without_echoes(vec![ECHO.to_owned()]),
            [ECHO],
            "alone it is the cause"
        );
    }

    #[test]
    fn requested_size_is_read() {
        let text = "OutOfMemory (Requested size was 71338480 bytes)";
        assert_eq!(requested_bytes(text), Some(71_338_480));
        assert_eq!(requested_bytes("Requested size was 12"), Some(12));
        assert_eq!(requested_bytes("Requested size was large"), None);
        assert_eq!(requested_bytes("out of memory"), None);
    }
}
