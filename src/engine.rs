//! Runs a model on a picture: the CPU engine on `rten`.
