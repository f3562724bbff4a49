//! Building plans.

use crate::builder::Builder;
use crate::config::BuilderConfig;
use crate::error::BuildError;
use crate::host_memory::HostMemory;
use crate::message;
use crate::network::Network;
use crate::sys::methods;
use crate::sys::object::{Object, Owned};

/// Phrases by which the builder says that the workspace limit was the cause.
const WORKSPACE_PHRASES: [&str; 4] = [
    "OutOfMemory",
    "out of memory",
    "within workspace limit",
    "workspace memory greater than 0",
];

impl Builder {
    /// Whether the library would build the network. It checks less than a build does.
    pub fn supports(&self, network: &Network<'_>, config: &BuilderConfig<'_>) -> bool {
        let (network, config) = (network.object().address(), config.object().address());
        // SAFETY: all three are live and belong together, since both borrow from a builder.
        unsafe {
            methods::builder::is_network_supported(self.abi(), self.object(), network, config)
        }
    }

    /// Builds the plan. Takes seconds to many minutes.
    ///
    /// A build may use all memory, and a failed allocation inside the library can end the process:
    /// run it in one of its own where that matters.
    pub fn build(
        &self,
        network: &Network<'_>,
        config: &BuilderConfig<'_>,
    ) -> Result<HostMemory, BuildError> {
        config.validate()?;
        // What was said before is not a cause of this build.
        self.errors();
        let (network, config_address) = (network.object().address(), config.object().address());
        // SAFETY: all three are live and belong together; the monitor lives as long as the
        // configuration.
        let address =
            unsafe { methods::builder::build(self.abi(), self.object(), network, config_address) };
        if let Some(panic) = config.monitor().and_then(|monitor| monitor.take_panic()) {
            // The library's frames are gone, so the monitor's panic can continue.
            std::panic::resume_unwind(panic);
        }
        let messages = self.errors();
        match Object::new(address) {
            // SAFETY: the library has just made this object, for us alone.
            Ok(object) => Ok(HostMemory::new(self.library().clone(), unsafe {
                Owned::public(object)
            })),
            Err(_)
                if config
                    .monitor()
                    .is_some_and(|monitor| monitor.was_canceled()) =>
            {
                Err(BuildError::Canceled)
            }
            Err(_) => Err(failure(messages)),
        }
    }
}

/// The error that messages of a failed build mean.
fn failure(messages: Vec<String>) -> BuildError {
    let is_workspace = |text: &String| WORKSPACE_PHRASES.iter().any(|phrase| text.contains(phrase));
    if messages.iter().any(is_workspace) {
        let needed_bytes = messages
            .iter()
            .find_map(|text| message::requested_bytes(text));
        return BuildError::OutOfMemory {
            needed_bytes,
            messages,
        };
    }
    BuildError::Refused { messages }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_failures_are_recognised() {
        let text = "Error Code 10: OutOfMemory (Requested size was 71338480 bytes)".to_owned();
        let error = failure(vec!["no tactics".to_owned(), text]);
        assert!(
            matches!(
                error,
                BuildError::OutOfMemory {
                    needed_bytes: Some(71_338_480),
                    ..
                }
            ),
            "{error}"
        );
        let error = failure(vec!["no tactics within workspace limit".to_owned()]);
        assert!(
            matches!(
                error,
                BuildError::OutOfMemory {
                    needed_bytes: None,
                    ..
                }
            ),
            "{error}"
        );
        let error = failure(vec!["something else".to_owned()]);
        assert!(
            error
                .to_string()
                .ends_with("did not build the network: something else")
        );
        assert!(failure(Vec::new()).to_string().contains("without a reason"));
    }
}
