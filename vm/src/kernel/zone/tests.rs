//! Zones by name and offset.

use super::*;

#[test]
fn offsets() {
    let hours =
        |name: &str| offset_micros(name).map(|micros| micros as f64 / MICROS_PER_HOUR as f64);
    for (name, expected) in [
        ("UTC", 0.0),
        ("utc", 0.0),
        ("Etc/UTC", 0.0),
        ("EST", -5.0),
        ("JST", 9.0),
        ("+02", -2.0),
        ("-05:30", 5.5),
        ("UTC+3", -3.0),
        ("Etc/GMT-14", 14.0),
        ("0530", -5.5),
    ] {
        assert_eq!(hours(name), Ok(expected), "{name}");
    }
    for name in ["", "+", "+25:99", "abc", "+1:2:3:4", "日本", "+日"] {
        assert!(hours(name).is_err(), "{name}");
    }
}
