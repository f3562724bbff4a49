//! ONNX files: the protobuf messages, and short ways to make and read them.

mod proto;

use prost::Message;
pub use proto::*;

/// Opset that the writer targets: the newest one without the GridSample rename of opset 20, which
/// TensorRT 10.13 to 11.1 computes wrongly, and with LayerNormalization.
pub const OPSET: i64 = 17;

/// Version of the file format that goes with [`OPSET`].
pub const IR_VERSION: i64 = 8;

impl ModelProto {
    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Reads a model from the bytes of a file. Unknown fields are skipped.
    ///
    /// # Errors
    /// The bytes are not an ONNX model: they are no protobuf, or they hold no graph.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, super::OnnxError> {
        let model = Self::decode(bytes).map_err(|e| super::OnnxError::NotOnnx {
            what: e.to_string(),
        })?;
        if model.graph.is_none() {
            return Err(super::OnnxError::NotOnnx {
                what: "it holds no graph".to_owned(),
            });
        }
        Ok(model)
    }

    /// The text of the named fact in `metadata_props`.
    pub fn fact(&self, key: &str) -> Option<&str> {
        self.metadata_props
            .iter()
            .find(|p| p.key.as_deref() == Some(key))
            .and_then(|p| p.value.as_deref())
    }
}

impl StringStringEntryProto {
    /// A named fact.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            value: Some(value.into()),
        }
    }
}

impl AttributeProto {
    fn of(name: &str, r#type: AttributeType) -> Self {
        Self {
            name: Some(name.to_owned()),
            r#type: Some(r#type as i32),
            ..Self::default()
        }
    }

    /// An integer attribute.
    pub fn int(name: &str, i: i64) -> Self {
        Self {
            i: Some(i),
            ..Self::of(name, AttributeType::Int)
        }
    }

    /// An attribute of several integers.
    pub fn ints(name: &str, ints: impl Into<Vec<i64>>) -> Self {
        Self {
            ints: ints.into(),
            ..Self::of(name, AttributeType::Ints)
        }
    }

    /// A float attribute.
    pub fn float(name: &str, f: f32) -> Self {
        Self {
            f: Some(f),
            ..Self::of(name, AttributeType::Float)
        }
    }

    /// A string attribute.
    pub fn string(name: &str, s: &str) -> Self {
        Self {
            s: Some(s.as_bytes().to_vec()),
            ..Self::of(name, AttributeType::String)
        }
    }
}

