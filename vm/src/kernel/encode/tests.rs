//! PostgreSQL 15's results, and round trips.

use super::super::tests_support::{call_text, v};
use super::*;

const T: DataType = DataType::Text;
const B: DataType = DataType::Bytea;

fn of(func: Func, args: &[(&str, DataType)], ret: &DataType) -> String {
    let values: Vec<_> = args.iter().map(|(text, ty)| v(text, ty)).collect();
    call_text(func, &values, ret).unwrap_or_else(|error| error.message)
}

#[test]
fn encodings() {
    for (bytes, format, text) in [
        ("\\x1234567890abcdef00", "hex", "1234567890abcdef00"),
        ("\\x1234567890abcdef00", "base64", "EjRWeJCrze8A"),
        ("\\x1234567890abcdef00", "escape", "\\x124Vx\\220\\253\\315\\357\\000"),
        ("\\x61", "base64", "YQ=="),
        ("\\x6161", "base64", "YWE="),
        ("\\x", "base64", ""),
        ("\\x5c", "escape", "\\\\"),
    ] {
        let text = text.replace("\\x12", "\u{12}");
        assert_eq!(of(Func::Encode, &[(bytes, B), (format, T)], &T), text, "{bytes} {format}");
        assert_eq!(of(Func::Decode, &[(&text, T), (format, T)], &B), bytes);
    }
    let long = format!("\\x{}", "61".repeat(100));
    let encoded = of(Func::Encode, &[(&long, B), ("base64", T)], &T);
    assert_eq!(encoded.find('\n'), Some(76));
    assert_eq!(of(Func::Decode, &[(&encoded, T), ("base64", T)], &B), long);
}

#[test]
fn bad_input() {
    for (text, format, message) in [
        ("zz", "hex", "invalid hexadecimal digit: \"z\""),
        ("123", "hex", "invalid hexadecimal data: odd number of digits"),
        ("a", "base64", "invalid base64 end sequence"),
        ("!", "base64", "invalid symbol \"!\" found while decoding base64 sequence"),
        ("=", "base64", "unexpected \"=\" while decoding base64 sequence"),
        ("\\9", "escape", "invalid input syntax for type bytea"),
        ("a", "rot13", "unrecognized encoding: \"rot13\""),
    ] {
        assert_eq!(of(Func::Decode, &[(text, T), (format, T)], &B), message);
    }
}

#[test]
fn digests_hexadecimal_and_bytes() {
    assert_eq!(of(Func::Md5, &[("abc", T)], &T), "900150983cd24fb0d6963f7d28e17f72");
    let sha = of(Func::Sha256, &[("\\x616263", B)], &B);
    assert!(sha.starts_with("\\xba7816bf8f01cfea"));
    assert_eq!(of(Func::ToHex, &[("-1", DataType::Int4)], &T), "ffffffff");
    assert_eq!(of(Func::ToHex, &[("255", DataType::Int8)], &T), "ff");
    let int = DataType::Int4;
    assert_eq!(of(Func::GetByte, &[("\\x1234", B), ("1", int.clone())], &int), "52");
    assert_eq!(
        of(Func::SetByte, &[("\\x1234", B), ("0", int.clone()), ("255", int.clone())], &B),
        "\\xff34"
    );
    assert_eq!(
        of(Func::GetByte, &[("\\x1234", B), ("2", int.clone())], &int),
        "index 2 out of valid range, 0..1"
    );
}
