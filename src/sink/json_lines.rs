//! JSON Lines to a writer, on the caller's own thread.

use super::SinkError;
use std::io::Write;
use std::path::Path;
use unmask_alert::Alert;
use unmask_frame::create_file;

/// Writes one alert a line and hands each on at once: an alert that waits in a buffer is late.
pub struct JsonLines {
    name: String,
    out: Box<dyn Write + Send>,
    line: Vec<u8>,
}

impl std::fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonLines")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl JsonLines {
    /// To stdout.
    ///
    /// # Errors
    /// The process was started without one: what is written would be lost.
    pub fn stdout() -> Result<Self, SinkError> {
        if !unmask_system::stdout_is_open() {
            return Err(SinkError::NoStdout);
        }
        Ok(Self::to_writer("stdout", Box::new(std::io::stdout())))
    }

    /// To a file, which is made again.
    ///
    /// # Errors
    /// The file cannot be made, or is a FIFO that nobody reads.
    pub fn to_file(path: &Path) -> Result<Self, SinkError> {
        let file = create_file(path).map_err(|source| SinkError::Create {
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self::to_writer(path.display().to_string(), Box::new(file)))
    }

    /// To any writer; `name` stands in errors.
    pub fn to_writer(name: impl Into<String>, out: Box<dyn Write + Send>) -> Self {
        Self {
            name: name.into(),
            out,
            line: Vec::new(),
        }
    }

    /// What is written to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes one alert, whole, and flushes.
    ///
    /// # Errors
    /// The writer refuses it.
    pub fn write_alert(&mut self, alert: &Alert) -> Result<(), SinkError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, alert)
            .map_err(std::io::Error::from)
            .and_then(|()| {
                #[cfg(test)]
                super::schema::check(&self.line);
                self.line.push(b'\n');
                self.out.write_all(&self.line)?;
                self.out.flush()
            })
            .map_err(|source| SinkError::Write {
                name: self.name.clone(),
                source,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::tests::alert;

    #[test]
    fn every_alert_is_one_line_that_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let mut sink = JsonLines::to_file(&path).unwrap();
        for frame in 0..3 {
            sink.write_alert(&alert(frame)).unwrap();
            // On disk at once, before the sink is dropped.
            let lines = std::fs::read_to_string(&path).unwrap().lines().count() as u64;
            assert_eq!(lines, frame + 1);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (frame, line) in text.lines().enumerate() {
            let read: Alert = serde_json::from_str(line).unwrap();
            assert_eq!(read, alert(frame as u64));
        }
    }

    #[test]
    fn a_writer_that_fails_is_named() {
        struct FullQueue;
        impl Write for FullQueue {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut sink = JsonLines::to_writer("the test", Box::new(FullQueue));
        let error = sink.write_alert(&alert(0)).unwrap_err().to_string();
        assert!(error.contains("the test"), "{error}");
        let error = JsonLines::to_file(Path::new("/nowhere/a.jsonl")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/a.jsonl"), "{error}");
    }
}
