//! Networks and the ONNX parser that fills them.

use crate::builder::Builder;
use crate::error::BuildError;
use crate::parser::{ParseError, Parser};
use crate::sys::Abi;
use crate::sys::methods;
use crate::sys::object::{Object, Owned, count, text};
use crate::tensor::{DataType, TensorInfo};
use std::ffi::CString;
use std::path::Path;

/// A strongly typed network.
pub struct Network<'b> {
    // Freed before the network, and only then: the parser owns weights that the network points to.
    parser: Option<Parser>,
    network: Owned,
    builder: &'b Builder,
}

impl Builder {
    /// An empty, strongly typed network: precisions are those of the graph.
    pub fn network(&self) -> Result<Network<'_>, BuildError> {
        // Bit 1 is strong typing in TensorRT 10; in 11 and RTX every network has it, bit 0 says
        // so, and bit 1 is another thing that RTX answers with null.
        let bit = match self.abi() {
            Abi::V10 => 1 << 1,
            Abi::V11 | Abi::Rtx => 1 << 0,
        };
        // SAFETY: the builder is live.
        let address = unsafe { methods::builder::create_network(self.abi(), self.object(), bit) };
        let network = self.take_object(address, "network")?;
        Network::new(self, network, bit)
    }
}

impl<'b> Network<'b> {
    /// Takes over a network made with `flags`, and checks that strong typing was heard.
    fn new(builder: &'b Builder, network: Owned, flags: u32) -> Result<Self, BuildError> {
        // From TensorRT 11 on there is no other kind of network.
        if builder.abi() == Abi::V10 && builder.library().version().tells_network_flags() {
            // SAFETY: the network is live.
            let found = unsafe { methods::network::flags(builder.abi(), network.get()) };
            if found & flags == 0 {
                return Err(BuildError::NotStronglyTyped { flags: found });
            }
        }
        Ok(Self {
            parser: None,
            network,
            builder,
        })
    }

    /// Reads an ONNX model. `file` is where it came from: external data is looked for next to it.
    ///
    /// # Errors
    /// All errors that the parser found; a model without inputs, outputs or layers.
    pub fn parse_onnx(&mut self, model: &[u8], file: Option<&Path>) -> Result<(), ParseError> {
        if self.parser.is_some() {
            return Err(ParseError::Twice);
        }
        let library = self.builder.library();
        let parser = Parser::new(library, self.object()).map_err(|error| match error {
            BuildError::NoObject { what, .. } => ParseError::Library(BuildError::NoObject {
                what,
                messages: self.builder.errors(),
            }),
            other => ParseError::Library(other),
        })?;
        // Kept even if it fails: what it made so far may point to it.
        let parser = self.parser.insert(parser);
        let parsed = parser.parse(model, file);
        let said = self.builder.errors();
        parsed.map_err(|error| error.with_messages(said))?;
        // The parser takes zero bytes, or the text `hello`, for a model without nodes.
        let counts = (
            self.layer_count(),
            self.inputs().len(),
            self.outputs().len(),
        );
        if let (0, ..) | (_, _, 0) = counts {
            return Err(ParseError::Empty { bytes: model.len() });
        }
        Ok(())
    }

    /// Names the network; the engine then has this name. False for a name with a zero byte.
    pub fn set_name(&mut self, name: &str) -> bool {
        let Ok(name) = CString::new(name) else {
            return false;
        };
        // SAFETY: the network is live; the name is copied during the call.
        unsafe { methods::network::set_name(self.abi(), self.object(), name.as_ptr()) };
        true
    }

    /// Number of layers.
    pub fn layer_count(&self) -> usize {
        // SAFETY: the network is live.
        count(unsafe { methods::network::layer_count(self.abi(), self.object()) })
    }

    /// Name of layer `index`.
    pub fn layer_name(&self, index: usize) -> Option<String> {
        let layer = self.layer(index)?;
        // SAFETY: the layer belongs to the live network; the name is copied at once.
        Some(unsafe { text(methods::layer::name(self.abi(), layer)) })
    }

    /// The inputs, in order.
    pub fn inputs(&self) -> Vec<TensorInfo> {
        let inputs = 0..self.input_count();
        inputs
            .filter_map(|index| self.input(index))
            .map(|tensor| self.describe(tensor))
            .collect()
    }

    /// The outputs, in order.
    pub fn outputs(&self) -> Vec<TensorInfo> {
        let abi = self.abi();
        // SAFETY: the network is live; indices below its count are valid.
        let outputs = unsafe {
            let count = methods::network::output_count(abi, self.object());
            (0..count).filter_map(|index| {
                Object::new(methods::network::output(abi, self.object(), index)).ok()
            })
        };
        outputs.map(|tensor| self.describe(tensor)).collect()
    }

    /// Restricts the memory layouts of input `index` to a set of bits, 1 for plain row-major;
    /// false where there is no such input.
    pub fn set_input_formats(&mut self, index: usize, formats: u32) -> bool {
        let Some(tensor) = i32::try_from(index)
            .ok()
            .and_then(|index| self.input(index))
        else {
            return false;
        };
        // SAFETY: the tensor belongs to the live network.
        unsafe { methods::tensor::set_allowed_formats(self.abi(), tensor, formats) };
        true
    }

    pub(crate) fn object(&self) -> Object {
        self.network.get()
    }

    pub(crate) fn layer(&self, index: usize) -> Option<Object> {
        if index >= self.layer_count() {
            return None;
        }
        let index = i32::try_from(index).ok()?;
        // SAFETY: the network is live and the index below its count.
        Object::new(unsafe { methods::network::layer(self.abi(), self.object(), index) }).ok()
    }

    fn abi(&self) -> Abi {
        self.builder.abi()
    }

    fn input_count(&self) -> i32 {
        // SAFETY: the network is live.
        unsafe { methods::network::input_count(self.abi(), self.object()) }
    }

    fn input(&self, index: i32) -> Option<Object> {
        if index >= self.input_count() {
            return None;
        }
        // SAFETY: the network is live and the index below its count.
        Object::new(unsafe { methods::network::input(self.abi(), self.object(), index) }).ok()
    }

    fn describe(&self, tensor: Object) -> TensorInfo {
        let abi = self.abi();
        // SAFETY: the tensor belongs to the live network; the name is copied at once.
        unsafe {
            TensorInfo {
                name: text(methods::tensor::name(abi, tensor)),
                data_type: DataType::from_number(methods::tensor::data_type(abi, tensor)),
                shape: methods::tensor::dimensions(abi, tensor).to_vec(),
            }
        }
    }
}
