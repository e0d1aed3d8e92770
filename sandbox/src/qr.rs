//! QR codes of a payment's page: a picture in the answer to an order, a drawing on the page itself.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use qrcode::render::svg;
use qrcode::{Color, QrCode};

/// Pixels of a module's side.
const SCALE: usize = 6;
/// Light modules around the code, as ISO/IEC 18004 wants.
const QUIET: usize = 4;

/// A `data:image/png;base64,...` URL; none where the text is too long for a QR code.
pub(crate) fn data_url(text: &str) -> Option<String> {
    let png = png(&QrCode::new(text).ok()?).ok()?;
    Some(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png)))
}

/// An `<svg>` element; none where the text is too long for a QR code.
pub(crate) fn svg(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    let document = code.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
    // The XML declaration before it has no place in HTML.
    document.find("<svg").map(|start| document[start..].to_owned())
}

fn png(code: &QrCode) -> Result<Vec<u8>, png::EncodingError> {
    let side = (code.width() + 2 * QUIET) * SCALE;
    let mut pixels = vec![u8::MAX; side * side];
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (at % code.width() + QUIET, at / code.width() + QUIET);
            for row in y * SCALE..(y + 1) * SCALE {
                pixels[row * side + x * SCALE..][..SCALE].fill(0);
            }
        }
    }
    let mut file = Vec::new();
    // A QR code has at most 177 modules a side.
    let side = u32::try_from(side).unwrap_or(u32::MAX);
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_the_code() {
        let code = QrCode::new("http://127.0.0.1:8090/pay/sbx_1").unwrap();
        let url = data_url("http://127.0.0.1:8090/pay/sbx_1").unwrap();
        let file = BASE64_STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let side = info.width as usize;
        assert_eq!(side, (code.width() + 2 * QUIET) * SCALE);
        assert!(pixels[..QUIET * SCALE * side].iter().all(|pixel| *pixel == u8::MAX), "a quiet border");
        // The middle of each module.
        let middle = |x: usize, y: usize| {
            pixels[((y + QUIET) * SCALE + SCALE / 2) * side + (x + QUIET) * SCALE + SCALE / 2]
        };
        let seen: Vec<Color> = (0..code.width())
            .flat_map(|y| (0..code.width()).map(move |x| (x, y)))
            .map(|(x, y)| if middle(x, y) == 0 { Color::Dark } else { Color::Light })
            .collect();
        assert_eq!(seen, code.to_colors());
    }

    #[test]
    fn the_drawing_is_an_element_and_what_is_too_long_is_none() {
        let drawing = svg("http://127.0.0.1:8090/pay/sbx_1").unwrap();
        assert!(drawing.starts_with("<svg ") && drawing.ends_with("</svg>"), "{drawing}");
        let long = "x".repeat(4_000);
        assert!(svg(&long).is_none() && data_url(&long).is_none());
    }
}
