use std::fmt::Write as _;

use qrcode::{Color, QrCode, types::QrError};

/// The blank margin that a reader needs, in modules (ISO/IEC 18004).
const MARGIN: usize = 4;

/// Returns a QR code as inline SVG. White behind it and around it, whatever the page's colours are: many readers do not
/// recognise an inverted code.
pub(super) fn svg(text: &str, label: &str) -> Result<String, QrError> {
    let code = QrCode::new(text)?;
    let width = code.width();
    let mut dark = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        for (x, color) in row.iter().enumerate() {
            if *color == Color::Dark {
                let _ = write!(dark, "M{} {}h1v1h-1z", x + MARGIN, y + MARGIN);
            }
        }
    }
    let size = width + 2 * MARGIN;
    Ok(format!(
        r##"<svg class="qr" role="img" aria-label="{label}" viewBox="0 0 {size} {size}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{dark}"/></svg>"##
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn qr_code_has_a_label_and_a_white_margin_of_four_modules() {
        let code = QrCode::new("otpauth://totp/x").unwrap();
        let size = code.width() + 8;
        let svg = svg("otpauth://totp/x", "QR code").unwrap();
        assert!(svg.starts_with("<svg") && svg.contains(r#"role="img" aria-label="QR code""#));
        assert!(svg.contains(&format!(r#"viewBox="0 0 {size} {size}""#)));
        assert!(svg.contains(&format!(r##"fill="#fff" d="M0 0h{size}v{size}H0z""##)));
        let dark = code.to_colors().into_iter().filter(|color| *color == Color::Dark).count();
        assert_eq!(svg.matches("h1v1h-1z").count(), dark);
        // The corner of the first finder pattern is dark and beside the margin.
        assert!(svg.contains("M4 4h1v1h-1z") && !svg.contains("M3 "));
    }

    #[test]
    fn text_that_is_too_long_for_a_qr_code_is_an_error() {
        assert!(svg(&"x".repeat(5000), "QR code").is_err());
    }
}
