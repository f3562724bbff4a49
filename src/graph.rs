//! Graphs on disk: writing the network as ONNX, reading checkpoints.
