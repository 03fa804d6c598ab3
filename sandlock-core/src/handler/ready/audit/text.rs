//! Bytes as text that loses nothing.

use std::borrow::Cow;

/// `bytes` as text: what is no UTF-8 is `\x` and two digits of the small hexadecimal alphabet for each
/// byte, and a backslash is two of them, so that no two texts look the same.
pub(super) fn escaped(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\\') => Cow::Borrowed(text),
        _ => Cow::Owned(escape(bytes)),
    }
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a reader of records does.
    fn unescaped(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('\\') {
            bytes.extend_from_slice(before.as_bytes());
            rest = match behind.strip_prefix('x') {
                Some(digits) => {
                    bytes.push(u8::from_str_radix(&digits[..2], 16).unwrap());
                    &digits[2..]
                }
                None => {
                    bytes.push(b'\\');
                    behind.strip_prefix('\\').unwrap()
                }
            };
        }
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    }

    #[test]
    fn text_stays_what_it_is_and_other_bytes_are_shown_by_their_numbers() {
        let cases: [(&[u8], &str); 7] = [
            (b"", ""),
            (b"/usr/lib", "/usr/lib"),
            ("/ü\n\u{1F600}".as_bytes(), "/ü\n\u{1F600}"),
            (b"/a\xff\x00b", "/a\\xff\0b"),
            (b"\\xff", "\\\\xff"),
            (b"\xc3", "\\xc3"),
            // The halves of a surrogate pair, as some systems write them, are no UTF-8.
            (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        ];
        for (bytes, text) in cases {
            assert_eq!(escaped(bytes), text);
        }
        assert!(matches!(escaped(b"/usr"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn every_path_can_be_had_back(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(unescaped(&escaped(&bytes)), bytes);
        }

        /// Where the escape's own letters abound.
        #[test]
        fn texts_full_of_escapes_can_be_had_back(text in "[\\\\xf0\u{80}]{0,20}") {
            prop_assert_eq!(unescaped(&escaped(text.as_bytes())), text.as_bytes());
        }
    }
}
