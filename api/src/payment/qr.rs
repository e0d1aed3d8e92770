//! The QR code of a payment's address, for backends that draw none.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use png::{BitDepth, ColorType, Encoder, EncodingError};
use qrcode::{Color, QrCode};

/// Pixels of a module's side. As many as a byte has bits: at one bit a pixel, a module is one byte wide.
const SCALE: usize = 8;
/// Light modules around the code (ISO/IEC 18004, section 6.3.8).
const QUIET: usize = 4;
const DARK: u8 = 0x00;
const LIGHT: u8 = 0xff;

/// A `data:image/png;base64,...` URL; none when the text is too long for a QR code.
pub(super) fn data_url(text: &str) -> Option<String> {
    let png = png(&QrCode::new(text).ok()?).ok()?;
    Some(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png)))
}

fn png(code: &QrCode) -> Result<Vec<u8>, EncodingError> {
    let modules = code.width() + 2 * QUIET;
    let mut pixels = vec![LIGHT; QUIET * SCALE * modules];
    for colors in code.to_colors().chunks(code.width()) {
        let mut row = vec![LIGHT; modules];
        for (byte, color) in row[QUIET..].iter_mut().zip(colors) {
            *byte = if *color == Color::Dark { DARK } else { LIGHT };
        }
        (0..SCALE).for_each(|_| pixels.extend_from_slice(&row));
    }
    pixels.resize(modules * SCALE * modules, LIGHT);

    let mut file = Vec::new();
    // A QR code has at most 177 modules a side.
    let side = u32::try_from(modules * SCALE).unwrap_or(u32::MAX);
    let mut encoder = Encoder::new(&mut file, side, side);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_the_code() {
        let text = "https://pay.example/p/ext-1";
        let url = data_url(text).unwrap();
        let file = BASE64_STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let side = reader.next_frame(&mut pixels).unwrap().width as usize;
        let code = QrCode::new(text).unwrap();
        assert_eq!(side, (code.width() + 2 * QUIET) * SCALE);
        for (at, pixel) in pixels.iter().enumerate() {
            let (x, y) = (at % side / SCALE, at / side / SCALE);
            let inside = |place: usize| (QUIET..QUIET + code.width()).contains(&place);
            let dark = inside(x) && inside(y) && code[(x - QUIET, y - QUIET)] == Color::Dark;
            assert_eq!(*pixel == 0, dark, "pixel {at}");
        }
    }

    #[test]
    fn of_what_is_too_long_there_is_none() {
        assert_eq!(data_url(&"x".repeat(4_000)), None);
    }
}
