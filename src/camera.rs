//! Where frames come from: pictures, the synthetic drive; later cameras and recordings.