impl ValueInfoProto {
    /// A dense tensor of static shape.
    pub fn tensor(name: &str, dtype: DataType, shape: &[usize]) -> Self {
        let dim = shape
            .iter()
            .map(|&d| Dimension {
                value: Some(DimensionValue::DimValue(d as i64)),
                denotation: None,
            })
            .collect();
        Self {
            name: Some(name.to_owned()),
            r#type: Some(TypeProto {
                value: Some(type_proto::Value::TensorType(type_proto::Tensor {
                    elem_type: Some(dtype as i32),
                    shape: Some(TensorShapeProto { dim }),
                })),
                denotation: None,
            }),
            ..Self::default()
        }
    }

    /// The element type; [`DataType::Undefined`] where this is not a dense tensor.
    pub fn dtype(&self) -> DataType {
        match self.r#type.as_ref().and_then(|t| t.value.as_ref()) {
            Some(type_proto::Value::TensorType(tensor)) => tensor.elem_type(),
            _ => DataType::Undefined,
        }
    }

    /// The static shape; none where an axis is dynamic, or where this is not a dense tensor.
    pub fn static_shape(&self) -> Option<Vec<usize>> {
        let Some(type_proto::Value::TensorType(tensor)) = self.r#type.as_ref()?.value.as_ref()
        else {
            return None;
        };
        let axis = |d: &Dimension| match d.value {
            Some(DimensionValue::DimValue(n)) => usize::try_from(n).ok(),
            _ => None,
        };
        tensor.shape.as_ref()?.dim.iter().map(axis).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> ModelProto {
        ModelProto {
            ir_version: Some(IR_VERSION),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(OPSET),
            }],
            graph: Some(GraphProto {
                name: Some("g".into()),
                node: vec![NodeProto {
                    input: vec!["x".into(), String::new(), "w".into()],
                    output: vec!["y".into()],
                    op_type: Some("Resize".into()),
                    attribute: vec![
                        AttributeProto::int("zero", 0),
                        AttributeProto::ints("pads", [0, 1, -1]),
                        AttributeProto::float("eps", 1e-5),
                        AttributeProto::string("mode", "linear"),
                        AttributeProto {
                            g: Some(GraphProto::default()),
                            ..AttributeProto::of("body", AttributeType::Graph)
                        },
                    ],
                    ..NodeProto::default()
                }],
                initializer: vec![TensorProto {
                    dims: vec![2],
                    data_type: Some(DataType::Float as i32),
                    float_data: vec![1.5, -2.0],
                    int64_data: vec![i64::MIN],
                    raw_data: Some(Vec::new()),
                    ..TensorProto::default()
                }],
                input: vec![ValueInfoProto::tensor("x", DataType::Float, &[1, 3])],
                output: vec![ValueInfoProto {
                    r#type: Some(TypeProto {
                        value: Some(type_proto::Value::OptionalType(Box::new(
                            type_proto::Sequence {
                                elem_type: Some(Box::default()),
                            },
                        ))),
                        denotation: None,
                    }),
                    ..ValueInfoProto::default()
                }],
                ..GraphProto::default()
            }),
            metadata_props: vec![StringStringEntryProto::new("unmask.road", "[0]")],
            ..ModelProto::default()
        }
    }

    #[test]
    fn a_model_survives_writing_and_reading() {
        let model = model();
        let back = ModelProto::from_bytes(&model.to_bytes()).unwrap();
        assert_eq!(back, model);
        // An explicit zero keeps its presence: readers that ask for the field must find it.
        let node = &back.graph.as_ref().unwrap().node[0];
        assert_eq!(node.attribute[0].i, Some(0));
        assert_eq!(back.fact("unmask.road"), Some("[0]"));
        assert_eq!(back.fact("unmask.std"), None);
    }

    #[test]
    fn unknown_fields_are_skipped() {
        let mut bytes = model().to_bytes();
        // Field 26, length-delimited, 2 bytes: `configuration`, which is not read here.
        bytes.extend([0xd2, 0x01, 2, 0x08, 0x01]);
        assert_eq!(ModelProto::from_bytes(&bytes).unwrap(), model());
    }

    #[test]
    fn other_bytes_are_refused() {
        let mut cut = model().to_bytes();
        cut.truncate(cut.len() / 2);
        for bytes in [cut, b"PK\x03\x04 not a model".to_vec(), Vec::new()] {
            let error = ModelProto::from_bytes(&bytes).unwrap_err();
            assert!(error.to_string().contains("not an ONNX model"), "{error}");
        }
    }

    #[test]
    fn packed_and_unpacked_lists_are_read() {
        // TensorProto.dims = [2, 3], packed (as proto3 writers do) and one by one (proto2).
        let packed = TensorProto::decode(&[0x0a, 2, 2, 3][..]).unwrap();
        let single = TensorProto::decode(&[0x08, 2, 0x08, 3][..]).unwrap();
        assert_eq!(packed.dims, [2, 3]);
        assert_eq!(single.dims, [2, 3]);
    }

    #[test]
    fn shapes_are_static_or_absent() {
        let mut info = ValueInfoProto::tensor("x", DataType::Float, &[1, 3, 8, 16]);
        assert_eq!(info.static_shape(), Some(vec![1, 3, 8, 16]));
        if let Some(type_proto::Value::TensorType(t)) =
            info.r#type.as_mut().and_then(|t| t.value.as_mut())
        {
            t.shape.as_mut().unwrap().dim[0].value = Some(DimensionValue::DimParam("N".into()));
        }
        assert_eq!(info.static_shape(), None);
    }
}
