//! What a person sees: overlays, contact sheet, page.
